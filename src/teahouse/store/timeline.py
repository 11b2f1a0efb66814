"""Timeline: all that happened to an app, by time: rows of many nouns, newest first."""

from typing import Any

import sqlalchemy as sa

from teahouse.ids import parse
from teahouse.store.tables import (
    asked_for,
    dataset_versions,
    drifts,
    erasures,
    predictions,
    releases,
    rollouts,
    runs,
    verdicts,
)

KINDS = {
    "version": dataset_versions,
    "run": runs,
    "release": releases,
    "verdict": verdicts,
    "rollout": rollouts,
    "drift": drifts,
}
DAY_MS = 86_400_000
_MOST = 2000  # erasures that are looked at for one page


def before(c: sa.Connection, app: str, at: int | None = None, limit: int = 40) -> tuple[list[tuple[str, Any]], bool]:
    """(kind, row) of what happened before this moment (ms UTC; None: now), newest first, and whether there is more.
    What happened in one millisecond stays together."""
    found: list[tuple[str, Any]] = []
    more = False
    for kind, table in KINDS.items():
        query = sa.select(table).where(table.c.app == app).order_by(table.c.at.desc(), table.c.seq.desc())
        query = query if at is None else query.where(table.c.at < at)
        rows = list(c.execute(query.limit(limit + 1)))
        more = more or len(rows) > limit
        found += [(kind, row) for row in rows]
    order = list(KINDS)
    found.sort(key=lambda one: (-one[1].at, -order.index(one[0]), -one[1].seq))
    if len(found) <= limit:
        return found, False
    last = found[limit - 1][1].at
    cut = [one for one in found if one[1].at >= last]
    return cut, more or len(cut) < len(found)


def erased_by_day(c: sa.Connection, app: str, since: int, until: int) -> list[tuple[int, int]]:
    """(moment of the last, how many) answers of the app that were erased, by day of UTC, newest first."""
    query = sa.select(erasures.c.at, erasures.c.ref).where(erasures.c.kind == "prediction")
    query = query.where(erasures.c.at >= since, erasures.c.at <= until).order_by(erasures.c.seq.desc()).limit(_MOST)
    asked = [(row.at, parse(row.ref)) for row in c.execute(query)]
    mine: set[bytes] = set()
    for start in range(0, len(asked), 500):
        some = [ref for _, ref in asked[start : start + 500]]
        query = sa.select(predictions.c.id).where(predictions.c.id.in_(some), predictions.c.app == app)
        mine.update(c.execute(query).scalars())
    days: dict[int, list[int]] = {}
    for at, ref in asked:
        if ref in mine:
            days.setdefault(at // DAY_MS, []).append(at)
    return [(max(moments), len(moments)) for _, moments in sorted(days.items(), reverse=True)]


def releases_of_run(c: sa.Connection, run: bytes) -> list[Any]:
    """The releases that a run made."""
    return list(c.execute(sa.select(releases).where(releases.c.run == run).order_by(releases.c.seq)))


def runs_of_version(c: sa.Connection, version: bytes, limit: int = 50) -> list[Any]:
    """The runs that learned from a dataset version, newest first."""
    query = sa.select(runs).where(runs.c.version == version).order_by(runs.c.seq.desc())
    return list(c.execute(query.limit(limit)))


def runs_of_commit(c: sa.Connection, commit: str, limit: int = 50) -> list[Any]:
    """The runs of a commit, with changes beside it or without, newest first."""
    query = sa.select(runs).where(runs.c.commit.like(f"{commit}%")).order_by(runs.c.seq.desc())
    return list(c.execute(query.limit(limit)))


def predictions_of_release(c: sa.Connection, app: str, release: str, limit: int = 12) -> list[Any]:
    """The last answers of a release among the app's last thousand."""
    last = sa.select(predictions.c.seq).where(predictions.c.app == app, asked_for)
    last = last.order_by(predictions.c.seq.desc()).limit(1000).subquery()
    query = sa.select(predictions).where(predictions.c.seq.in_(sa.select(last.c.seq)), predictions.c.release == release)
    return list(c.execute(query.order_by(predictions.c.seq.desc()).limit(limit)))
