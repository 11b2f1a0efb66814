"""Passes: what a buyer holds in place of an account. Buying, seeing what is left, restoring one by its code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from teahouse import ids
from teahouse.errors import Conflict, NotFound, NotReady, TillRefused, TooMany
from teahouse.feedback import retention
from teahouse.payments import orders
from teahouse.payments.stripe import PAY_WITHIN_S
from teahouse.payments.till import Order
from teahouse.site import origin, paying, security, visitors
from teahouse.site.deps import Deps, Shown, deps_of
from teahouse.spec.price import told
from teahouse.store import ledger, notices, passes, quotas, till_events

COOKIE_S = 400 * 86_400  # the most that browsers keep one; the code stays good after it
AWAITED, LOOK_MS = ("ordered", "pending"), 3 * 3_600_000  # an order whose payment may arrive; how long it is looked for
BANKS_MS = 86_400_000  # so long a payment that was begun and has not arrived keeps the same pass from buying more
OPEN_MS = (PAY_WITHIN_S - 600) * 1000  # so long an order's page is open, with time left to pay there
JUST_MS = 600_000  # so long after an order that was paid another one for the same pass is likely no wish
A_DAY, TRIES = 300, 100  # orders, and codes that were wrong, of one network in a day
NO_PASS = "No pass has this code."  # noqa: S105  words


class CheckoutIn(BaseModel):
    """For which app; what it costs is for the server alone to say."""

    model_config = ConfigDict(extra="ignore")

    app: str = Field(max_length=100)


class CheckoutOut(BaseModel):
    """Where to pay."""

    url: str = Field(description="A path on this site where the till is the test till.")
    order: str


class RestoreIn(BaseModel):
    """A pass's code, as the receipt shows it."""

    code: str = Field(max_length=100)


class OrderOut(BaseModel):
    """A purchase. state: ordered, pending, failed, expired, paid, disputed or refunded."""

    order: str
    at: int = Field(description="Milliseconds since 1970, UTC.")
    state: str
    amount: int = Field(description="In minor units.")
    currency: str
    price: str
    predictions: int


class PassOut(BaseModel):
    """A pass that this browser holds."""

    app: str
    title: str
    code: str
    credits: int
    blocked: bool = Field(description="True where it was refunded after use: the next purchase makes a new one.")
    orders: list[OrderOut]


class PassesOut(BaseModel):
    """The passes of this browser. play_money: True where the site's till takes no real money."""

    passes: list[PassOut]
    play_money: bool


def checkout(request: Request, response: Response, given: CheckoutIn) -> CheckoutOut:
    """Writes an order down for what the app costs now, and tells where to pay. The buyer holds the pass from now on;
    there is something on it once the till says that it was paid."""
    deps = deps_of(request)
    shown = deps.serving.app(given.app)
    price = priced(shown)
    deps.cap.refuse()  # what is sold is served: past the cap nothing is sold
    code, at, till = paying.code_of(request, shown.name, True), deps.clock(), deps.till
    again = open_order(deps, shown, code, price)
    network = visitors.network_digest(deps, security.client_address(request)).hex()

    def write(c: Any) -> tuple[str, bytes, str]:
        if not quotas.take(c, retention.day_of(at), network, "orders", 1, A_DAY):
            raise TooMany("Many asked to buy from your network today.", "", "Come back tomorrow.", retry_after=3600)
        if again is not None:
            return again
        found = orders.may_fill(c, code, shown.name, till.live)
        held = code if found is not None and code is not None else orders.new_code()
        pass_id = found.id if found is not None else ids.new_id()
        if found is None:
            passes.add(c, pass_id, held, shown.name, till.live, at)
        return orders.add(c, pass_id, shown.name, price, till.live, at), pass_id, held

    order, pass_id, held = deps.house.db.write(write)
    back = f"{origin.address_of(request.scope, request.headers, deps.settings)}/pass?app={shown.name}"
    url = called(deps, Order(order, pass_id, shown.name, shown.title, price["amount"], price["currency"],
                             price["predictions"], held, back))  # fmt: skip
    hold(request, response, shown.name, held)
    return CheckoutOut(url=url, order=order)


def open_order(deps: Deps, shown: Shown, code: str | None, price: dict[str, Any]) -> tuple[str, bytes, str] | None:
    """(order, pass, code) of the order on the same pass, for the same price, whose page at the till is still open: who
    presses again comes back to it, and one page takes one payment. Conflict where a payment is under way, or came a
    moment ago and nothing of it was used: nobody pays twice because a message is late, or a page old."""
    now = deps.clock()
    with deps.house.db.read() as c:
        row = orders.may_fill(c, code, shown.name, deps.live)
        before = [order_out(c, one) for one in till_events.orders_of_pass(c, row.id)] if row is not None else []
    if row is None or code is None:
        return None
    if awaited(before, now) == "pending":
        why = "Some ways of paying take days; the answers come by themselves once it is there."
        raise Conflict("A payment of yours is under way.", why, "See My pass.")
    fresh = sum(one.predictions for one in before if one.state == "paid" and one.at > now - JUST_MS)
    if fresh and row.balance >= fresh:
        raise Conflict("You have paid already.", f"{row.balance:,} answers are on your pass.", "See My pass.")
    asks = price["amount"], price["currency"], price["predictions"]
    found = [one for one in before if one.state == "ordered" and one.at > now - OPEN_MS]
    same = [one.order for one in found if (one.amount, one.currency, one.predictions) == asks]
    return (same[0], row.id, code) if same else None


def awaited(found: Sequence[OrderOut], now: int) -> str:
    """What is awaited of these orders: pending, a payment is under way; ordered, somebody may be paying; or ""."""
    if any(one.state == "pending" and one.at > now - BANKS_MS for one in found):
        return "pending"
    return "ordered" if any(one.state == "ordered" and one.at > now - LOOK_MS for one in found) else ""


def called(deps: Deps, order: Order) -> str:
    """The till's address for an order; a slow till holds a few threads at most, for the rest is played in."""
    if not deps.calls.acquire(blocking=False):
        raise NotReady("Many are buying just now.", "", "Try again in a moment; nothing was charged.", retry_after=5)
    try:
        return deps.till.checkout(order)
    except TillRefused as error:
        refused = error
    finally:
        deps.calls.release()
    words = "Your till refuses purchases, and says why: teahouse pay check."
    at, day = deps.clock(), retention.day_of(deps.clock())
    deps.house.db.write(lambda c: notices.add(c, "money", f"refused:{day}", words, at))
    raise refused


def priced(shown: Shown) -> dict[str, Any]:
    """What an app costs; NotFound where it costs nothing."""
    price = shown.declaration.get("price")
    if price is None:
        raise NotFound("This app sells nothing.", "It has no price.", "Play on: it is free.")
    return price


def listing(request: Request) -> PassesOut:
    """The passes of this browser, and what was bought on them. While a page of a buyer asks again and again, the till
    is asked too: one look may come before their payment does."""
    deps = deps_of(request)
    found = []
    with deps.house.db.read() as c:
        for shown in deps.serving.apps.values():
            code = paying.code_of(request, shown.name, True)
            row = passes.by_code(c, code, deps.live)
            if row is not None and code is not None and row.app == shown.name:
                found.append(pass_out(c, shown, row, code))
    if any(awaited(one.orders, deps.clock()) for one in found):
        deps.till_awaited = True
    return PassesOut(passes=found, play_money=not deps.live)


def pass_out(c: Any, shown: Shown, row: Any, code: str) -> PassOut:
    """A pass, after the end of its chain was followed: what is damaged is not told as true."""
    ledger.tail(c, row.id)
    bought = [order_out(c, one) for one in till_events.orders_of_pass(c, row.id)]
    blocked = orders.is_blocked(c, row.id)
    return PassOut(app=shown.name, title=shown.title, code=code, credits=row.balance, blocked=blocked, orders=bought)


def order_out(c: Any, row: Any) -> OrderOut:
    """An order and what it stands at."""
    state, body = orders.standing(row, till_events.of_order(c, row.provider_id)).state, row.body
    return OrderOut(order=row.provider_id, at=row.at, state=state, amount=body["amount"], currency=body["currency"],
                    price=told(body["amount"], body["currency"]), predictions=body["predictions"])  # fmt: skip


def restore(request: Request, response: Response, given: RestoreIn) -> PassOut:
    """Lets this browser hold the pass of a code, as it stands on the receipt or on another device."""
    deps, code = deps_of(request), orders.read_code(given.code)
    network = visitors.network_digest(deps, security.client_address(request)).hex()
    tries = quotas.Taken(retention.day_of(deps.clock()), network, "codes", 1, TRIES)
    with deps.house.db.read() as c:
        if not quotas.fits(c, tries):
            raise TooMany("That were many codes for one day.", "", "Come back tomorrow.", retry_after=3600)
        row = passes.by_code(c, code, deps.live)
        shown = deps.serving.apps.get(row.app) if row is not None else None
        out = pass_out(c, shown, row, code) if shown is not None and code is not None else None
    if out is None:
        deps.house.db.write(lambda c: quotas.take(c, tries))
        raise NotFound(NO_PASS, "It has twenty letters and digits, in four groups.", "Copy it from your receipt.")
    hold(request, response, out.app, out.code)
    return out


def leave(request: Request, response: Response, app: str) -> None:
    """This browser holds the app's pass no longer; its code stays good."""
    _set(request, response, deps_of(request).serving.app(app).name, "", 0)


def hold(request: Request, response: Response, app: str, code: str) -> None:
    """Gives the browser the cookie that holds a pass."""
    _set(request, response, app, code, COOKIE_S)


def _set(request: Request, response: Response, app: str, value: str, seconds: int) -> None:
    name, safe = paying.cookie(request, app), visitors.secure(request)
    response.set_cookie(name, value, max_age=seconds, path="/", secure=safe, httponly=True, samesite="lax")


def left_of(deps: Deps, request: Request, shown: Shown) -> dict[str, int] | None:
    """What this visitor has left of an app: today's free ones, and on the pass; None where nothing is counted."""
    if not paying.is_counted(shown):
        return None
    visitor, code = visitors.cookie_visitor(request), paying.code_of(request, shown.name, True)
    network = visitors.network_digest(deps, security.client_address(request))
    with deps.house.db.read() as c:
        free = min(one.most - quotas.used(c, one) for one in paying.free_today(deps, shown, (visitor, network)))
        row = passes.by_code(c, code, deps.live)
    free = min(free, int(shown.declaration["free_per_day"]))
    return {"free": max(0, free), "credits": row.balance if row is not None and row.app == shown.name else 0}
