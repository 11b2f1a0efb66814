"""Calibration: sureness against truth, and the intervals that a hold is told with."""

import random

import pytest

from teahouse.release import calibration
from teahouse.release.paired import Pair, tally
from teahouse.release.verdict import Budget, History, judge


def test_the_error_is_the_distance_between_sureness_and_truth():
    assert calibration.error([]) == 0
    assert calibration.error([(0.75, True), (0.75, True), (0.75, True), (0.75, False)]) == pytest.approx(0)
    assert calibration.error([(1.0, False)] * 3) == pytest.approx(1)
    assert calibration.error([(0.95, True)] * 8 + [(0.95, False)] * 2) == pytest.approx(0.15)


def rows(count, sure, seed=1, right=0.8):
    """A challenger that fixes a tenth, and says of everything that it is `sure`; the champion says what is true."""
    rng = random.Random(seed)
    found = []
    for n in range(count):
        after = rng.random() < right
        before = after and rng.random() < 0.85
        found.append(Pair(str(n), before, after, {"class": "ab"[n % 2], "source": "live"}, right * 0.85, sure))
    return found


def test_a_challenger_that_is_far_too_sure_waits_for_the_owner():
    verdict = judge(rows(200, 0.999), [], Budget(), History())
    assert (verdict.outcome, verdict.reasons[0].code) == ("hold", "too-sure")
    assert "it says 100 % on average and is right on" in verdict.reasons[0].words


def test_one_that_knows_its_sureness_or_was_measured_on_little_goes_on():
    assert judge(rows(200, 0.8), [], Budget(), History()).outcome == "promote"
    assert calibration.much_worse(rows(50, 0.999)) == []
    told = calibration.told(rows(200, 0.8))
    assert told["challenger"]["error"] < 0.1 and told["challenger"]["n"] == 200


def test_where_nobody_says_how_sure_they_are_nothing_is_told():
    assert calibration.told([Pair("1", True, True, {})]) == {}


def test_the_interval_of_a_gain_holds_the_truth_nineteen_times_in_twenty():
    rng, held, runs = random.Random(5), 0, 600
    for _ in range(runs):
        pairs = []
        for n in range(60):
            u = rng.random()
            before, after = (False, True) if u < 0.10 else (True, False) if u < 0.16 else (True, True)
            pairs.append(Pair(str(n), before, after, {}))
        low, high = tally(pairs).between
        held += low <= 4.0 <= high
    assert held / runs > 0.93
    assert tally([]).between == (-100.0, 100.0)


def test_what_a_hold_may_cost_is_said_in_words():
    few = [Pair(str(n), n % 5 > 0, n % 7 > 0, {"class": "a", "source": "live"}) for n in range(30)]
    verdict = judge(few, [], Budget(), History())
    assert verdict.outcome == "hold" and verdict.reasons[-1].code == "by-hand"
    low, high = tally(few).between
    assert "You can put it on by hand all the same. At worst it is" in verdict.reasons[-1].words
    assert verdict.reasons[-1].numbers["low"] == pytest.approx(low, abs=0.01) and low < 0 < high
