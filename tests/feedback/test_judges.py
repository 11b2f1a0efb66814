"""Judges: what looks the same is one row, and more rows never make it fewer."""

import random
from types import SimpleNamespace

from teahouse.feedback.collect import is_near
from teahouse.feedback.judges import independent


def row(near, visitor=None, source="visitor"):
    return SimpleNamespace(id=random.randbytes(16), near=near, visitor=visitor, network=None, source=source)


def flipped(key, bits, rng):
    number = int.from_bytes(key)
    for bit in rng.sample(range(64), bits):
        number ^= 1 << bit
    return number.to_bytes(8)


def test_no_two_that_count_look_alike_and_each_that_does_not_looks_like_an_older_one():
    rng = random.Random(1)
    some = [rng.randbytes(8) for _ in range(60)]
    rows = [row(flipped(rng.choice(some), rng.randint(0, 8), rng), source="maker") for _ in range(400)]
    found = independent(rows)
    assert not any(is_near(one.near, other.near) for one in found for other in found if one is not other)
    left = [each for each in rows if each not in found]
    assert left and all(any(is_near(each.near, other.near) for other in rows[: rows.index(each)]) for each in left)


def test_one_visitor_gives_five_or_a_tenth_and_the_maker_as_many_as_there_are():
    rng = random.Random(2)
    mine = [row(rng.randbytes(8), b"me") for _ in range(30)]
    others = [row(rng.randbytes(8), rng.randbytes(16)) for _ in range(100)]
    assert len(independent(mine)) == 5
    assert len(independent([*mine, *others])) == 113
    assert len(independent([row(rng.randbytes(8), None, "maker") for _ in range(30)])) == 30


def test_keys_that_are_no_image_hashes_count_once_each():
    assert len(independent([row(b"a" * 32, b"1"), row(b"a" * 32, b"2"), row(b"b" * 32, b"3")])) == 2
