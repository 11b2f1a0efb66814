"""P3: who knows what they see earns standing in the teach round, and who does not never does. Both figures by
simulation, with the product's own draw and its own test; sites of two, three and ten labels."""

import random

import pytest

from teahouse.feedback import teach
from teahouse.feedback.trust import Caps, Record, Standing, Word, decide
from teahouse.store.probes import OF_LABEL, Picture

pytestmark = pytest.mark.standard

ROUNDS = 12  # of five: two minutes on a phone
VISITORS = 1000
AUTO = Caps("auto", new=100)
BOTS = {
    "random": lambda truth, words, lot: lot.choice(words),
    "always the first": lambda truth, words, lot: words[0],
    "shifting": lambda truth, words, lot: words[(words.index(truth) + 1) % len(words)],
    "half shifting": lambda truth, words, lot: (
        truth if lot.random() < 0.5 / len(words) else words[(words.index(truth) + 1) % len(words)]
    ),
}


def site(labels):
    words = [f"label {n}" for n in range(labels)]
    return words, [
        Picture(bytes([n]) * 14 + i.to_bytes(2), {}, {"label": word})
        for n, word in enumerate(words)
        for i in range(OF_LABEL)
    ]


def play(known, words, say, lot):
    """One visitor's rounds; how they stand, and how many pictures it took."""
    standing, seen, guess = Standing(), set(), 1 / len(words)
    for _ in range(ROUNDS):
        for one in teach.pick(known, [], seen, standing, lot):
            seen.add(one.label)
            right = say(one.truth["label"], words, lot) == one.truth["label"]
            standing = standing.after(right, guess, 0)
            if standing.known or standing.failed:
                return standing, len(seen)
    return standing, len(seen)


def counts_by_itself(standing):
    return decide(Word("correct", {"label": "a"}), Record(standing), AUTO).state == "accepted"


@pytest.mark.parametrize("labels", [2, 3, 10])
@pytest.mark.parametrize("bot", BOTS)
def test_no_bot_of_a_thousand_is_accepted(labels, bot):
    words, known = site(labels)
    lot = random.Random(f"{labels} {bot}")
    stood = [play(known, words, BOTS[bot], lot)[0] for _ in range(VISITORS)]
    assert sum(map(counts_by_itself, stood)) == 0
    assert sum(one.failed for one in stood) >= 0.9 * VISITORS, "and it is found out"


@pytest.mark.parametrize("labels", [2, 3, 10])
def test_who_is_right_92_times_in_100_is_accepted_85_times_in_100(labels):
    words, known = site(labels)
    lot = random.Random(labels)

    def human(truth, words, lot):
        return truth if lot.random() < 0.92 else lot.choice([word for word in words if word != truth])

    told = [play(known, words, human, lot) for _ in range(VISITORS)]
    accepted = [asked for standing, asked in told if counts_by_itself(standing)]
    assert len(accepted) >= 0.85 * VISITORS
    assert sorted(accepted)[len(accepted) // 2] <= {2: 25, 3: 15, 10: 10}[labels], "and it takes no patience"


def test_without_the_round_no_word_counts_by_itself():
    assert not counts_by_itself(Standing())
