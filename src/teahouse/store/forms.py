"""Forms: how fast each form of a release is on each host."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import forms


@dataclass(frozen=True)
class Timed:
    """A form of a release as it was timed on a host: run in so many slots of so many threads, so many inputs together,
    an answer took `ms` of the host's time. slots 0: it does not hold there. flips: as the release says. alone: threads
    of an inference that has the host to itself, 0 as of any."""

    release: str
    host: str
    form: str
    slots: int
    threads: int
    batch: int
    ms: float
    flips: int
    alone: int = 0
    at: int = field(default_factory=now_ms)


@takes(Timed)
def add(c: sa.Connection, timed: Timed) -> int:
    """Write down what was timed; its seq."""
    return rows.add(c, forms, values(timed))


def is_whole(row: Any) -> bool:
    """Whether a form was timed in all that is asked today: a row of before `alone` was says nothing of that; None, no
    row, says nothing at all."""
    return row is not None and row.alone is not None


def timed(c: sa.Connection, release: str, host: str) -> dict[str, Any]:
    """The latest row of each form of a release on a host, by the form's name; empty where it was never timed there."""
    query = sa.select(forms).where(forms.c.release == release, forms.c.host == host).order_by(forms.c.seq)
    return {row.form: row for row in c.execute(query)}
