"""P5: many small steps down are one big one. Each loses 0.4 points; none that lost a point in all is ever promoted."""

import random

import pytest

from teahouse.release.paired import Pair
from teahouse.release.verdict import Budget, History, judge

STEP, ROUNDS, GOLD = 0.4, 20, 1000


def paired(before, after, source="live"):
    return [Pair(f"{source}{n}", before[n], after[n], {"class": "ab"[n % 2], "source": source}) for n in range(GOLD)]


def worse(right, rng, lost=0.004):
    """A model that differs on 8 % of the rows and is `lost` worse on average, where 85 % are right."""
    down, up = (0.04 + lost / 2) / 0.85, (0.04 - lost / 2) / 0.15
    return (rng.random() >= down) if right else (rng.random() < up)


@pytest.mark.standard
def test_p5_twenty_small_steps_down_never_add_up():
    for seed in range(40):
        rng = random.Random(seed)
        first = [rng.random() < 0.85 for _ in range(GOLD)]
        champion, lost = first, 0.0
        for number in range(ROUNDS):
            challenger = [worse(right, rng) for right in champion]
            history = History(original=paired(first, challenger) if number else ())
            if judge(paired(champion, challenger), [], Budget(), history).outcome == "promote":
                champion, lost = challenger, lost + STEP
        assert lost <= 1.0, seed


@pytest.mark.standard
def test_p5_a_step_up_that_ends_below_the_first_champion_is_refused():
    """Worse releases were put on by hand, 5 points in all: a step that mends half of that is a gain on each test."""
    refused = 0
    for seed in range(20):
        rng = random.Random(seed)
        first = [rng.random() < 0.85 for _ in range(GOLD)]
        fallen = [right and rng.random() > 0.06 for right in first]
        mended = [now or (was and rng.random() < 0.5) for was, now in zip(first, fallen, strict=True)]
        alone = judge(paired(fallen, mended), [], Budget(), History())
        verdict = judge(paired(fallen, mended), [], Budget(), History(original=paired(first, mended)))
        assert alone.outcome == "promote"
        refused += [reason.code for reason in verdict.reasons] == ["below-the-first"]
    assert refused == 20
