"""Sides: which of a maker's rows judge, which watch the training, which train; near-duplicates stand together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy

from teahouse.ids import share_of

NEAR_BITS = 6
GOLD, VALIDATION = 0.2, 0.1
LARGEST = 0.2  # share of the rows that may look alike and still be drawn to judge
TRAINING = {"train", "validation"}
JUDGING = {"gold", "test"}


@dataclass(frozen=True)
class Placed:
    """A row with its near key and label; `side` is None for a new one, else where it stands."""

    near: bytes
    label: str = ""
    side: str | None = None


def draw(rows: Sequence[Placed], key: bytes) -> list[str]:
    """The side of each row, in order. Old rows keep theirs. Of each label's new rows a fifth becomes gold and a tenth
    validation, drawn by `key` and by near key, so that nobody chooses; whatever is within six bits of
    each other stands on one side, and a row near both sides is set aside."""
    sides = [row.side for row in rows]
    clusters = clusters_of([row.near for row in rows])
    wanted = _wanted(rows)
    for cluster in sorted(clusters, key=lambda found: share_of(key, min(rows[i].near for i in found))):
        fresh = [i for i in cluster if sides[i] is None]
        if not fresh:
            continue
        side = _side(rows, cluster, wanted)
        for i in fresh:
            sides[i] = side
            wanted.get(side, Counter())[rows[i].label] -= 1
    return [side or "train" for side in sides]


def clusters_of(keys: Sequence[bytes]) -> list[list[int]]:
    """Indices of rows whose keys are linked by steps of at most six bits (64-bit keys; others by equality alone)."""
    groups: dict[bytes, list[int]] = {}
    for i, near in enumerate(keys):
        groups.setdefault(near, []).append(i)
    hashes = [near for near in groups if len(near) == 8]
    found = [groups[near] for near in groups if len(near) != 8]
    values = numpy.frombuffer(b"".join(hashes), dtype=">u8").astype(numpy.uint64)
    left = numpy.arange(len(hashes))
    while len(left):
        linked, frontier, left = [left[:1]], left[:1], left[1:]
        while len(frontier) and len(left):
            close = numpy.zeros(len(left), dtype=bool)
            for start in range(0, len(frontier), 64):  # in slices: a large cluster shall not take gigabytes
                apart = values[frontier[start : start + 64], None] ^ values[None, left]
                close |= (numpy.bitwise_count(apart) <= NEAR_BITS).any(axis=0)
            frontier, left = left[close], left[~close]
            linked.append(frontier)
        found.append(sorted(i for part in linked for place in part for i in groups[hashes[place]]))
    return found


def _wanted(rows: Iterable[Placed]) -> dict[str, Counter[str]]:
    """How many more rows of each label each judging side wants."""
    rows = [row for row in rows if row.side != "set_aside"]
    totals = Counter(row.label for row in rows)
    have = {side: Counter(row.label for row in rows if row.side == side) for side in ("gold", "validation")}
    shares = {"gold": GOLD, "validation": VALIDATION}
    return {
        side: Counter({name: round(n * share) - have[side][name] for name, n in totals.items()})
        for side, share in shares.items()
    }


def _side(rows: Sequence[Placed], cluster: Sequence[int], wanted: dict[str, Counter[str]]) -> str:
    stands = {rows[i].side for i in cluster} - {None, "set_aside"}
    if stands & JUDGING and stands & TRAINING:
        return "set_aside"
    if stands & JUDGING:
        return "gold"
    if stands:
        return "train" if "train" in stands else "validation"
    # so many that look alike say little as judges, and as gold they would leave little to learn from
    if len(cluster) > 3 and len(cluster) > LARGEST * len(rows):
        return "train"
    label = Counter(rows[i].label for i in cluster).most_common(1)[0][0]
    return next((side for side in ("gold", "validation") if wanted[side][label] > 0), "train")
