"""Order: what the owner reviews first, and what looks alike in one stack. Pure: rows in, stacks out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teahouse.feedback import judges

STACK = 40  # rows of one look that are decided with one key
DISAGREES, UNSURE, NOVEL, OTHERWISE, COUNTS = 1.0, 1.0, 0.5, 3.0, 1.0
AGAIN = 0.25  # what each earlier row of the same visitor takes from a row: nobody fills the owner's evening alone


@dataclass(frozen=True)
class Stack:
    """Rows that look alike; the first stands for all. `gain`: how much it teaches, 0 for rows drawn by lot."""

    rows: tuple[Any, ...]
    gain: float = 0.0


def stacks(rows: Iterable[Any]) -> list[Stack]:
    """Rows of `reviews.queue` as the owner sees them: those drawn by lot that can judge first, in the order of the lot,
    whatever was said of them; then those that teach most; last those drawn by lot that neither judge nor teach. Rows
    that look alike (six bits of 64) stand together, one side at a time: what judges and what trains are never decided
    with one key."""
    rows = list(rows)
    lot = [Stack(some) for some in alike([row for row in rows if row.judges])]
    idle = [Stack(some) for some in alike([row for row in rows if row.held and not row.judges])]
    other = sorted(alike([row for row in rows if not row.held]), key=lambda some: -gain(some[0]))
    seen: Counter[Hashable] = Counter()
    told = []
    for some in other:
        who = some[0].visitor
        told.append(Stack(some, gain(some[0]) - AGAIN * (seen[who] if who else 0)))
        seen[who] += 1
    return lot + sorted(told, key=lambda stack: -stack.gain) + idle


def alike(rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows in groups: each with the first one before it that it looks like, at most 40 together."""
    groups: list[list[Any]] = []
    looks = judges.Looks()
    of: dict[bytes, list[Any]] = {}
    for row in rows:
        near = row.near or row.label
        first = looks.near(near)
        group = of.get(first) if first is not None else None
        if group is None or len(group) >= STACK:
            group = [row]
            groups.append(group)
            if first is None:
                looks.add(near)
            of[first or near] = group
        else:
            group.append(row)
    return [tuple(group) for group in groups]


def gain(row: Any) -> float:
    """How much a row teaches: a challenger says otherwise in a replay; its visitor says otherwise than the model; the
    model is unsure (entropy, 1 where all labels are alike); its photo looks like nothing that it learned from; it
    counts already, and if it is wrong so may be others of its visitor."""
    guess = row.guess if isinstance(row.guess, Mapping) else {}
    said = row.word.get("label") if isinstance(row.word, Mapping) else None
    differs = said is not None and "label" in guess and said != guess["label"]
    novel = isinstance(row.look, Mapping) and row.look.get("familiar") is False
    otherwise = isinstance(row.other, Mapping) and row.other.get("label") != guess.get("label")
    told = OTHERWISE * otherwise + DISAGREES * differs + NOVEL * novel + COUNTS * row.counts
    return told + UNSURE * uncertainty(guess.get("scores"))


def uncertainty(scores: Any) -> float:
    """The entropy of these scores as a share of the most there can be; 1 where they are not known."""
    if not isinstance(scores, Mapping) or len(scores) < 2:
        return 1.0
    shares = [float(share) for share in scores.values() if share > 0]
    return -sum(share * math.log(share) for share in shares) / math.log(len(scores))
