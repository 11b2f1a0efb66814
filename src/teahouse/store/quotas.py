"""Quotas: what a subject may take in a day, counted in the commit that gives it."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes
from teahouse.store.tables import quotas


@dataclass(frozen=True)
class Taken:
    """`n` more of `what` for a subject on a day, of at most `most`."""

    day: Any
    subject: str
    what: str
    n: int
    most: int


@takes(Taken)
def take(c: sa.Connection, taken: Taken) -> bool:
    """Take if it fits under the cap; False, and nothing taken, if not."""
    return take_of(c, taken) is not None


def take_of(c: sa.Connection, taken: Taken) -> int | None:
    """The same; how many were taken with these, or None."""
    if taken.n > taken.most:
        return None
    row = {"day": str(taken.day), "subject": str(taken.subject), "what": taken.what, "n": taken.n, "at": now_ms()}
    statement = rows.upsert(c, quotas).values(row)
    statement = statement.on_conflict_do_update(
        index_elements=[quotas.c.day, quotas.c.subject, quotas.c.what],
        set_={"n": quotas.c.n + statement.excluded.n},
        where=quotas.c.n + statement.excluded.n <= taken.most,
    )
    return c.execute(statement.returning(quotas.c.n)).scalar()


def fits(c: sa.Connection, taken: Taken) -> bool:
    """Whether it would fit under the cap now; nothing is taken."""
    return used(c, taken) + taken.n <= taken.most


def used(c: sa.Connection, taken: Taken) -> int:
    """How many of these were taken on that day so far."""
    mine = (quotas.c.day == str(taken.day), quotas.c.subject == str(taken.subject), quotas.c.what == taken.what)
    return c.execute(sa.select(quotas.c.n).where(*mine)).scalar() or 0


def sweep(c: sa.Connection, before_day: Any) -> int:
    """Forget the days before this one; how many rows."""
    return c.execute(sa.delete(quotas).where(quotas.c.day < str(before_day))).rowcount
