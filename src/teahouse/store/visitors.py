"""Visitors who have said a word: a random number and how they stand."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import consents, feedback, labels, predictions, taught, visitors


def ensure(c: sa.Connection, id: bytes, at: int) -> bool:
    """Know this visitor from now on; whether that is new."""
    return rows.add_new(c, visitors, {"at": at, "id": id, "standing": {}}) is not None


def get(c: sa.Connection, id: bytes) -> Any:
    """The visitor's row (id, standing, at), or None."""
    return rows.one(c, visitors, visitors.c.id == id)


def stand(c: sa.Connection, id: bytes, app: str, standing: dict[str, Any]) -> None:
    """Write down how a known visitor stands in an app: in one they know their way, in another perhaps not."""
    row = get(c, id)
    if row is not None:
        both = {**(row.standing or {}), app: standing}
        c.execute(sa.update(visitors).where(visitors.c.id == id).values(standing=both))


def erase(c: sa.Connection, id: bytes) -> bool:
    """Forget them and what they taught; whether they were known."""
    c.execute(sa.update(taught).where(taught.c.visitor == id).values(visitor=None, said=None))
    gone = {"id": None, "standing": None}
    return c.execute(sa.update(visitors).where(visitors.c.id == id).values(gone)).rowcount > 0


def fade(c: sa.Connection, until: int, limit: int = 500) -> int:
    """Forget visitors known since before `until` (ms UTC) of whom nothing else is there any more, and who taught
    nothing since; how many."""
    there = [sa.exists().where(table.c.visitor == visitors.c.id) for table in (predictions, feedback, consents, labels)]
    there.append(sa.exists().where(taught.c.visitor == visitors.c.id, taught.c.at >= until))
    where = (visitors.c.id.is_not(None), visitors.c.at < until, ~sa.or_(*there))
    old = c.execute(sa.select(visitors.c.seq, visitors.c.id).where(*where).limit(limit)).all()
    gone = [row.id for row in old]
    c.execute(sa.update(taught).where(taught.c.visitor.in_(gone)).values(visitor=None, said=None))
    forgotten = sa.update(visitors).where(visitors.c.seq.in_([row.seq for row in old]))
    return c.execute(forgotten.values(id=None, standing=None)).rowcount
