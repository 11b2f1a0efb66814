"""The always-valid tests: they seldom cry wolf however often they are asked, and they do cry."""

import functools
import math
import random

import pytest

from teahouse.release.sequential import ALARM, Block, above_e, bernoulli_e, interval, multinomial_e


def mean_of(e, outcomes):
    """The expected e-value over all outcomes (probability, log e-value)."""
    return sum(p * math.exp(e(*outcome)) for p, outcome in outcomes)


def binomial(n, p):
    return [(math.comb(n, k) * p**k * (1 - p) ** (n - k), k) for k in range(n + 1)]


@pytest.mark.parametrize("rate", [0.03, 0.2, 0.6])
@pytest.mark.parametrize("better", [0.0, 0.02])
def test_a_block_of_equal_or_better_challengers_is_never_a_good_bet(rate, better):
    outcomes = [
        (p * q, (Block(2, k, 9, other),)) for p, k in binomial(2, rate - better) for q, other in binomial(9, rate)
    ]
    assert 0.3 < mean_of(lambda block: bernoulli_e([block]), outcomes) <= 1 + 1e-9


def test_a_worse_challenger_is_a_good_bet_and_one_that_is_all_wrong_is_found_within_a_few_words():
    outcomes = [(p * q, (Block(2, k, 9, other),)) for p, k in binomial(2, 0.6) for q, other in binomial(9, 0.2)]
    assert mean_of(lambda block: bernoulli_e([block]), outcomes) > 1.2
    words = next(n for n in range(1, 50) if bernoulli_e([Block(2, 2, 20, 3)] * n) >= ALARM)
    assert words <= 3


def test_a_block_in_which_one_side_is_silent_tells_nothing():
    assert bernoulli_e([]) == 0
    assert bernoulli_e([Block(5, 5, 0, 0), Block(0, 0, 9, 0)]) == 0


def test_the_order_of_words_within_counts_and_of_blocks_does_not_matter():
    blocks = [Block(2, 1, 20, 3), Block(3, 0, 11, 2), Block(2, 2, 9, 0)]
    assert bernoulli_e(blocks) == pytest.approx(bernoulli_e(blocks[::-1]))


def test_asked_after_every_answer_it_cries_wolf_in_fewer_than_one_case_in_twenty():
    rng, cried = random.Random(5), 0
    for _ in range(400):
        errors = 0
        for n in range(1, 401):
            errors += rng.random() < 0.02
            if above_e(errors, n, 0.02) >= ALARM:
                cried += 1
                break
    assert cried <= 20


def test_ten_errors_in_a_hundred_are_told_from_two_within_two_hundred_answers():
    rng, found = random.Random(9), []
    for _ in range(200):
        errors = 0
        for n in range(1, 1000):
            errors += rng.random() < 0.1
            if above_e(errors, n, 0.02) >= ALARM:
                found.append(n)
                break
    assert sorted(found)[190] <= 200


def test_even_deciles_are_a_fair_bet_and_shifted_ones_are_found_within_a_hundred():
    rng, cried, needed = random.Random(3), 0, []
    for _ in range(300):
        counts = [0] * 10
        for _ in range(300):
            counts[rng.randrange(10)] += 1
            if multinomial_e(counts, [0.1] * 10) >= ALARM:
                cried += 1
                break
    for _ in range(60):
        counts = [0] * 10
        for n in range(1, 400):
            counts[min(9, int(10 * rng.random() ** 2))] += 1
            if multinomial_e(counts, [0.1] * 10) >= ALARM:
                needed.append(n)
                break
    assert cried <= 15 and sorted(needed)[54] <= 150


def test_the_expected_bet_on_deciles_is_one():
    counts = [(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)]
    shares, mean = (0.2, 0.3, 0.5), 0.0
    for count in counts:
        ways = math.factorial(4) / math.prod(math.factorial(one) for one in count)
        mean += (
            ways * math.prod(s**k for s, k in zip(shares, count, strict=True)) * math.exp(multinomial_e(count, shares))
        )
    assert mean == pytest.approx(1)


def test_the_interval_holds_the_rate_however_often_it_is_looked_at():
    rng, missed, known = random.Random(11), 0, functools.cache(interval)
    for _ in range(300):
        k = 0
        for n in range(1, 301):
            k += rng.random() < 0.15
            low, high = known(k, n)
            if not low <= 0.15 <= high:
                missed += 1
                break
    assert missed <= 15


def test_the_interval_at_its_ends_and_of_nothing():
    assert interval(0, 0) == (0.0, 1.0)
    assert interval(0, 50)[0] == 0 and 0.05 < interval(0, 50)[1] < 0.2
    assert interval(50, 50)[1] == 1
    low, high = interval(30, 200)
    assert low < 0.15 < high and high - low < 0.2
