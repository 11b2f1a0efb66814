"""Sides: a fifth judges, near-duplicates stay together, old rows never move."""

import random
from collections import Counter

import numpy
import pytest

from teahouse.feedback.collect import is_near
from teahouse.training.sides import Placed, clusters_of, draw

KEY = b"k" * 32


def keys(n, seed=1):
    rng = random.Random(seed)
    return [rng.randbytes(8) for _ in range(n)]


def flipped(key, bits, seed=0):
    number = int.from_bytes(key)
    for bit in random.Random(seed).sample(range(64), bits):
        number ^= 1 << bit
    return number.to_bytes(8)


def test_of_each_label_a_fifth_is_gold_and_a_tenth_validation():
    rows = [Placed(key, "a" if i < 300 else "b") for i, key in enumerate(keys(400))]
    sides = draw(rows, KEY)
    assert Counter(sides[:300]) == {"gold": 60, "validation": 30, "train": 210}
    assert Counter(sides[300:]) == {"gold": 20, "validation": 10, "train": 70}
    assert draw(rows, KEY) == sides
    assert draw(rows, b"o" * 32) != sides


@pytest.mark.standard
def test_no_training_row_is_near_a_judging_row():
    rows = []
    for i, key in enumerate(keys(300)):
        rows += [Placed(flipped(key, n % 7, seed=n), "ab"[i % 2]) for n in range(1 + i % 4)]
    sides = draw(rows, KEY)
    judging = [row.near for row, side in zip(rows, sides, strict=True) if side == "gold"]
    training = [row.near for row, side in zip(rows, sides, strict=True) if side in ("train", "validation")]
    assert judging and training
    assert not any(is_near(one, other) for one in judging for other in training)


def test_old_rows_keep_their_side_and_new_neighbours_join_them():
    old = keys(5)
    rows = [Placed(old[0], "a", "gold"), Placed(old[1], "a", "train"), Placed(old[2], "a", "validation")]
    rows += [Placed(flipped(old[0], 4), "a"), Placed(flipped(old[1], 4), "a"), Placed(flipped(old[2], 4), "a")]
    assert draw(rows, KEY) == ["gold", "train", "validation", "gold", "train", "validation"]
    visitor = [Placed(old[3], "a", "test"), Placed(flipped(old[3], 2), "a")]
    assert draw(visitor, KEY) == ["test", "gold"]


def test_a_row_between_both_sides_is_set_aside():
    near = keys(1)[0]
    rows = [Placed(flipped(near, 6, 1), "a", "gold"), Placed(flipped(near, 6, 2), "a", "train"), Placed(near, "a")]
    assert draw(rows, KEY)[2] == "set_aside"


def test_many_that_look_alike_stay_in_training():
    near = keys(1)[0]
    rows = [Placed(near, "a")] * 50 + [Placed(key, "a") for key in keys(50, seed=2)]
    sides = draw(rows, KEY)
    assert set(sides[:50]) == {"train"}
    assert Counter(sides)["gold"] == 20


def test_clusters_are_those_of_comparing_each_with_each():
    rng = numpy.random.default_rng(5)
    some = [flipped(key, int(rng.integers(0, 9)), seed=i) for i, key in enumerate(keys(80) * 3)]
    parent = list(range(len(some)))

    def root(i):
        while parent[i] != i:
            i = parent[i]
        return i

    for i in range(len(some)):
        for j in range(i):
            if is_near(some[i], some[j]):
                parent[root(i)] = root(j)
    slow = {frozenset(i for i in range(len(some)) if root(i) == top) for top in range(len(some)) if root(top) == top}
    assert {frozenset(found) for found in clusters_of(some)} == slow


def test_keys_of_other_kinds_belong_together_only_when_equal():
    assert sorted(clusters_of([b"a" * 32, b"b" * 32, b"a" * 32])) == [[0, 2], [1]]
    assert clusters_of([]) == []
