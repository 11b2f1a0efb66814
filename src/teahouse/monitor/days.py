"""Days: what an app's visitors gave and got, day by day, beside the figures of its release's training. From tallies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from teahouse.monitor.today import SEEN
from teahouse.store import tallies

DAYS = 28
DAY_MS = 86_400_000
MEASURES = ("brightness", "blur", "side", "confidence")
__all__ = ["DAYS", "DAY_MS", "SEEN", "Day", "Usual", "days", "read", "usual"]


@dataclass(frozen=True)
class Day:
    """One day (days since 1970, UTC). `means` of brightness, blur, side and confidence over `photos`; answers and their
    mean milliseconds; errors; words and how many agreed; photos that are strange of those that could be told; answers
    by label; photos by device; the releases that answered, most first."""

    day: int
    means: Mapping[str, float] = field(default_factory=dict)
    photos: int = 0
    answers: int = 0
    ms: float | None = None
    errors: int = 0
    words: int = 0
    agreed: int = 0
    strange: int = 0
    told: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    devices: Mapping[str, int] = field(default_factory=dict)
    releases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usual:
    """What a measure was in the training: its mean, and where the middle eight tenths lay."""

    mean: float
    low: float
    high: float
    n: int


def usual(known: Mapping[str, Any], what: str) -> Usual | None:
    """A release's own figures of a measure; None where it brings none."""
    one = known.get(what)
    if not one or not one.get("edges"):
        return None
    return Usual(float(one["mean"]), float(one["edges"][0]), float(one["edges"][-1]), int(one["n"]))


def days(rows: Iterable[Any], today: int, count: int = DAYS) -> tuple[Day, ...]:
    """Tallies (release, day, what, n, total) as the `count` days up to and with `today`, oldest first."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.day].append(row)
    return tuple(_day(day, found.get(day, [])) for day in range(today - count + 1, today + 1))


def read(c: Any, app: str, now: int, count: int = DAYS) -> tuple[Day, ...]:
    """The same from the store; `now` in milliseconds."""
    today = now // DAY_MS
    return days(tallies.by_day(c, app, (today - count + 1) * 24, SEEN), today, count)


def _day(day: int, rows: list[Any]) -> Day:
    n: dict[str, int] = defaultdict(int)
    total: dict[str, float] = defaultdict(float)
    bins: dict[str, dict[str, int]] = defaultdict(dict)
    by_release: dict[str, int] = defaultdict(int)
    for row in rows:
        what, mark, name = row.what.partition(":")
        n[what] += row.n
        total[what] += row.total
        if mark:
            bins[what][name] = bins[what].get(name, 0) + row.n
        if what == "answers":
            by_release[row.release] += row.n
    return Day(
        day,
        means={what: total[what] / n[what] for what in MEASURES if n.get(what)},
        photos=max(n.get("brightness", 0), n.get("confidence", 0)),
        answers=n.get("answers", 0),
        ms=total["answers"] / n["answers"] if n.get("answers") else None,
        errors=n.get("errors", 0),
        words=n.get("agree", 0),
        agreed=round(total.get("agree", 0.0)),
        strange=bins["familiarity"].get("0", 0),
        told=sum(bins["familiarity"].values()),
        labels=dict(bins["labels"]),
        devices=dict(bins["device"]),
        releases=tuple(sorted(by_release, key=lambda release: -by_release[release])),
    )
