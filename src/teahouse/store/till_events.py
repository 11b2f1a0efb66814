"""Till events: orders, and what the tills told of them; each is kept once, and none ever changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teahouse import ids
from teahouse.errors import DatabaseUnsound
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import till_events

ORDERED, LOOKED = "ordered", "looked"
"""Kinds of our own: an order; and that all that the till remembered up to then (`at`) was taken."""
SEAL, DAY_MS = "seal", 86_400_000
_TOLD = till_events.c.kind.not_in((ORDERED, LOOKED))


@dataclass(frozen=True)
class Told:
    """An event of a till by its own id, or an order (kind ORDERED, provider_id its id, payment that of its pass)."""

    provider_id: str
    kind: str
    order: str | None
    payment: str | None
    body: dict[str, Any]
    at: int


@takes(Told)
def add(c: sa.Connection, told: Told) -> bool:
    """Keep it, under a seal of its values; False where it was kept before."""
    body = {**told.body, SEAL: seal_of(told, told.body)}
    return rows.add_new(c, till_events, {**values(told), "body": body}) is not None


def order(c: sa.Connection, id_: str) -> Any:
    """The order of this id, or None."""
    row = rows.one(c, till_events, till_events.c.provider_id == id_, till_events.c.kind == ORDERED)
    return row if row is None else sound(row)


def order_of(c: sa.Connection, payment: str) -> str | None:
    """The order that this payment is known to be for."""
    told = (till_events.c.payment == payment, till_events.c.order.is_not(None), _TOLD)
    query = sa.select(till_events.c.order).where(*told)
    return c.execute(query.limit(1)).scalar()


def of_order(c: sa.Connection, id_: str) -> list[Any]:
    """What was told of an order, under its own name or its payment's, oldest first; not the order itself."""
    told = (till_events.c.order == id_, till_events.c.payment.is_not(None), _TOLD)
    named = sa.select(till_events.c.payment).where(*told)
    mine = (till_events.c.order == id_) | till_events.c.payment.in_(named)
    return [sound(one) for one in c.execute(sa.select(till_events).where(mine, _TOLD).order_by("seq"))]


def orders(c: sa.Connection, live: bool, before: int | None = None, limit: int = 50, end: str = "") -> list[Any]:
    """Orders for real money, or those of a trial, whose id ends so, newest first."""
    ends = [till_events.c.provider_id.endswith(end, autoescape=True)] if end else []
    mine = (till_events.c.kind == ORDERED, of_kind(live), *ends)
    return rows.page(c, till_events, *mine, before=before, limit=limit)


def orders_of_pass(c: sa.Connection, pass_id: bytes) -> list[Any]:
    """What was ordered on a pass, newest first."""
    return rows.page(c, till_events, till_events.c.payment == pass_id.hex(), till_events.c.kind == ORDERED)


def orders_since(c: sa.Connection, at: int) -> list[Any]:
    """What was ordered from this moment (ms UTC) on."""
    return list(c.execute(sa.select(till_events).where(till_events.c.kind == ORDERED, till_events.c.at >= at)))


def count(c: sa.Connection, live: bool) -> int:
    """How many orders there are, for real money or on a trial."""
    mine = (till_events.c.kind == ORDERED, of_kind(live))
    return c.execute(sa.select(sa.func.count()).select_from(till_events).where(*mine)).scalar() or 0


def of_kind(live: bool) -> Any:
    """The condition that an order is for real money, or that it is one of a trial."""
    return for_money() if live else ~for_money()


def for_money() -> Any:
    """Whether an order is for real money. Its body is compact JSON, in which no text can hold these quotes."""
    return sa.type_coerce(till_events.c.body, sa.Text).contains('"live":true')


def first_order_at(c: sa.Connection) -> int | None:
    """When the first order was made (ms UTC); None where there is none."""
    return c.execute(sa.select(sa.func.min(till_events.c.at)).where(till_events.c.kind == ORDERED)).scalar()


def looked_at(c: sa.Connection) -> int:
    """Up to when (ms UTC) all that the till remembers was taken; 0 where it never was."""
    return c.execute(sa.select(sa.func.max(till_events.c.at)).where(till_events.c.kind == LOOKED)).scalar() or 0


def mark_looked(c: sa.Connection, at: int) -> None:
    """All up to this moment was taken. One mark a day is kept: whoever looks looks back further than that."""
    add(c, Told(f"{LOOKED}-{at // DAY_MS}", LOOKED, None, None, {}, at))


def sound(row: Any) -> Any:
    """The row itself; DatabaseUnsound where it is not what was written."""
    if row.body.get(SEAL) != seal_of(row, {name: value for name, value in row.body.items() if name != SEAL}):
        raise DatabaseUnsound(
            "What is written of an order is damaged.",
            f"{row.provider_id} is not what was written first.",
            "Run `teahouse doctor`; restore the last backup: `teahouse restore`.",
        )
    return row


def seal_of(row: Any, body: dict[str, Any]) -> str:
    """SHA-256 of an event's or an order's values."""
    return ids.digest_of([row.provider_id, row.kind, row.order, row.payment, body])


def known(c: sa.Connection, names: list[str]) -> set[str]:
    """Which of these events were told here."""
    found: set[str] = set()
    for at in range(0, len(names), 500):  # SQLite takes so many values in one statement, and more
        here = till_events.c.provider_id.in_(names[at : at + 500])
        found |= set(c.execute(sa.select(till_events.c.provider_id).where(here)).scalars())
    return found
