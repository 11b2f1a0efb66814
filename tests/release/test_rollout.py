"""The steps of a rollout: pure facts in, the next step out."""

import random
from dataclasses import replace

import pytest

from teahouse.release.rollout import (
    HOUR_MS,
    Facts,
    Rollout,
    Rules,
    Side,
    Word,
    advance,
    counting,
    evidence_against,
    guard,
    progress,
    visitors,
)
from teahouse.release.sequential import ALARM

RULES = Rules()
SHADOW = Rollout("ab" * 32, "shadow", 0, True, 60_000)
CANARY = Rollout("ab" * 32, "canary", 500, True, HOUR_MS)
QUIET = Facts(Side(50, 0, 20.0, 50), Side(950, 0, 20.0, 200))


def words(mine, other, networks=1000, seed=0):
    """`mine` and `other` as (wrong, all): the words of as many visitors, mixed, from so many networks."""
    told = [Word(True, at < mine[0], ("m", at), at % networks) for at in range(mine[1])]
    told += [Word(False, at < other[0], ("o", at), -1 - at % networks) for at in range(other[1])]
    random.Random(seed).shuffle(told)
    return tuple(told)


def step(rollout, facts, rules=RULES):
    found = advance(rollout, facts, rules)
    return None if found is None else (found.state, found.by, found.code)


# ---- in the shadow


def test_a_challenger_goes_from_the_shadow_to_one_visitor_in_twenty_after_twenty_answers():
    assert step(SHADOW, Facts(Side(19))) is None
    found = advance(SHADOW, Facts(Side(20, differs=3)), RULES)
    assert (found.state, found.share, found.by) == ("canary", 500, "loop")
    assert found.why == (
        "It answered 20 requests in the shadow without trouble, 3 of them another answer than the champion's. "
        "Now one visitor in 20 gets it."
    )


def test_where_nobody_comes_the_shadow_ends_with_time_and_says_so():
    late = replace(SHADOW, age_ms=round(2.5 * HOUR_MS))
    assert step(SHADOW, Facts(Side(3))) is None
    found = advance(late, Facts(Side(3)), RULES)
    assert found.state == "canary"
    assert found.why.startswith("Only 3 requests came to try it on within 2.4 hours, and there was no trouble.")
    short, soon = replace(RULES, hours=0.004), replace(SHADOW, age_ms=29_000)
    assert step(soon, Facts(Side(3)), short) is None, "half a minute at least"
    assert "within 30 seconds" in advance(replace(soon, age_ms=30_000), Facts(Side(3)), short).why


def test_two_errors_in_the_shadow_take_it_off_before_a_visitor_met_it_and_one_asks_for_more_answers():
    assert step(SHADOW, Facts(Side(0, 2))) == ("rolled_back", "guard", "errors")
    assert "No visitor has met it." in advance(SHADOW, Facts(Side(5, 2)), RULES).why
    assert step(SHADOW, Facts(Side(25, 1))) is None
    assert step(replace(SHADOW, age_ms=100 * HOUR_MS), Facts(Side(25, 1))) is None
    assert step(SHADOW, Facts(Side(60, 1)))[0] == "canary"


def test_what_can_not_be_loaded_is_taken_off():
    found = advance(SHADOW, Facts(broken="The file is cut off."), RULES)
    assert (found.state, found.by) == ("rolled_back", "guard") and "The file is cut off." in found.why


# ---- the guards


def test_one_error_in_ten_is_taken_off_within_two_hundred_requests():
    rng, needed = random.Random(4), []
    for _ in range(100):
        errors = 0
        for n in range(1, 400):
            errors += rng.random() < 0.1
            if advance(CANARY, Facts(Side(n - errors, errors), Side(950, 0)), RULES):
                needed.append(n)
                break
    assert len(needed) == 100 and sorted(needed)[95] <= 200
    assert step(CANARY, Facts(Side(190, 10), Side(950, 55))) is None, "the champion errs as often"


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_a_canary_that_errs_as_often_as_the_champion_stays_however_large_it_is(rate, share):
    back = 0
    for seed in range(100):
        rng, answers, errors = random.Random(seed), [0, 0], [0, 0]
        for _ in range(400):
            mine = rng.random() < share
            (errors if rng.random() < rate else answers)[mine] += 1
            facts = Facts(Side(answers[1], errors[1]), Side(answers[0], errors[0]))
            if mine and guard(CANARY, facts):
                back += 1
                break
    assert back <= 5


def test_ten_times_slower_is_taken_off_and_three_times_of_almost_nothing_is_not():
    slow = Facts(Side(30, 0, 400.0, 30), Side(600, 0, 40.0, 200))
    assert step(CANARY, slow) == ("rolled_back", "guard", "slow")
    assert advance(CANARY, slow, RULES).why == "Its answers take 400 ms, the champion's 40 ms at the same time."
    assert step(CANARY, Facts(Side(30, 0, 24.0, 30), Side(600, 0, 5.0, 200))) is None
    assert step(CANARY, Facts(Side(19, 0, 400.0, 19), Side(600, 0, 40.0, 200))) is None, "too few to tell"


def test_a_challenger_that_was_not_timed_on_this_machine_is_not_taken_off_as_slow_for_an_hour():
    slow = Facts(Side(30, 0, 400.0, 30), Side(600, 0, 40.0, 200), untimed=True)
    assert step(replace(CANARY, age_ms=HOUR_MS - 1), slow) is None
    assert step(CANARY, slow) == ("rolled_back", "guard", "slow")
    bad = Facts(Side(60), Side(900), words((30, 40), (80, 700)), untimed=True)
    assert step(replace(CANARY, age_ms=1), bad) == ("rolled_back", "guard", "disagreed")


def test_visitors_who_say_that_it_is_wrong_take_it_off():
    bad = Facts(Side(60), Side(900), words((30, 40), (80, 700)))
    assert step(CANARY, bad) == ("rolled_back", "guard", "disagreed")
    assert "30 of 40 times" in advance(CANARY, bad, RULES).why and "80 of 700" in advance(CANARY, bad, RULES).why
    good = Facts(Side(60), Side(900), words((2, 40), (80, 700)))
    assert step(CANARY, good) is None


def test_one_hostile_guest_sinks_nothing_with_however_many_names():
    honest = list(words((4, 40), (80, 700)))
    one = honest + [Word(True, True, "troll", "cellar")] * 500
    many = honest + [Word(True, True, ("troll", at), "cellar") for at in range(500)]
    for told in (one, many):
        assert step(CANARY, Facts(Side(600), Side(900), tuple(told))) is None
    assert len(counting(one)) == len(honest) + 3 and len(counting(many)) == len(honest) + 30


def test_where_all_words_come_from_one_network_nothing_can_be_told():
    told = words((20, 20), (40, 400), networks=1)
    assert evidence_against(counting(told)) == 0


def test_guards_act_on_what_the_owner_put_there_by_hand_and_nothing_else_does():
    by_hand = replace(CANARY, moves=False, age_ms=1000 * HOUR_MS)
    assert step(by_hand, Facts(Side(100, 30), Side(100))) == ("rolled_back", "guard", "errors")
    assert step(by_hand, Facts(Side(9000), Side(9000))) is None
    beside = replace(SHADOW, moves=False, age_ms=1000 * HOUR_MS)
    assert step(beside, Facts(Side(0, 50), broken="gone")) is None


# ---- to everybody


def test_enough_answers_that_visitors_agree_with_end_the_canary():
    heard = words((12, 200), (300, 3000))
    facts = Facts(Side(400), Side(7600), heard)
    found = advance(CANARY, facts, RULES)
    assert (found.state, found.share, found.by, found.code) == ("full", 10_000, "loop", "answers")
    assert "400 answers to one visitor in 20 brought no trouble" in found.why and "12 of 200" in found.why
    assert found.numbers["words"] == 200 and found.numbers["champion_words"] == 3000
    assert step(CANARY, replace(facts, challenger=Side(199))) is None
    assert step(CANARY, replace(facts, words=words((2, 10), (300, 3000)))) is None, "ten words prove nothing"


def test_time_ends_the_canary_where_the_traffic_is_too_little_and_the_words_say_so():
    late = replace(CANARY, age_ms=24 * HOUR_MS)
    assert step(CANARY, QUIET) is None
    found = advance(late, replace(QUIET, words=words((1, 4), (3, 40))), RULES)
    assert (found.state, found.code) == ("full", "hours")
    assert found.why == (
        "24 hours as the answer to one visitor in 20 brought no trouble. That is too little traffic to tell by "
        "(50 answers, 4 words of visitors); the verdict on it stands, so it answers everybody."
    )


def test_an_owner_who_wants_to_be_asked_ends_it():
    rules, late = replace(RULES, asks=True), replace(CANARY, age_ms=24 * HOUR_MS)
    assert step(late, QUIET, rules) is None
    assert "has shown enough and waits for you" in progress(late, QUIET, rules)
    assert "Then it waits for you" in progress(CANARY, QUIET, rules)
    assert step(late, Facts(Side(50, 20), Side(950)), rules) == ("rolled_back", "guard", "errors")


def test_a_pinned_or_another_champion_ends_what_moves_without_a_mark():
    assert step(CANARY, replace(QUIET, pinned=True)) == ("rolled_back", "loop", "pinned")
    assert step(SHADOW, replace(QUIET, champion_left=True)) == ("rolled_back", "loop", "champion-changed")
    assert step(replace(CANARY, moves=False), replace(QUIET, pinned=True)) is None


@pytest.mark.parametrize(
    ("share", "said"),
    [(500, "one visitor in 20"), (2500, "one visitor in 4"), (1, "one visitor in 10000"), (3000, "30 % of visitors"),
     (10_000, "every visitor"), (0, "no visitor")],
)  # fmt: skip
def test_a_share_in_words(share, said):
    assert visitors(share) == said


def test_progress_says_how_it_stands():
    assert progress(SHADOW, Facts(Side(12)), RULES).endswith("12 of 20 answers so far.")
    said = progress(CANARY, replace(QUIET, words=words((1, 4), (3, 40))), RULES)
    assert "One visitor in 20 gets it" in said and "50 answers, 0 errors" in said and "1 of 4 times" in said
    assert "in 23 hours" in said
    assert "You put it there" in progress(replace(CANARY, moves=False), QUIET, RULES)


def test_identical_releases_are_seldom_rolled_back_though_some_visitors_find_everything_wrong():
    """A/A with words that hang together: of a visitor up to three, and a tenth of visitors say wrong to everything."""
    rng, back = random.Random(17), 0
    for _ in range(60):
        told = []
        for visitor in range(1200):
            rate = 1.0 if rng.random() < 0.1 else 0.12
            mine, network = rng.random() < 0.05, rng.randrange(400)
            told += [Word(mine, rng.random() < rate, visitor, network) for _ in range(rng.randrange(1, 4))]
        heard = counting(told)
        back += any(evidence_against(heard[:to]) >= ALARM for to in range(100, len(heard), 200))
    assert back <= 3
