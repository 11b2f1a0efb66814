"""Tallies: counts by hour, so that no page counts predictions."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import tallies


@dataclass(frozen=True)
class Tally:
    """So many of `what` in an hour (hours since 1970), and their sum (of milliseconds, say)."""

    app: str
    release: str
    arm: str
    hour: int
    what: str
    n: int = 1
    total: float = 0.0


@takes(Tally)
def add(c: sa.Connection, tally: Tally) -> None:
    """Add to the hour's count and sum."""
    statement = rows.upsert(c, tallies).values(values(tally) | {"at": tally.hour * 3_600_000})
    more = {name: tallies.c[name] + statement.excluded[name] for name in ("n", "total")}
    names = [tallies.c[name] for name in ("app", "hour", "what", "release", "arm")]
    c.execute(statement.on_conflict_do_update(index_elements=names, set_=more))


def played(c: sa.Connection, app: str) -> int:
    """How often visitors played with the app so far: answers that they saw, and pages that opened with a picture."""
    seen = (tallies.c.what == "answers") & tallies.c.arm.in_(("full", "canary"))
    query = sa.select(sa.func.sum(tallies.c.n)).where(tallies.c.app == app, seen | (tallies.c.what == "opened"))
    return c.execute(query).scalar() or 0


def opened(c: sa.Connection, app: str) -> int:
    """How many pages of the app opened with a picture of its pool so far."""
    query = sa.select(sa.func.sum(tallies.c.n)).where(tallies.c.app == app, tallies.c.what == "opened")
    return c.execute(query).scalar() or 0


def read(c: sa.Connection, app: str, since_hour: int) -> list[Any]:
    """The app's tallies from this hour on, oldest first."""
    query = sa.select(tallies).where(tallies.c.app == app, tallies.c.hour >= since_hour)
    return list(c.execute(query.order_by(tallies.c.hour, tallies.c.what, tallies.c.release, tallies.c.arm)))
