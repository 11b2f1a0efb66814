"""Trust: nothing counts by itself that was not earned."""

import random

import pytest

from teahouse.feedback.trust import Caps, Record, Word, decide, most_of_network, most_of_visitor

SAID = Word("correct", {"label": "oolong"})
AUTO = Caps("auto", new=100)


def test_everything_waits_where_the_owner_reviews():
    assert decide(SAID, Record(probes=5, probes_right=5, agree=3), Caps("owner")).state == "waiting"


def test_a_casual_word_waits_and_standing_or_a_second_source_makes_it_count():
    assert decide(SAID, Record(), AUTO).state == "waiting"
    assert decide(SAID, Record(agree=1), AUTO).state == "accepted"
    assert decide(SAID, Record(probes=5, probes_right=4), AUTO).state == "accepted"
    assert decide(SAID, Record(probes=5, probes_right=3), AUTO).state == "waiting"
    assert decide(SAID, Record(probes=4, probes_right=4), AUTO).state == "waiting"


def test_trusted_sources_that_differ_make_it_wait():
    assert decide(SAID, Record(probes=5, probes_right=5, agree=4, disagree=1), AUTO).state == "waiting"


def test_held_rows_and_words_without_photo_or_truth_never_count_by_themselves():
    trusted = Record(probes=5, probes_right=5, agree=2)
    assert decide(Word("correct", {"label": "a"}, held=True), trusted, AUTO).state == "waiting"
    assert decide(Word("correct", {"label": "a"}, kept=False), trusted, AUTO).state == "waiting"
    assert decide(Word("agree", None), trusted, AUTO).state == "waiting"


def test_one_visitor_and_one_network_give_only_so_much():
    trusted = Record(probes=5, probes_right=5)
    assert (most_of_visitor(100), most_of_visitor(1000), most_of_network(100), most_of_network(1000)) == (5, 10, 20, 50)
    assert decide(SAID, trusted, Caps("auto", 100, of_visitor=4)).state == "accepted"
    assert decide(SAID, trusted, Caps("auto", 100, of_visitor=5)).state == "waiting"
    assert decide(SAID, trusted, Caps("auto", 100, of_network=20)).state == "waiting"


@pytest.mark.standard
def test_who_is_right_nine_times_in_ten_earns_standing_and_a_bot_among_many_labels_does_not():
    rng = random.Random(3)

    def standing(right):
        return Record(5, sum(rng.random() < right for _ in range(5))).standing

    assert sum(standing(0.92) for _ in range(1000)) >= 850
    assert sum(standing(0.02) for _ in range(1000)) == 0
