"""What the owner does with money: gives a payment back, and takes the ledger along as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from teahouse import telemetry
from teahouse.errors import Conflict, NotFound, TillRefused
from teahouse.payments import orders
from teahouse.payments.play_money import OF_PLAY, PlayMoney
from teahouse.payments.stripe import Stripe, StripeRefused
from teahouse.payments.till import TillEvent
from teahouse.site import owner_access, till
from teahouse.site.deps import Deps, deps_of
from teahouse.spec.price import WHOLE
from teahouse.store import ledger, till_events

log = telemetry.log("site")

COLUMNS = ("date", "order", "pass", "app", "from", "to", "amount", "unit", "money")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet may take for the begin of a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
KINDS = {True: "real", False: "trial"}


class RefundGiven(BaseModel):
    """Which order is to be given back, all of it."""

    order: str = Field(max_length=200)


class RefundOut(BaseModel):
    """state: refunded, or asked: the till was asked to, and the ledger moves once it tells that it did."""

    order: str
    state: Literal["refunded", "asked"]


def refund(request: Request, given: RefundGiven) -> RefundOut:
    """Gives all of a payment back; what is left of its answers ends. Needs a log-in of the last minutes."""
    deps = deps_of(request)
    owner_access.require_fresh(request)
    payment = payment_of(deps, given.order)
    if isinstance(deps.till, PlayMoney) or (isinstance(deps.till, Stripe) and payment.startswith(OF_PLAY)):
        # no money moves, and Stripe never heard of it
        give_play_back(deps, given.order, payment)
        return RefundOut(order=given.order, state="refunded")
    try:
        deps.till.refund(payment)
    except StripeRefused as error:  # it speaks to buyers; its owner may read why
        raise TillRefused("Stripe refused this.", error.said, "See https://dashboard.stripe.com/payments.") from error
    deps.till_awaited = True
    log.info("refund-asked", order=given.order)
    return RefundOut(order=given.order, state="asked")


def give_play_back(deps: Deps, order: str, payment: str) -> None:
    """Ends what was bought with play money."""
    with deps.house.db.read() as c:
        body = till_events.order(c, order).body
    at = deps.clock()
    till.take(deps, [TillEvent(f"{payment}-back", "refunded", at, order, payment, body["amount"], body["currency"])])


def payment_of(deps: Deps, order: str) -> str:
    """The till's name of an order's payment; NotFound for no order, Conflict where there is nothing to give back."""
    with deps.house.db.read() as c:
        row = till_events.order(c, order)
        events = till_events.of_order(c, order) if row is not None else []
    if row is None:
        raise NotFound("There is no such order.", "", "See the page Money.")
    now = orders.standing(row, events)
    if row.body["live"] != deps.till.live:
        other = "This order is of real money." if row.body["live"] else "This order was a trial."
        raise Conflict("It can not be given back here.", f"{other} The till is of the other kind.", "See [money] till.")
    if not now.paid:
        raise Conflict("This order was not paid.", f"It is {now.state}.", "There is nothing to give back.")
    if now.returned >= row.body["amount"]:
        raise Conflict("This payment went back already.", "", "There is nothing left to give back.")
    if now.disputed:
        why = "The buyer's bank has taken the money until it decides."
        raise Conflict("This payment is disputed.", why, "Answer the dispute at your till.")
    return next(one.payment for one in events if one.kind == "paid" and one.payment)


def table(request: Request) -> Response:
    """GET /api/owner/money.csv: all entries of the ledger, oldest first."""
    deps = deps_of(request)
    day = f"{datetime.fromtimestamp(deps.clock() / 1000, UTC):%Y-%m-%d}"
    headers = {"Content-Disposition": f'attachment; filename="money-{day}.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(lines(deps), media_type="text/csv; charset=utf-8", headers=headers)


def lines(deps: Deps) -> Iterator[str]:
    """The table, a page of the ledger at a time; no reader keeps the database from tidying up meanwhile."""
    yield written([COLUMNS])
    seq = 0
    while True:
        with deps.house.db.read() as c:
            found = ledger.after(c, seq)
        if not found:
            return
        yield written([cells(row) for row in found])
        seq = found[-1].seq


def cells(row: Any) -> tuple[Any, ...]:
    """An entry as a row of the table. Amounts are positive: from and to tell the way."""
    _, _, currency = (row.debit if ":" in row.debit else row.credit).partition(":")
    amount = Decimal(row.amount).scaleb(-2) if currency and currency not in WHOLE else Decimal(row.amount)
    at = datetime.fromtimestamp(row.at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    pass_id = row._mapping["pass"].hex()[:12]
    unit = currency or "answers"
    return at, row.order or "", pass_id, row.app, row.debit, row.credit, amount, unit, KINDS[row.live]


def written(rows: list[tuple[Any, ...]]) -> str:
    """Rows as CSV (RFC 4180), in which no text is a formula; numbers stay numbers."""
    out = io.StringIO()
    csv.writer(out).writerows([[plain(cell) if isinstance(cell, str) else cell for cell in row] for row in rows])
    return out.getvalue()


def plain(text: str) -> str:
    """A text that no spreadsheet works out: what it could take for a formula stands behind an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text
