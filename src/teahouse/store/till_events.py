"""Till events: orders, and what the tills told of them; each is kept once, and none ever changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import till_events

ORDERED = "ordered"


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
    """Keep it; False where it was kept before."""
    return rows.add_new(c, till_events, values(told)) is not None


def order(c: sa.Connection, id_: str) -> Any:
    """The order of this id, or None."""
    return rows.one(c, till_events, till_events.c.provider_id == id_, till_events.c.kind == ORDERED)


def order_of(c: sa.Connection, payment: str) -> str | None:
    """The order that this payment is known to be for."""
    told = (till_events.c.payment == payment, till_events.c.order.is_not(None), till_events.c.kind != ORDERED)
    query = sa.select(till_events.c.order).where(*told)
    return c.execute(query.limit(1)).scalar()


def of_order(c: sa.Connection, id_: str) -> list[Any]:
    """What was told of an order, under its own name or its payment's, oldest first; not the order itself."""
    told = (till_events.c.order == id_, till_events.c.payment.is_not(None), till_events.c.kind != ORDERED)
    named = sa.select(till_events.c.payment).where(*told)
    mine = (till_events.c.order == id_) | till_events.c.payment.in_(named)
    return list(c.execute(sa.select(till_events).where(mine, till_events.c.kind != ORDERED).order_by("seq")))


def orders(c: sa.Connection, live: bool, before: int | None = None, limit: int = 50) -> list[Any]:
    """Orders for real money, or those of a trial, newest first."""
    mine = (till_events.c.kind == ORDERED, of_kind(live))
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


def last_at(c: sa.Connection) -> int:
    """When the till told the newest event that is known (ms UTC, the till's clock); 0 where it told none."""
    query = sa.select(sa.func.max(till_events.c.at)).where(till_events.c.kind != ORDERED)
    return c.execute(query).scalar() or 0


def known(c: sa.Connection, ids: list[str]) -> set[str]:
    """Which of these events were told here."""
    found: set[str] = set()
    for at in range(0, len(ids), 500):  # SQLite takes so many values in one statement, and more
        here = till_events.c.provider_id.in_(ids[at : at + 500])
        found |= set(c.execute(sa.select(till_events.c.provider_id).where(here)).scalars())
    return found
