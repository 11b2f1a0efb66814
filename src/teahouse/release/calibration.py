"""Calibration: does a release know how sure it may be? Of answers it is 80 % sure of, 80 in 100 should be right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from teahouse.release.paired import Pair, Reason

BINS = 10
LEAST = 60  # rows below which nothing is held against anybody
MUCH = 0.1  # how much more a challenger may overstate its sureness than the champion
SURELY = 1.645


def error(answers: Sequence[tuple[float, bool]]) -> float:
    """How far sureness and truth lie apart, on average: the expected calibration error over ten bins (Guo, Pleiss, Sun
    and Weinberger, On calibration of modern neural networks, 2017). `answers`: (how sure, whether right); 0 of none."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for sure, right in answers:
        bins[min(BINS - 1, int(sure * BINS))].append((sure, right))
    apart = (abs(sum(sure for sure, _ in one) - sum(right for _, right in one)) for one in bins)
    return sum(apart) / len(answers) if answers else 0.0


def told(pairs: Sequence[Pair]) -> dict[str, dict]:
    """Both sides: {"champion": {"n", "sure", "right", "error"}, "challenger": …}; {} where one does not say."""
    rows = _both(pairs)
    if not rows:
        return {}
    return {
        "champion": _side([(pair.before or 0.0, pair.champion) for pair in rows]),
        "challenger": _side([(pair.after or 0.0, pair.challenger) for pair in rows]),
    }


def much_worse(pairs: Sequence[Pair]) -> list[Reason]:
    """A challenger that overstates its sureness far more than the champion, surely so: visitors would believe it."""
    rows, found = _both(pairs), told(pairs)
    if len(rows) < LEAST:
        return []
    mine, before = found["challenger"], found["champion"]
    if mine["sure"] - mine["right"] < MUCH or mine["error"] - before["error"] < MUCH:
        return []
    # by how much more it overstates itself, row by row: both sides on the same rows, so their differences are paired
    apart = [(pair.after or 0.0) - pair.challenger - (pair.before or 0.0) + pair.champion for pair in rows]
    mean = sum(apart) / len(apart)
    spread = math.sqrt(sum((one - mean) ** 2 for one in apart) / (len(apart) - 1))
    if mean <= 0 or mean * math.sqrt(len(apart)) < SURELY * spread:
        return []
    words = (
        f"It is too sure of itself: it says {100 * mine['sure']:.0f} % on average and is right on "
        f"{100 * mine['right']:.0f} %. Visitors would believe its mistakes."
    )
    return [Reason("too-sure", words, found)]


def _both(pairs: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.before is not None and pair.after is not None]


def _side(answers: Sequence[tuple[float, bool]]) -> dict:
    n = len(answers)
    return {
        "n": n,
        "sure": round(sum(sure for sure, _ in answers) / n, 4),
        "right": round(sum(right for _, right in answers) / n, 4),
        "error": round(error(answers), 4),
    }
