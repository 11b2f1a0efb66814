"""Today: the last 24 hours of an app from its tallies. Values in, values out; no page ever counts predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from teahouse.store import tallies

HOUR_MS = 3_600_000
HOURS = 24
SEEN = ("full", "canary")
"""The arms whose answers a visitor saw."""
ARMS = {"rate": (*SEEN, "pool", "shadow"), "opened": ("pool",)}
"""Of what other arms count: visitors love or not also pictures that nobody asked for, or that stood beside another; and
pages open with pictures of the pool."""


class Tally(Protocol):
    """A row of the tallies: so many of `what` in an hour, and their sum."""

    arm: str
    hour: int
    what: str
    n: int
    total: float


@dataclass(frozen=True)
class Hour:
    """One hour: answers and their milliseconds in all, errors of ours, unfamiliar photos, words and how many agreed,
    pictures that somebody spoke of and how many were loved, pages that opened with a picture of the pool."""

    answers: int = 0
    ms: float = 0.0
    errors: int = 0
    unfamiliar: int = 0
    words: int = 0
    agreed: int = 0
    rated: int = 0
    loved: int = 0
    shown: int = 0

    def and_(self, row: Tally) -> Hour:
        """This hour with one more tally in it."""
        more = {
            "answers": Hour(answers=row.n, ms=row.total),
            "errors": Hour(errors=row.n),
            "unfamiliar": Hour(unfamiliar=row.n),
            "agree": Hour(words=row.n, agreed=round(row.total)),
            "rate": Hour(rated=row.n, loved=round(row.total)),
            "opened": Hour(shown=row.n),
        }.get(row.what, Hour())
        return add((self, more))


@dataclass(frozen=True)
class Today:
    """The last hours, oldest first, and their sum."""

    hours: tuple[Hour, ...]
    sum: Hour

    @property
    def mean_ms(self) -> float | None:
        """Milliseconds an answer took on average, or None without answers."""
        return self.sum.ms / self.sum.answers if self.sum.answers else None

    @property
    def agreement(self) -> float | None:
        """The share of visitors' words that agreed, or None without words."""
        return self.sum.agreed / self.sum.words if self.sum.words else None

    @property
    def love(self) -> float | None:
        """The share of pictures that were loved among those that somebody spoke of, or None without words."""
        return self.sum.loved / self.sum.rated if self.sum.rated else None


def add(hours: Iterable[Hour]) -> Hour:
    """The sum of hours."""
    found = list(hours)
    return Hour(**{name: sum(getattr(hour, name) for hour in found) for name in Hour.__dataclass_fields__})


def today(rows: Sequence[Tally], now_hour: int, hours: int = HOURS) -> Today:
    """The `hours` hours up to and with `now_hour` (hours since 1970)."""
    found = {hour: Hour() for hour in range(now_hour - hours + 1, now_hour + 1)}
    for row in rows:
        if row.hour in found and row.arm in ARMS.get(row.what, SEEN):
            found[row.hour] = found[row.hour].and_(row)
    return Today(tuple(found.values()), add(found.values()))


def read(c: Any, app: str, now: int, hours: int = HOURS) -> Today:
    """The same from the store; `now` in milliseconds."""
    now_hour = now // HOUR_MS
    return today(tallies.read(c, app, now_hour - hours + 1), now_hour, hours)
