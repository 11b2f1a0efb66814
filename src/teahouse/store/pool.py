"""The pool: pictures that the house made of seeds while it was idle, to show the next visitor at once."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import pool


@dataclass(frozen=True)
class Made:
    """A picture in the pool: its prediction, its bytes' digest, and how much the app itself likes it (or None)."""

    app: str
    release: str
    seed: int
    prediction: bytes
    blob: str
    score: float | None = None
    at: int = field(default_factory=now_ms)


@takes(Made)
def add(c: sa.Connection, made: Made) -> bool:
    """Put a picture in; False where this release's seed is there already."""
    return rows.add_new(c, pool, values(made)) is not None


def of_release(c: sa.Connection, release: str, limit: int = 1000) -> list[Any]:
    """A release's pictures, oldest first."""
    return rows.after(c, pool, pool.c.release == release, limit=limit)


def of_prediction(c: sa.Connection, prediction: bytes) -> Any:
    """The picture that this prediction is, while the pool holds it, or None."""
    return rows.one(c, pool, pool.c.prediction == prediction)


def out(c: sa.Connection, *predictions: bytes) -> list[str]:
    """Take these out of the pool; the digests of their pictures, which the caller deletes after the commit."""
    return list(c.execute(sa.delete(pool).where(pool.c.prediction.in_(predictions)).returning(pool.c.blob)).scalars())


def out_of_releases(c: sa.Connection, but: Collection[str], until: int) -> list[str]:
    """Take out what was made before `until` (ms UTC) by all releases but these, of whatever app; the digests
    likewise."""
    gone = sa.delete(pool).where(pool.c.release.not_in(but), pool.c.at < until)
    return list(c.execute(gone.returning(pool.c.blob)).scalars())
