"""Visitors who have said a word: a random number and how they stand."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import consents, feedback, labels, predictions, visitors


def ensure(c: sa.Connection, id: bytes, at: int) -> bool:
    """Know this visitor from now on; whether that is new."""
    return rows.add_new(c, visitors, {"at": at, "id": id, "standing": {}}) is not None


def get(c: sa.Connection, id: bytes) -> Any:
    """The visitor's row (id, standing, at), or None."""
    return rows.one(c, visitors, visitors.c.id == id)


def erase(c: sa.Connection, id: bytes) -> bool:
    """Forget them; whether they were known."""
    gone = {"id": None, "standing": None}
    return c.execute(sa.update(visitors).where(visitors.c.id == id).values(gone)).rowcount > 0


def fade(c: sa.Connection, until: int, limit: int = 500) -> int:
    """Forget visitors known since before `until` (ms UTC) of whom nothing else is there any more; how many."""
    there = [sa.exists().where(table.c.visitor == visitors.c.id) for table in (predictions, feedback, consents, labels)]
    where = (visitors.c.id.is_not(None), visitors.c.at < until, ~sa.or_(*there))
    old = sa.select(visitors.c.seq).where(*where).limit(limit).scalar_subquery()
    return c.execute(sa.update(visitors).where(visitors.c.seq.in_(old)).values(id=None, standing=None)).rowcount
