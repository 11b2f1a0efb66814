"""Tallies: counts by hour, so that no page counts predictions."""

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.rows import takes
from teahouse.store.tables import tallies

KEY = ("app", "hour", "what", "release", "arm")
HOUR_MS = 3_600_000


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
    add_all(c, [tally])


def add_all(c: sa.Connection, more: Iterable[Tally]) -> None:
    """Add all of these, those of one kind together."""
    n: Counter[tuple[Any, ...]] = Counter()
    total: Counter[tuple[Any, ...]] = Counter()
    for one in more:
        key = tuple(getattr(one, name) for name in KEY)
        n[key] += one.n
        total[key] += one.total
    found = [
        {**dict(zip(KEY, key, strict=True)), "at": key[1] * HOUR_MS, "n": n[key], "total": total[key]} for key in n
    ]
    if found:
        c.execute(_more(c.dialect.name), found)


def played(c: sa.Connection, app: str) -> int:
    """How often visitors played with the app so far: answers that they saw, and pages that opened with a picture."""
    seen = (tallies.c.what == "answers") & tallies.c.arm.in_(("full", "canary"))
    query = sa.select(sa.func.sum(tallies.c.n)).where(tallies.c.app == app, seen | (tallies.c.what == "opened"))
    return c.execute(query).scalar() or 0


def opened(c: sa.Connection, app: str) -> int:
    """How many pages of the app opened with a picture of its pool so far."""
    query = sa.select(sa.func.sum(tallies.c.n)).where(tallies.c.app == app, tallies.c.what == "opened")
    return c.execute(query).scalar() or 0


def by_day(c: sa.Connection, app: str, since_hour: int, arms: Sequence[str]) -> list[Any]:
    """(release, day, what, n, total) of these arms from this hour on, summed by day (days since 1970), oldest first."""
    day = (tallies.c.hour // 24).label("day")
    return list(c.execute(_summed(day, tallies.c.app == app, tallies.c.hour >= since_hour, tallies.c.arm.in_(arms))))


def by_week(c: sa.Connection, app: str, release: str, arms: Sequence[str]) -> list[Any]:
    """(release, week, what, n, total) of one release, summed by weeks that begin with its first hour, oldest first."""
    mine = (tallies.c.app == app, tallies.c.release == release, tallies.c.arm.in_(arms))
    first = c.execute(sa.select(sa.func.min(tallies.c.hour)).where(*mine)).scalar() or 0
    return list(c.execute(_summed(((tallies.c.hour - first) // 168).label("week"), *mine)))


def counts(c: sa.Connection, app: str, releases: Sequence[str], since_hour: int) -> dict[tuple[str, str, str], int]:
    """{(release, arm, what): n} of these releases from this hour (since 1970) on."""
    key = (tallies.c.release, tallies.c.arm, tallies.c.what)
    where = (tallies.c.app == app, tallies.c.hour >= since_hour, tallies.c.release.in_(releases))
    found = c.execute(sa.select(*key, sa.func.sum(tallies.c.n)).where(*where).group_by(*key))
    return {(release, arm, what): int(n) for release, arm, what, n in found}


def sums(c: sa.Connection, app: str, whats: Sequence[str], since_hour: int) -> dict[str, tuple[int, float]]:
    """{what: (n, total)} of an app from this hour (since 1970) on."""
    columns = (tallies.c.what, sa.func.sum(tallies.c.n), sa.func.sum(tallies.c.total))
    where = (tallies.c.app == app, tallies.c.hour >= since_hour, tallies.c.what.in_(whats))
    return {what: (int(n), total) for what, n, total in c.execute(sa.select(*columns).where(*where).group_by("what"))}


@functools.cache
def _more(dialect: str) -> Any:
    statement = rows.insert_in(dialect, tallies)
    more = {name: tallies.c[name] + statement.excluded[name] for name in ("n", "total")}
    return statement.on_conflict_do_update(index_elements=[tallies.c[name] for name in KEY], set_=more)


def _summed(when: Any, *where: Any) -> sa.Select[Any]:
    n, total = sa.func.sum(tallies.c.n).label("n"), sa.func.sum(tallies.c.total).label("total")
    keys = (tallies.c.release, when, tallies.c.what)
    return sa.select(*keys, n, total).where(*where).group_by(*keys).order_by(when, tallies.c.what)


def read(c: sa.Connection, app: str, since_hour: int) -> list[Any]:
    """The app's tallies from this hour on, oldest first."""
    query = sa.select(tallies).where(tallies.c.app == app, tallies.c.hour >= since_hour)
    return list(c.execute(query.order_by(tallies.c.hour, tallies.c.what, tallies.c.release, tallies.c.arm)))
