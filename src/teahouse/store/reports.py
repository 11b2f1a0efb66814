"""Reports: what people say should not be shown here. Who said it is not known; they have a receipt."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import reports, shares

# Nothing is left to decide on where what it is about was taken back.
_gone = reports.c.share.is_not(None) & ~sa.exists().where(shares.c.token == reports.c.share, shares.c.card.is_not(None))
_open = reports.c.closed.is_(None) & ~_gone


@dataclass(frozen=True)
class Report:
    """A report on a share (its token) or on a prediction; `id` is its receipt."""

    id: bytes
    kind: str
    words: str
    share: str | None = None
    prediction: bytes | None = None
    at: int = field(default_factory=now_ms)


@takes(Report)
def add(c: sa.Connection, report: Report) -> int:
    """Write a report down; its seq."""
    return rows.add(c, reports, values(report))


def page(c: sa.Connection, before: int | None = None, limit: int = 50) -> list[Any]:
    """Reports, newest first, each with `open`: whether it waits for the owner."""
    query = sa.select(reports, _open.label("open")).order_by(reports.c.seq.desc()).limit(limit)
    return list(c.execute(query if before is None else query.where(reports.c.seq < before)))


def waiting(c: sa.Connection) -> int:
    """How many wait for the owner."""
    return c.execute(sa.select(sa.func.count()).select_from(reports).where(_open)).scalar_one()


def close(c: sa.Connection, id: bytes, at: int) -> bool:
    """The owner is done with this one; False where there is none."""
    return c.execute(sa.update(reports).where(reports.c.id == id).values(closed=at)).rowcount > 0


def close_of_share(c: sa.Connection, token: str, at: int) -> int:
    """The owner is done with all that wait on this share; how many."""
    mine = sa.update(reports).where(reports.c.share == token, reports.c.closed.is_(None))
    return c.execute(mine.values(closed=at)).rowcount


def fade(c: sa.Connection, until: int, limit: int = 500) -> int:
    """Take the words out of reports older than `until` (ms UTC); how many."""
    old = sa.select(reports.c.seq).where(reports.c.at < until, reports.c.words != "").limit(limit)
    return c.execute(sa.update(reports).where(reports.c.seq.in_(old.scalar_subquery())).values(words="")).rowcount
