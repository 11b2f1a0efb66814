"""Trust: nothing counts by itself that was not earned."""

import random

import pytest

from teahouse.feedback.trust import (
    DAY_MS,
    EARNED,
    FAILED,
    Caps,
    Record,
    Standing,
    Word,
    decide,
    most_of_network,
    most_of_visitor,
)

SAID = Word("correct", {"label": "oolong"})
AUTO = Caps("auto", new=100)
KNOWN = Standing(16, 16, EARNED, known=True)
FAILS = Standing(9, 4, FAILED, failed=True)


def after(answers, guess=0.5, standing=Standing(), at=0):
    for right in answers:
        standing = standing.after(right, guess, at)
    return standing


def test_everything_waits_where_the_owner_reviews():
    assert decide(SAID, Record(KNOWN, agree=3), Caps("owner")).state == "waiting"
    assert decide(SAID, Record(FAILS, copies=99), Caps("owner")).state == "waiting"


def test_a_casual_word_waits_and_standing_or_a_second_source_makes_it_count():
    assert decide(SAID, Record(), AUTO).state == "waiting"
    assert decide(SAID, Record(agree=1), AUTO).state == "accepted"
    assert decide(SAID, Record(KNOWN), AUTO).state == "accepted"
    assert decide(SAID, Record(after([True] * 5)), AUTO).state == "waiting", "five of five may be luck of two labels"


def test_what_the_release_took_to_be_all_but_impossible_the_owner_sees_first():
    for scores, state in [
        ({"oolong": 0.04, "green": 0.96}, "waiting"),
        ({"oolong": 0.06, "green": 0.94}, "accepted"),
        ({"oolong": 0.02, "green": 0.08, **dict.fromkeys("abcdefghi", 0.1)}, "waiting"),
        ({"oolong": 0.04, "green": 0.06, **dict.fromkeys("abcdefghi", 0.1)}, "accepted"),  # of eleven, 0.09 by chance
    ]:
        word = Word("correct", {"label": "oolong"}, scores=scores)
        assert decide(word, Record(KNOWN), AUTO).state == decide(word, Record(agree=1), AUTO).state == state
        assert decide(word, Record(KNOWN, agree=1, sure=True), AUTO).state == "accepted", "the owner said so before"
    scores = {"oolong": 0.01, "green": 0.99}
    for truth in ("oolong", {"liked": True}):
        assert decide(Word("", truth, scores=scores), Record(KNOWN), AUTO).state == "accepted"
    unheard = Word("", {"label": "black"}, scores=scores)
    assert decide(unheard, Record(KNOWN), AUTO).state == "waiting", "of what it has no word for it knows nothing"
    copied = Record(KNOWN, agree=1, sure=True, counted=2)
    assert decide(Word("", {"label": "oolong"}, scores=scores), copied, AUTO).state == "waiting", "copies"


def test_trusted_sources_that_differ_make_it_wait():
    assert decide(SAID, Record(KNOWN, agree=4, disagree=1), AUTO).state == "waiting"


def test_held_rows_and_words_without_photo_or_truth_never_count_by_themselves_and_are_never_set_aside():
    for record in (Record(KNOWN, agree=2), Record(FAILS, copies=99)):
        assert decide(Word("correct", {"label": "a"}, held=True), record, AUTO).state == "waiting"
        assert decide(Word("correct", {"label": "a"}, kept=False), record, AUTO).state == "waiting"
        assert decide(Word("agree", None), record, AUTO).state == "waiting"


def test_one_visitor_and_one_network_give_only_so_much():
    trusted = Record(KNOWN)
    assert (most_of_visitor(100), most_of_visitor(1000), most_of_network(100), most_of_network(1000)) == (5, 10, 20, 50)
    assert decide(SAID, trusted, Caps("auto", 100, of_visitor=4)).state == "accepted"
    assert decide(SAID, trusted, Caps("auto", 100, of_visitor=5)).state == "waiting"
    assert decide(SAID, trusted, Caps("auto", 100, of_network=20)).state == "waiting"


@pytest.mark.parametrize("record", [Record(FAILS), Record(KNOWN, mine=5), Record(agree=1, copies=20)])
def test_who_guesses_and_a_storm_of_one_photo_are_set_aside_with_the_reason(record):
    told = decide(SAID, record, AUTO)
    assert told.state == "set_aside"
    assert told.reason.endswith(".") and len(told.reason) < 120


def test_two_labels_ask_for_sixteen_and_ten_labels_for_five():
    assert [n for n in range(1, 30) if after([True] * n).known][0] == 16
    assert [n for n in range(1, 30) if after([True] * n, 0.1).known][0] == 5


def test_a_guesser_is_told_so_early_and_may_try_again_after_a_month():
    wrong = after([True, False, False, True, False, False, True, True])
    assert wrong.failed and not wrong.known
    assert after([True] * 40, standing=wrong).failed, "more answers are no new test"
    later = after([True] * 16, standing=wrong, at=31 * DAY_MS)
    assert later.known and later.probes == 16


def test_four_of_five_stay_the_floor_whatever_the_evidence_says():
    standing = Standing(probes=9, right=6, evidence=EARNED - 0.1)
    assert not standing.after(True, 0.05, 0).known
    assert Standing(probes=9, right=8, evidence=EARNED - 0.1).after(True, 0.05, 0).known


def test_standing_fades_with_wrong_answers_and_with_time():
    known = after([True] * 16)
    assert after([False], standing=known).known, "one slip is human"
    assert not after([False] * 3, standing=known).known
    assert after([True] * 500, standing=known).evidence == EARNED, "a store of right answers buys nothing"
    assert known.today(89 * DAY_MS).known and not known.today(91 * DAY_MS).known


def test_who_knows_keeps_standing_and_who_turns_loses_it():
    rng = random.Random(5)
    known = [after([True] * 16) for _ in range(500)]
    kept = sum(after([rng.random() < 0.92 for _ in range(40)], standing=one).known for one in known)
    turned = sum(after([rng.random() < 0.5 for _ in range(20)], standing=one).known for one in known)
    assert kept >= 0.95 * 500 and turned <= 0.1 * 500
