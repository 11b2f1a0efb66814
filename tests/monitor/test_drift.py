"""Drift: found soon where photos differ, rarely where they do not, and never for what does not matter."""

import random
from types import SimpleNamespace

import pytest

from teahouse.model import figures
from teahouse.monitor import drift

TENTHS = {"edges": [i / 10 for i in range(1, 10)], "shares": [0.1] * 10, "mean": 0.5, "n": 1000}
KNOWN = {"brightness": TENTHS, "labels": {"shares": {"green": 0.5, "oolong": 0.5}, "n": 400}}


def week(**counts):
    """A week of counts by bin, each with the sum of its values."""
    return {what: {str(at): (n, n * at / 10) for at, n in bins.items()} for what, bins in counts.items()}


def drawn(rng, n, dark=0.0):
    """n photos whose brightness is even, but for a share that is dark."""
    bins: dict[int, int] = {}
    for _ in range(n):
        value = rng.uniform(0, 0.2) if rng.random() < dark else rng.random()
        at = figures.bin_of(TENTHS["edges"], value)
        bins[at] = bins.get(at, 0) + 1
    return bins


def test_dark_photos_are_told_within_a_hundred_and_in_words():
    seen = week(brightness=drawn(random.Random(1), 60, dark=1.0))
    (found,) = drift.find(KNOWN, [seen])
    assert found.what == "brightness" and "darker" in found.words and found.n == 60 and found.week is None
    assert found.mean < found.usual == 0.5 and found.psi > drift.MATTERS
    assert found.numbers()["log_e"] > 4


def test_the_same_photos_looked_at_after_every_one_raise_no_alarm_in_most_houses():
    alarms = 0
    for seed in range(40):
        rng, bins = random.Random(seed), {}
        for at in range(400):
            for bin_, n in drawn(rng, 1).items():
                bins[bin_] = bins.get(bin_, 0) + n
            if at % 5 == 0 and drift.find(KNOWN, [week(brightness=bins)]):
                alarms += 1
                break
    assert alarms <= 2  # of 40; the figures allow one in twenty, and what does not matter is no alarm


@pytest.mark.parametrize("n", [30, 60, 150])
def test_a_small_training_differs_from_its_own_kind_by_luck_and_that_is_no_drift(n):
    alarms = 0
    for seed in range(60):
        rng = random.Random(seed)
        known = {"brightness": figures.spread("brightness", [rng.random() for _ in range(n)])}
        values = [figures.bin_of(known["brightness"]["edges"], rng.random()) for _ in range(2000)]
        alarms += bool(drift.find(known, [week(brightness={at: values.count(at) for at in set(values)})]))
    assert alarms <= 3
    (found,) = drift.find(known, [week(brightness={0: 60})])
    assert "darker" in found.words


def test_a_small_difference_on_many_photos_is_none_that_matters():
    bins = {at: 1000 + (60 if at < 5 else -60) for at in range(10)}
    assert drift.stability(list(bins.values()), [0.1] * 10) < drift.MATTERS
    assert drift.find(KNOWN, [week(brightness=bins)]) == []


def test_what_changes_after_many_quiet_weeks_is_found_in_the_week_that_shows_it():
    quiet = [week(brightness={at: 400 for at in range(10)}) for _ in range(8)]
    (found,) = drift.find(KNOWN, [*quiet, week(brightness={0: 120, 1: 90})])
    assert found.week == 9 and found.n == 210 and "darker" in found.words


def test_photos_unlike_all_that_it_knows_are_told_and_fewer_of_them_are_no_news():
    strange = {"familiarity": {"0": (30, 0.0), "1": (70, 0.0)}}
    (found,) = drift.find(KNOWN, [strange])
    assert found.what == "familiarity" and found.words.startswith("30 of 100 photos")
    assert drift.find(KNOWN, [{"familiarity": {"1": (5000, 0.0)}}]) == []


def test_a_label_that_is_said_much_more_often_is_named():
    (found,) = drift.find(KNOWN, [{"labels": {"green": (10, 0.0), "oolong": (90, 0.0)}}])
    assert 'says "green" less often: 10 times in 100, and 50' in found.words or '"oolong" more often: 90' in found.words


@pytest.mark.parametrize("n", [1, 19])
def test_nothing_is_said_of_a_handful(n):
    assert drift.find(KNOWN, [week(brightness={0: n})]) == []


def test_a_release_without_figures_drifts_from_nothing():
    assert drift.find({}, [week(brightness={0: 500})]) == []


def test_weeks_are_made_of_tallies_and_other_counts_are_left_out():
    rows = [
        SimpleNamespace(week=1, what="brightness:3", n=4, total=1.2),
        SimpleNamespace(week=0, what="labels:a:b", n=2, total=0.0),
        SimpleNamespace(week=0, what="answers", n=9, total=90.0),
    ]
    assert drift.weeks(rows) == [{"labels": {"a:b": (2, 0.0)}}, {"brightness": {"3": (4, 1.2)}}]


def test_larger_photos_lose_nothing_and_smaller_ones_are_told():
    known = {"side": {"edges": [128], "shares": [0.99, 0.01], "mean": 128, "n": 200}}
    assert drift.find(known, [week(side={1: 100})]) == []
    known = {"side": {"edges": [500, 1000], "shares": [0.1, 0.1, 0.8], "mean": 950, "n": 200}}
    (found,) = drift.find(known, [week(side={0: 100})])
    assert "smaller" in found.words
