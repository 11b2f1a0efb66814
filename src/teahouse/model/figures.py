"""Figures: how numbers are spread in a release's training, by deciles, and where a visitor's falls among them."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

LEAST = 30  # values; fewer tell nothing of how they are spread
BINS = 10
WHAT = ("brightness", "blur", "side", "confidence")
"""What is told by bins; labels and familiarity are counted as they are."""
_DEPTH = {"brightness": 4, "blur": 3, "side": 0, "confidence": 4}  # digits


def rounded(what: str, value: float) -> float:
    """The value with as many digits as are worth keeping."""
    return round(float(value), _DEPTH[what])


def spread(what: str, values: Sequence[float]) -> dict[str, Any] | None:
    """How values are spread: {edges, shares, mean, n}, None of fewer than 30.

    `edges` are the up to nine deciles, each once; bin i holds what is above edge i-1 and not above edge i, and `shares`
    says how much of the values each bin has (a tenth, but where many values are equal), never quite nothing."""
    found = [rounded(what, value) for value in values if math.isfinite(value)]
    if len(found) < LEAST:
        return None
    edges = sorted({rounded(what, edge) for edge in statistics.quantiles(found, n=BINS, method="inclusive")})
    counts = [0] * (len(edges) + 1)
    for value in found:
        counts[bin_of(edges, value)] += 1
    whole = len(found) + 0.5 * len(counts)
    return {
        "edges": edges,
        "shares": [round((count + 0.5) / whole, 5) for count in counts],
        "mean": rounded(what, statistics.fmean(found)),
        "n": len(found),
    }


def shares_of(words: Sequence[str], said: Sequence[str]) -> dict[str, Any] | None:
    """How often each word was said: {shares: {word: share}, n}, None of fewer than 30; never quite nothing."""
    if len(said) < LEAST:
        return None
    whole = len(said) + 0.5 * len(words)
    return {"shares": {word: round((said.count(word) + 0.5) / whole, 5) for word in words}, "n": len(said)}


def bin_of(edges: Sequence[float], value: float) -> int:
    """The number of the bin that a value falls into, from 0 to as many as there are edges."""
    return bisect_left(edges, value)


def are_sound(figures: Mapping[str, Any]) -> bool:
    """Whether figures that a manifest brings can be counted against: bins with edges in order and a share above zero
    each, labels with shares above zero, and of how many rows that is told."""
    for what, one in figures.items():
        if not isinstance(one, Mapping):
            return False
        shares = one.get("shares")
        if (what == "labels") != isinstance(shares, Mapping):
            return False
        values = list(shares.values()) if isinstance(shares, Mapping) else shares
        if not isinstance(values, list) or not 1 <= len(values) <= 1000 or not all(map(_is_share, values)):
            return False
        if not _is_number(one.get("n")) or one["n"] < 1:
            return False
        edges = one.get("edges", [])
        if what != "labels" and not (
            _are_edges(edges) and len(edges) + 1 == len(values) and _is_number(one.get("mean"))
        ):
            return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 < value <= 1


def _are_edges(edges: Any) -> bool:
    if not isinstance(edges, list) or not all(map(_is_number, edges)):
        return False
    return all(before < after for before, after in zip(edges, edges[1:], strict=False))
