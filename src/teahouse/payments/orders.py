"""Orders: what the events of a till mean for the ledger, whatever their number and their order.

Nothing is done because an event came; what an order stands at is a function of the set of its events, and the ledger
is brought to it by what is missing there. So an event that comes twice, late or before its time changes nothing in
the end, and none undoes another (after Stripe's own advice: https://docs.stripe.com/webhooks#event-ordering)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from teahouse import failpoints
from teahouse.ids import new_id
from teahouse.payments.till import TillEvent, number
from teahouse.spec.price import told
from teahouse.store import ledger, notices, passes, till_events
from teahouse.store.ledger import PASS, Entry

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: none of I, L, O and U, so that a code can be read aloud and typed (crockford.com/base32)."""
GROUPS, GROUP = 4, 5


@dataclass(frozen=True)
class Standing:
    """What an order stands at. state: ordered, pending, failed, expired, paid, disputed, refunded (in part or whole);
    returned: minor units that went back."""

    state: str
    paid: bool = False
    returned: int = 0
    disputed: bool = False


def new_code() -> str:
    """A pass's code: 100 random bits in four groups of five letters."""
    letters = [secrets.choice(LETTERS) for _ in range(GROUPS * GROUP)]
    return "-".join("".join(letters[at : at + GROUP]) for at in range(0, len(letters), GROUP))


def read_code(given: str) -> str | None:
    """The code that somebody typed or pasted, however they wrote it; None where it can be none."""
    plain = "".join(given.split()).upper().replace("-", "").translate(str.maketrans("OIL", "011"))
    if len(plain) != GROUPS * GROUP or set(plain) - set(LETTERS):
        return None
    return "-".join(plain[at : at + GROUP] for at in range(0, len(plain), GROUP))


def add(c: Any, pass_id: bytes, app: str, price: dict[str, Any], live: bool, at: int) -> str:
    """Writes an order down, for the price that the app has now; its id."""
    id_ = f"order-{new_id().hex()}"
    body = {"pass": pass_id.hex(), "app": app, "live": live, **price}
    till_events.add(c, id_, till_events.ORDERED, id_, pass_id.hex(), body, at)
    return id_


def take(c: Any, event: TillEvent, at: int) -> bool:
    """Keeps an event of a till and does what it means, in one transaction; False where it was known already."""
    body = {"amount": event.amount, "currency": event.currency}
    if not till_events.add(c, event.id, event.kind, event.order, event.payment, body, event.at):
        return False
    id_ = event.order or (till_events.order_of(c, event.payment) if event.payment else None)
    if id_ is not None and not settle(c, id_, at) and event.kind == "paid":
        _tell_of_stranger(c, event, at)
    failpoints.here("webhook")
    return True


def standing(order: Any, events: Iterable[Any]) -> Standing:
    """What an order stands at after these events, in whatever order they came."""
    events = list(events)
    kinds = {one.kind for one in events}
    price = order.body["amount"], order.body["currency"]
    paid = any(one.kind == "paid" and (one.body["amount"], one.body["currency"]) == price for one in events)
    if not paid:
        state = next((kind for kind in ("failed", "expired", "pending") if kind in kinds), "ordered")
        return Standing(state)
    returned = max((one.body["amount"] for one in events if one.kind == "refunded"), default=0)
    lost = max((one.body["amount"] for one in events if one.kind == "dispute_lost"), default=0)
    returned = min(price[0], returned + lost)
    disputed = "disputed" in kinds and not kinds & {"dispute_won", "dispute_lost"}
    state = "disputed" if disputed else "refunded" if returned else "paid"
    return Standing(state, True, returned, disputed)


def settle(c: Any, id_: str, at: int) -> bool:
    """Brings the ledger to what an order stands at; False where this house knows no such order, or its pass is gone."""
    order = till_events.order(c, id_)
    if order is None or passes.get(c, bytes.fromhex(order.body["pass"])) is None:
        return False
    events = till_events.of_order(c, id_)
    now, body = standing(order, events), order.body
    pass_id, done = bytes.fromhex(body["pass"]), ledger.of_order(c, id_)
    if not now.paid:
        _tell_of_wrong_amount(c, order, events, at)
        return True
    till, income = f"till:{body['currency']}", f"income:{body['currency']}"

    def enter(debit: str, credit: str, amount: int) -> None:
        if amount > 0:
            ledger.append(c, pass_id, Entry(debit, credit, amount, at, order=id_))
            done[debit, credit] += amount

    enter(till, income, body["amount"] - done[till, income])
    enter("bought", PASS, body["predictions"] - done["bought", PASS])
    enter(income, till, now.returned - done[income, till])

    due = body["predictions"] * now.returned // body["amount"]
    due -= sum(amount for (_, credit), amount in done.items() if credit == "refunded")
    held = done[PASS, "held"] - done["held", PASS] - done["held", "refunded"]
    from_held = min(due, held)
    enter("held", "refunded", from_held)
    # of a long chain only where something is taken back
    takes = due > from_held or now.disputed
    left = ledger.left_of(ledger.entries(c, pass_id), id_) if takes else 0
    from_pass = min(due - from_held, left)
    enter(PASS, "refunded", from_pass)
    lost = due - from_held - from_pass
    enter("lost", "refunded", lost)
    if now.disputed:
        enter(PASS, "held", left - from_pass)
    else:
        enter("held", PASS, held - from_held)
    _tell(c, order, events, now, lost, at)
    return True


def is_blocked(c: Any, pass_id: bytes) -> bool:
    """Whether nothing is left on this pass, and more of it was refunded than was: a new one is made in its place."""
    the_pass = passes.get(c, pass_id)
    return the_pass is not None and not the_pass.balance and ledger.lost_some(c, pass_id)


def may_fill(c: Any, code: str | None, app: str, live: bool) -> Any:
    """The pass of this code where more can be bought on it; None where a new one is to be made."""
    found = passes.by_code(c, code, live)
    return found if found is not None and found.app == app and not is_blocked(c, found.id) else None


def _tell(c: Any, order: Any, events: Iterable[Any], now: Standing, lost: int, at: int) -> None:
    """Writes down what the owner should hear of."""
    name, sum_ = number(order.provider_id), told(order.body["amount"], order.body["currency"])
    if now.disputed:
        words = f"The buyer's bank disputes the payment {name} of {sum_}. Answer it at your till; see Money."
        notices.add(c, "money", f"disputed:{order.provider_id}", words, at)
    if failed := [one for one in events if one.kind == "refund_failed"]:
        back = told(failed[-1].body["amount"], order.body["currency"])
        words = f"{back} of the payment {name} did not reach the buyer: it is at your till again. Pay it another way."
        notices.add(c, "money", f"refund-failed:{failed[-1].provider_id}", words, at)
    if lost:
        words = f"The payment {name} of {sum_} went back after {lost} of its answers were used: these are lost to you."
        notices.add(c, "money", f"lost:{order.provider_id}", words, at)


def _tell_of_stranger(c: Any, event: TillEvent, at: int) -> None:
    """A backup is a minute old at most, and who ordered in that minute may pay after it was brought back."""
    words = (
        f"{told(event.amount, event.currency)} came for an order that this house does not know ({event.order}; payment "
        f"{event.payment}): nobody got anything for it. Give it back at your till."
    )
    notices.add(c, "money", f"unknown:{event.id}", words, at)


def _tell_of_wrong_amount(c: Any, order: Any, events: Iterable[Any], at: int) -> None:
    for one in events:
        if one.kind == "paid":
            asked = told(order.body["amount"], order.body["currency"])
            came = told(one.body["amount"], one.body["currency"].upper() or order.body["currency"])
            words = f"For an order of {asked} there came {came}: no credits were given. Look at your till."
            notices.add(c, "money", f"amount:{one.provider_id}", words, at)
