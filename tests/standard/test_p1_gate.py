"""P1: only a gain that is proved on gold rows gets through: at 1,000 rows, 8 % of which differ. The arithmetic of the
paired test stands in tests/release/test_verdict.py; here the whole verdict is asked, with all that it holds against a
challenger."""

import random
from collections import Counter

import pytest

from teahouse.release.evaluate import interval
from teahouse.release.paired import Pair
from teahouse.release.verdict import Budget, History, judge

GOLD, DIFFER, RUNS = 1000, 0.08, 250


def drawn(gain, rng, labels="ab", source="live", count=GOLD):
    """Rows of which 8 % differ and the challenger is `gain` (a share) better; it knows its sureness."""
    up, found = (DIFFER + gain) / 2, []
    for n in range(count):
        u, same = rng.random(), rng.random() < 0.9
        before, after = (False, True) if u < up else (True, False) if u < DIFFER else (same, same)
        look = {"light": rng.choice(("bright", "dark")), "device": rng.choice(("phone", "computer"))}
        found.append(Pair(f"{source}{n}", before, after, {"class": labels[n % len(labels)], "source": source, **look}))
    return found


def outcomes(gain, labels="ab", runs=RUNS):
    rng = random.Random(20261126)
    return Counter(judge(drawn(gain, rng, labels), [], Budget(), History()).outcome for _ in range(runs))


@pytest.mark.standard
def test_p1_two_points_worse_never_passes_and_three_points_better_does_95_times_in_100():
    assert outcomes(-0.02)["promote"] == 0
    better = outcomes(0.03)["promote"]
    assert interval(better, RUNS).high >= 0.95 and better >= 0.92 * RUNS
    assert interval(outcomes(0.0)["promote"], RUNS).low <= 0.05


@pytest.mark.standard
def test_p1_of_six_labels_it_passes_as_well():
    assert outcomes(0.03, "abcdef", 100)["promote"] >= 85


@pytest.mark.standard
def test_p1_corrections_alone_never_promote():
    rng = random.Random(1)
    mistakes = [Pair(f"t{n}", False, rng.random() < 0.9, {"class": "ab"[n % 2], "source": "test"}) for n in range(500)]
    assert judge(mistakes, [], Budget(), History()).outcome == "hold"
    equal = drawn(0.0, random.Random(2))
    same = [Pair(row.row, row.champion, row.champion, row.slices) for row in equal]
    assert judge([*same, *mistakes], [], Budget(), History()).outcome == "reject"
