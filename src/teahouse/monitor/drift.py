"""Drift: whether what visitors give differs from what a release learned from, by a test that may be looked at any time.

Counts come by bins: the release's own deciles of brightness, sharpness, size and confidence, its labels, and whether a
photo is like any that it knows. Each count is tested against the shares of the training (`release.sequential`), which
holds at any moment, however often it is looked at. Alarms are of two kinds, that share the chance of a false one: over
all that the release ever saw, and within each of its weeks, where the k-th week takes 1 / (k (k + 1)) of its half, so
that all weeks together take no more than that half. And a difference counts only where it matters: where the population
stability index is over 0.2 (the rule of thumb of credit scoring; Siddiqi 2006) and what a training of so few photos
differs from its own kind by luck.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teahouse.release.sequential import multinomial_e

ALPHA = 0.05  # over all measures and all time of one release
MATTERS = 0.2
UNLIKE = 0.01  # of the training's own rows, at most, are called unlike it
LEAST = 20  # photos; no word on fewer
Week = Mapping[str, Mapping[str, tuple[int, float]]]
"""Of one week by measure and bin: how many, and the sum of their values."""

SAYS = {
    ("brightness", "lower"): "Visitors' photos are darker than those it learned from.",
    ("brightness", "higher"): "Visitors' photos are brighter than those it learned from.",
    ("blur", "lower"): "Visitors' photos are less sharp than those it learned from.",
    ("blur", "higher"): "Visitors' photos are sharper, or noisier, than those it learned from.",
    ("side", "lower"): "Visitors' photos are smaller than those it learned from.",
    ("confidence", "lower"): "It is less sure of its answers than on the photos it was tried on.",
    ("confidence", "higher"): "It is surer of its answers than on the photos it was tried on.",
}


@dataclass(frozen=True)
class Drift:
    """A measure that differs: `words` for the owner; `n` photos, `mean` of theirs and `usual` of the training (shares
    of strange photos, or of the label that differs most), the stability index, log of the e-value, the week (None:
    all)."""

    what: str
    words: str
    n: int
    mean: float
    usual: float
    psi: float
    log_e: float
    week: int | None = None

    def numbers(self) -> dict[str, Any]:
        """What is written down of it."""
        told = {name: getattr(self, name) for name in ("n", "mean", "usual", "psi", "log_e", "week")}
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}


def weeks(rows: Iterable[Any]) -> list[Week]:
    """Tallies (week, what, n, total) by week, oldest first; what is no `measure:bin` is left out."""
    found: dict[int, dict[str, dict[str, tuple[int, float]]]] = {}
    for row in rows:
        what, mark, bin_ = row.what.partition(":")
        if mark:
            found.setdefault(row.week, {}).setdefault(what, {})[bin_] = (row.n, row.total)
    return [found[week] for week in sorted(found)]


def find(known: Mapping[str, Any], seen: Sequence[Week]) -> list[Drift]:
    """What has drifted, at most one a measure: over all weeks, else in the first week that shows it."""
    shares = usual_shares(known)
    spans: list[tuple[int | None, Week, float]] = [(None, whole(seen), ALPHA / 2)]
    spans += [(k, week, ALPHA / 2 / (k * (k + 1))) for k, week in enumerate(seen, 1)]
    found: dict[str, Drift] = {}
    for number, week, alpha in spans:
        for what, usual in shares.items():
            if what not in found and what in week:
                one = _tested(what, usual, known, week[what], math.log(len(shares) / alpha))
                if one is not None:
                    found[what] = Drift(*one, number)
    return list(found.values())


def usual_shares(known: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """By measure the share of the training in each bin; familiarity always, for it is told by the release itself."""
    found = {
        what: dict(one["shares"]) if what == "labels" else {str(at): share for at, share in enumerate(one["shares"])}
        for what, one in known.items()
    }
    return {**found, "familiarity": {"0": UNLIKE, "1": 1 - UNLIKE}} if found else {}


def whole(seen: Sequence[Week]) -> Week:
    """All weeks as one."""
    sums: dict[str, dict[str, tuple[int, float]]] = {}
    for week in seen:
        for what, bins in week.items():
            mine = sums.setdefault(what, {})
            for bin_, (n, total) in bins.items():
                before = mine.get(bin_, (0, 0.0))
                mine[bin_] = (before[0] + n, before[1] + total)
    return sums


def stability(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The population stability index of counts against shares: the sum over bins of (p - q) log(p / q)."""
    n = sum(counts) + 0.5 * len(counts)
    here = [(count + 0.5) / n for count in counts]
    return sum((p - q) * math.log(p / q) for p, q in zip(here, shares, strict=True))


def by_luck(bins: int, n: int) -> float:
    """What the index of many photos against figures of `n` is at most by luck: n times it is about chi-square with
    bins - 1 degrees of freedom; its mean and three deviations."""
    return (bins - 1 + 3 * math.sqrt(2 * (bins - 1))) / n


def _tested(
    what: str, usual: Mapping[str, float], known: Mapping[str, Any], bins: Mapping[str, tuple[int, float]], least: float
) -> tuple[str, str, int, float, float, float, float] | None:
    """The parts of a Drift where this count shows one; `least`: the log of the e-value that it takes."""
    counts, shares = [bins.get(name, (0, 0.0))[0] for name in usual], list(usual.values())
    n, scale = sum(counts), sum(shares)
    if n < LEAST:
        return None
    shares = [share / scale for share in shares]
    index, log_e = stability(counts, shares), multinomial_e(counts, shares)
    luck = by_luck(len(shares), known[what]["n"]) if what in known else 0.0
    if index < MATTERS + luck or log_e < least:
        return None
    if what == "familiarity":
        mean, before = counts[0] / n, UNLIKE
        words = f"{mean * 100:.0f} of 100 photos look like none of its maker's own."
        return (what, words, n, mean, before, index, log_e) if mean > before else None
    if what == "labels":
        at = max(range(len(counts)), key=lambda one: abs(counts[one] / n - shares[one]))
        mean, before, name = counts[at] / n, shares[at], list(usual)[at].replace("_", " ")
        more = "more" if mean > before else "less"
        told = f'It says "{name}" {more} often: {mean * 100:.0f} times in 100, and {before * 100:.0f} in its training.'
        return what, told, n, mean, before, index, log_e
    mean, before = sum(total for _, total in bins.values()) / n, float(known[what]["mean"])
    words = SAYS.get((what, "lower" if _middle(counts) < _middle(shares) else "higher"))
    if words is None:  # larger photos: they are shrunk to what the model sees, and lose nothing by it
        return None
    return what, words, n, mean, before, index, log_e


def _middle(weights: Sequence[float]) -> float:
    """Where the weight lies on average, in bins."""
    return sum(at * weight for at, weight in enumerate(weights)) / sum(weights)
