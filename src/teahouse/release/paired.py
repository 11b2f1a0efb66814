"""Paired: both sides on the same rows: who was right where, what luck would do, and how far apart they may truly be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from teahouse.release.evaluate import Z, interval


@dataclass(frozen=True)
class Pair:
    """One row answered by both sides. `slices` has "class" (its true label) and "source" (live, base or test), and what
    else is known of it: "light" (bright, dark), "device", "seen" (familiar, strange). `before` and `after`: how sure
    the champion and the challenger were of their answer (0 to 1), where they said."""

    row: str
    champion: bool
    challenger: bool
    slices: Mapping[str, str]
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class Reason:
    """Why, for a program (`code`), for a person (`words`), and the numbers behind it."""

    code: str
    words: str
    numbers: Mapping[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict:
        return {"code": self.code, "words": self.words, "numbers": dict(self.numbers)}


@dataclass(frozen=True)
class Tally:
    """Both sides on the same rows: `fixed` only the challenger got right, `broken` only the champion."""

    n: int
    champion: int
    challenger: int
    fixed: int
    broken: int

    @property
    def points(self) -> float:
        """Percentage points gained (negative: lost)."""
        return 100 * (self.challenger - self.champion) / self.n if self.n else 0.0

    @property
    def between(self) -> tuple[float, float]:
        """The points that may truly be gained (negative: lost), at worst and at best, 95 times in 100: Wald's interval
        for paired shares with half a row added to each of the four cells, which holds for few rows too (Agresti and
        Min, Simple improved confidence intervals for comparing matched proportions, 2005). Of no rows: anything."""
        if not self.n:
            return -100.0, 100.0
        n, up, down = self.n + 2, self.fixed + 0.5, self.broken + 0.5
        middle = (up - down) / n
        half = Z * math.sqrt(up + down - (up - down) ** 2 / n) / n
        return max(-100.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))

    def as_dict(self) -> dict:
        low, high = self.between
        return {
            **asdict(self),
            "points": round(self.points, 2),
            "low": round(low, 2),
            "high": round(high, 2),
            "p": round(tail(self.fixed, self.broken), 5),
            "champion_interval": interval(self.champion, self.n).as_dict(),
            "challenger_interval": interval(self.challenger, self.n).as_dict(),
        }


def tail(fixed: int, broken: int) -> float:
    """The chance of at least `fixed` of fixed + broken by the toss of a fair coin: McNemar's exact test, one-sided."""
    n = fixed + broken
    ways = total = math.comb(n, fixed)
    for k in range(fixed, n):
        ways = ways * (n - k) // (k + 1)
        total += ways
    return total / 2**n


def tally(pairs: Iterable[Pair]) -> Tally:
    """Count both sides on some rows."""
    pairs = list(pairs)
    return Tally(
        n=len(pairs),
        champion=sum(pair.champion for pair in pairs),
        challenger=sum(pair.challenger for pair in pairs),
        fixed=sum(pair.challenger and not pair.champion for pair in pairs),
        broken=sum(pair.champion and not pair.challenger for pair in pairs),
    )


def by(name: str, pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """The pairs by one of their slices, those that do not have it left out."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        if (value := pair.slices.get(name)) is not None:
            found.setdefault(value, []).append(pair)
    return dict(sorted(found.items()))
