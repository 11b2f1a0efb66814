"""Forecast: an honest number where there is something to count from, and words that a maker can act on."""

import pytest

from teahouse.release.forecast import LEAST, MOST, Facts, forecast, rounded, said, visits_until
from teahouse.release.verdict import ROWS


def facts(**more):
    return Facts(**{"looked": 40, "wrong": 10, "gold": 13, "trained": 27, "lot": 1 / 3, **more})


def test_nothing_is_told_of_fewer_than_twenty():
    assert forecast(facts(looked=LEAST - 1)) is None and forecast(facts(looked=LEAST)) is not None
    assert forecast(facts(lot=0)) is None and forecast(facts(lot=1)) is None


def test_no_forecast_is_shorter_than_the_verdicts_own_floor():
    told = forecast(facts(wrong=35))
    assert told.visits == told.high == pytest.approx((ROWS - 13) * 3, abs=1)
    assert told.low == int(0.85 * told.visits), "a lucky retrain comes a little sooner"


def test_the_seldomer_it_is_wrong_the_longer_it_takes():
    told = [forecast(facts(wrong=wrong)).visits or MOST + 1 for wrong in (20, 10, 5, 2, 0)]
    assert told == sorted(told) and told[0] < told[-1]


def test_more_rows_of_either_kind_bring_it_nearer_and_enough_of_both_end_it():
    rare = facts(wrong=6, looked=60)
    assert visits_until(facts(gold=40), 0.2, 90) < visits_until(facts(), 0.2, 90)
    assert visits_until(rare, 0.1, 90) > visits_until(facts(trained=300), 0.1, 90)
    told = forecast(facts(looked=400, wrong=120, gold=130, trained=270))
    assert told.visits == 0 and told.words == "There is enough by now: a retrain can show a difference."


def test_the_range_holds_the_forecast_and_narrows_with_what_was_looked_at():
    few, many = forecast(facts(looked=30, wrong=5)), forecast(facts(looked=300, wrong=50))
    for told in (few, many):
        assert told.low <= told.visits and (told.high is None or told.visits <= told.high)
    width = [(told.high or MOST) - told.low for told in (few, many)]
    assert width[1] < width[0]


def test_it_is_said_in_words_and_round_numbers():
    assert said(38, 21, 93) == "About 40 more labelled visits and a retrain can show a difference (between 20 and 95)."
    assert said(40, 40, 40) == "About 40 more labelled visits and a retrain can show a difference."
    assert said(612, 280, None).endswith("(at least 280).")
    assert said(1, 1, 1).startswith("About 1 more labelled visit and")
    assert "more than 2,000" in said(None, 300, None)
    assert [rounded(n) for n in (0, 1, 7, 12, 43, 98, 104, 467, 613)] == [0, 1, 7, 10, 45, 100, 100, 470, 600]
