"""Choices: the sign test and its looks, what stops a challenger, and that an equal one is rarely let through."""

import random

from hypothesis import given
from hypothesis import strategies as st

from teahouse.release.choices import LEAST, LOOKS, judge
from teahouse.release.verdict import SURE, Budget, Check, tail

MIRRORED = {"promote": "reject", "reject": "promote", "hold": "hold"}
CODES = {"liked-better": "liked-less", "liked-less": "liked-better"}


def verdict(preferred, checks=(), budget=None, **more):
    return judge(preferred, checks, budget or Budget(), **more)


def series(won, of):
    """So many won among so many, spread evenly."""
    return [(i + 1) * won // of > i * won // of for i in range(of)]


def test_without_a_choice_it_waits_and_says_how_many_are_missing():
    found = verdict([])
    assert (found.outcome, found.missing, found.reasons[0].code) == ("hold", LEAST, "too-few-choices")
    assert "30 more, please" in found.reasons[0].words


def test_it_is_promoted_where_most_like_it_better_and_the_words_say_so():
    found = verdict(series(24, 30), people=12)
    assert (found.outcome, found.reasons[0].code) == ("promote", "liked-better")
    assert found.reasons[0].words.startswith("24 of 30 preferred it.")
    assert found.numbers["choices"]["people"] == 12
    assert found.numbers["choices"]["interval"]["n"] == 30


def test_it_is_refused_where_most_like_it_less():
    found = verdict(series(5, 30))
    assert (found.outcome, found.reasons[0].code) == ("reject", "liked-less")


def test_what_may_be_luck_is_looked_at_again_at_twice_as_many():
    found = verdict(series(18, 30))
    assert (found.outcome, found.missing, found.reasons[0].code) == ("hold", 30, "may-be-luck")
    assert verdict(series(40, 60)).outcome == "promote"


def test_after_the_last_look_two_that_are_liked_alike_wait_no_longer():
    found = verdict(series(120, 240))
    assert (found.outcome, found.reasons[0].code, found.missing) == ("reject", "liked-alike", 0)


def test_a_look_stays_what_it_was_whatever_is_chosen_later():
    early = series(24, 30)
    assert verdict([*early, *([False] * 90)]).outcome == "promote"


def test_a_failed_check_and_a_price_stop_what_everybody_likes():
    failed = verdict([True] * 60, [Check("its pictures are varied", False, "all of them are alike")])
    assert (failed.outcome, failed.reasons[0].code) == ("reject", "check-failed")
    slow = verdict([True] * 60, (), Budget(ms=900, champion_ms=10, most_ms=35))
    assert (slow.outcome, slow.reasons[0].code) == ("reject", "too-slow")


def test_the_first_release_is_promoted_on_its_checks_alone():
    found = verdict([], [Check("its pictures are whole", True)], first=True)
    assert (found.outcome, found.reasons[0].code) == ("promote", "first")
    assert "not known yet" in found.reasons[0].words
    assert verdict([], [Check("its pictures are whole", False, "NaN")], first=True).outcome == "reject"


@given(st.lists(st.booleans(), max_size=260))
def test_swapping_the_sides_mirrors_the_verdict(preferred):
    one, other = verdict(preferred), verdict([not liked for liked in preferred])
    code = one.reasons[0].code
    if code != "liked-alike":
        assert (other.outcome, other.reasons[0].code) == (MIRRORED[one.outcome], CODES.get(code, code))
    assert other.missing == one.missing
    assert other.numbers["choices"]["n"] == one.numbers["choices"]["n"] == len(preferred)


@given(st.lists(st.booleans(), max_size=260), st.lists(st.booleans(), max_size=60))
def test_what_is_decided_stays_decided(preferred, more):
    before, after = verdict(preferred), verdict([*preferred, *more])
    if before.outcome != "hold":
        assert after.outcome == before.outcome


def test_the_chances_of_luck_at_all_looks_sum_to_no_more_than_one_in_twenty():
    assert sum(chance for _, chance in LOOKS) <= SURE
    exact = 0.0
    for wanted, chance in LOOKS:
        least = next(won for won in range(wanted + 1) if tail(won, wanted - won) < chance)
        exact += tail(least, wanted - least)
    assert exact <= SURE


def test_an_equal_challenger_is_promoted_at_most_one_time_in_twenty_however_often_it_is_looked_at():
    rng, promoted, houses = random.Random(20261125), 0, 1000
    for _ in range(houses):
        preferred = []
        while (found := verdict(preferred)).outcome == "hold":
            preferred += [rng.random() < 0.5 for _ in range(rng.randint(1, 12))]
        promoted += found.outcome == "promote"
    assert promoted / houses <= SURE


def test_one_that_seven_in_ten_prefer_is_found():
    rng, promoted = random.Random(7), 0
    for _ in range(200):
        preferred = []
        while (found := verdict(preferred)).outcome == "hold":
            preferred += [rng.random() < 0.7 for _ in range(10)]
        promoted += found.outcome == "promote"
    assert promoted >= 190
