"""The verdict: what promotes, what holds, what rejects, and why."""

import random

import pytest

from teahouse.release.verdict import Budget, Check, History, Pair, judge, odds, rows_wanted, tail, tally


def pairs(both=0, fixed=0, broken=0, neither=0, source="base", labels=("green", "oolong")):
    """Rows by outcome, the labels in turn."""
    kinds = [(True, True)] * both + [(False, True)] * fixed + [(True, False)] * broken + [(False, False)] * neither
    return [
        Pair(f"{source}{i}", before, after, {"class": labels[i % len(labels)], "source": source})
        for i, (before, after) in enumerate(kinds)
    ]


def outcome(rows, checks=(), budget=None, history=None):
    return judge(rows, checks, budget or Budget(), history or History())


def codes(verdict):
    return [reason.code for reason in verdict.reasons]


def test_the_exact_test_is_the_binomial_tail():
    assert tail(0, 0) == 1.0
    assert tail(5, 0) == pytest.approx(1 / 32)
    assert tail(3, 2) == pytest.approx(0.5)
    assert tail(700, 600) == pytest.approx(0.0030, abs=0.0003)


def test_a_clear_gain_on_enough_rows_is_promoted_with_its_numbers_in_words():
    verdict = outcome(pairs(both=80, fixed=16, broken=4))
    assert verdict.outcome == "promote"
    assert "16 mistakes of the champion right and makes 4 new ones" in verdict.reasons[0].words
    assert verdict.numbers["gold"]["points"] == 12.0


def test_too_few_rows_hold_and_say_how_many_are_missing():
    verdict = outcome(pairs(both=20, fixed=20))
    assert (verdict.outcome, verdict.missing) == ("hold", 20)
    assert "20 more, please" in verdict.reasons[0].words


def test_a_gain_that_may_be_luck_holds_and_estimates_the_rows_that_would_settle_it():
    verdict = outcome(pairs(both=90, fixed=7, broken=3))
    assert (verdict.outcome, codes(verdict)) == ("hold", ["may-be-luck", "by-hand"])
    assert 100 < verdict.missing + 100 < 400


def test_what_is_no_better_is_rejected():
    assert codes(outcome(pairs(both=90, fixed=5, broken=5))) == ["not-better"]
    assert outcome(pairs(both=90, fixed=2, broken=8)).outcome == "reject"


def test_the_second_look_at_a_candidate_is_the_last():
    first = outcome(pairs(both=90, fixed=7, broken=3))
    second = outcome(pairs(both=90, fixed=7, broken=3), history=History(judged=1))
    assert (first.outcome, second.outcome, codes(second)) == ("hold", "reject", ["judged-twice"])


def test_a_class_that_loses_more_than_five_points_stops_a_gain():
    rows = [*pairs(both=50, fixed=30, labels=("green",)), *pairs(both=20, broken=4, labels=("oolong",))]
    verdict = outcome(rows)
    assert (verdict.outcome, codes(verdict)) == ("hold", ["class-suffers", "better", "by-hand"])
    assert '"oolong" would suffer: right on 20 of 24' in verdict.reasons[0].words


def test_a_class_that_suffers_for_no_proven_gain_is_reason_enough_to_refuse():
    rows = [*pairs(both=50, fixed=6, labels=("green",)), *pairs(both=20, broken=4, labels=("oolong",))]
    assert (outcome(rows).outcome, codes(outcome(rows))) == ("reject", ["class-suffers"])


def test_a_class_of_few_rows_decides_nothing():
    rows = [*pairs(both=60, fixed=30, labels=("green",)), *pairs(both=2, broken=3, labels=("oolong",))]
    assert outcome(rows).outcome == "promote"


def test_live_rows_decide_as_soon_as_there_are_any():
    rows = [*pairs(both=80, fixed=16, broken=4), *pairs(both=10, fixed=5, source="live")]
    verdict = outcome(rows)
    assert (verdict.outcome, verdict.numbers["measured_on"], verdict.missing) == ("hold", "live", 45)


def test_a_challenger_that_forgets_the_makers_rows_is_rejected():
    live = pairs(both=70, fixed=20, broken=2, source="live")
    assert outcome([*live, *pairs(both=195, broken=4, fixed=1)]).outcome == "promote"
    verdict = outcome([*live, *pairs(both=180, broken=20)])
    assert "forgets" in codes(verdict)


def test_visitors_words_can_hold_and_never_promote():
    live = pairs(both=70, fixed=20, broken=2, source="live")
    against = outcome([*live, *pairs(both=20, broken=10, source="test")])
    assert (against.outcome, codes(against)) == ("hold", ["visitors-disagree", "by-hand"])
    lured = outcome([*pairs(both=100, source="live"), *pairs(fixed=200, source="test")])
    assert lured.outcome == "reject"


def test_small_steps_down_from_the_first_champion_are_never_promoted():
    rows = pairs(both=80, fixed=16, broken=4)
    history = History(original=pairs(both=96, fixed=0, broken=2, neither=2))
    assert codes(outcome(rows, history=history)) == ["below-the-first"]


def test_a_failed_check_or_a_blown_budget_rejects_whatever_was_gained():
    rows = pairs(both=80, fixed=20)
    failed = outcome(rows, [Check("mirrored", False, "It said oolong."), Check("other", True)])
    assert (failed.outcome, codes(failed)) == ("reject", ["check-failed"])
    slow = outcome(rows, budget=Budget(ms=90, champion_ms=10, most_ms=35, bytes=10, most_bytes=5))
    assert codes(slow) == ["too-slow", "too-big"]


def test_a_first_release_is_compared_with_the_commonest_label_and_needs_no_floor_of_rows():
    good = outcome(pairs(both=5, fixed=4, neither=1), history=History(first=True))
    assert (good.outcome, codes(good)) == ("promote", ["first"])
    bad = outcome(pairs(both=2, broken=4), history=History(first=True))
    assert (bad.outcome, codes(bad)) == ("reject", ["worse-than-guessing"])
    assert outcome([], history=History(first=True)).outcome == "promote"
    assert outcome([], [Check("a", False)], history=History(first=True)).outcome == "reject"


def drawn(n, differ, gain, rng):
    up = (differ + gain) / 2
    found = []
    for i in range(n):
        u = rng.random()
        same = rng.random() < 0.9
        before, after = (False, True) if u < up else (True, False) if u < differ else (same, same)
        found.append(Pair(str(i), before, after, {"class": "ab"[i % 2], "source": "base"}))
    return found


@pytest.mark.standard
def test_at_a_thousand_rows_worse_never_passes_and_three_points_better_nearly_always():
    rng = random.Random(20261125)
    worse = sum(outcome(drawn(1000, 0.08, -0.02, rng)).outcome == "promote" for _ in range(200))
    equal = sum(outcome(drawn(1000, 0.08, 0.0, rng)).outcome == "promote" for _ in range(200))
    better = sum(outcome(drawn(1000, 0.08, 0.03, rng)).outcome == "promote" for _ in range(200))
    assert worse == 0
    assert equal <= 20
    assert better >= 184  # 95 % of many draws; of 200 fewer than 184 would come one time in a hundred


def test_the_chance_that_a_model_two_points_worse_passes_is_one_in_ten_thousand():
    # 80 rows of 1,000 differ; the worse model wins a differing row with 3/8
    need = next(k for k in range(81) if tail(k, 80 - k) < 0.05)
    import math

    chance = sum(math.comb(80, k) * 0.375**k * 0.625 ** (80 - k) for k in range(need, 81))
    assert chance <= 1e-4
    better = sum(math.comb(80, k) * 0.6875**k * 0.3125 ** (80 - k) for k in range(need, 81))
    assert better >= 0.95


def test_rows_wanted_are_enough_and_not_far_too_many():
    for fixed, broken in ((7, 3), (30, 20), (5, 4), (2, 0)):
        found = tally(pairs(both=100 - fixed - broken, fixed=fixed, broken=broken))
        times = rows_wanted(found) / 100
        assert tail(round(fixed * times), round(broken * times)) < 0.08  # whole rows: an estimate
        assert tail(round(fixed * times * 0.6), round(broken * times * 0.6)) > 0.05


def test_luck_is_told_in_round_numbers():
    assert odds(1 / 1398) == "about one time in 1,400" and odds(1 / 31) == "about one time in 31"
