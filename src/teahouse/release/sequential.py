"""Always-valid tests: looked at after every word, they cry wolf no more often than if they were looked at once.

An e-value is what a bet against "nothing is wrong" has become: where nothing is, it reaches 20 in at most one case in
20, whenever one looks (Ville, 1939). Bets are spread over many effects (Robbins, 1970: the method of mixtures), so that
no size of the effect must be guessed. All take counts: the order of the words within them does not matter.

Two rates are compared in blocks of visitors of the same minutes (Turner, Ly and Grünwald, 2024, Generic e-variables for
exact sequential k-sample tests). Why this one: at a canary of 5 % it needs half of the words that universal inference
(a mixture over the best fit of both) takes for the same alarm (median 11,000 to 22,000 words against 25,000 for 25 %
beside 20 %, 1,100 against 2,300 for 35 %; benchmarks/rollout.py), it needs no share that is known beforehand, unlike
the mixture of Lindon and Malek (2022, Anytime-valid inference for multinomial count data), which visitors of one arm
who speak more would mislead, and a rate that changes with the hour, candle-light at night, hurts neither side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

ALARM = math.log(20)
"""Log e-value at which we believe it: by luck in at most one case in 20, over the whole of a rollout."""
RATES = (0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
SHIFTS = (0.15, 0.3, 0.5, 0.8, 1.2, 1.8, 2.6, 3.6)  # in log-odds: 0.3 is 20 % that become 25 %
STRENGTHS = (5.0, 20.0, 80.0, 320.0)  # of the Dirichlet bets: how near to the given shares they lie


@dataclass(frozen=True)
class Block:
    """Counts of one stretch of time: of the challenger `n` of which `k`, of the champion `other_n`, `other_k`."""

    n: int
    k: int
    other_n: int
    other_k: int


def bernoulli_e(blocks: Iterable[Block]) -> float:
    """Log e-value that the challenger's rate is above the champion's, from blocks of both.

    In each block any common rate, and any lower one of the challenger, is a fair bet or a bad one (Turner, Ly and
    Grünwald, 2024, one-sided alternative); a block in which one side is silent tells nothing. How a block ends may
    depend on who spoke, never on what was said."""
    bets = [(_odds(other, shift), other) for other in RATES for shift in SHIFTS]
    logs = [0.0] * len(bets)
    for share, one in _by_share(blocks).items():
        for at, (rate, other) in enumerate(bets):
            both = share * rate + (1 - share) * other
            logs[at] += (
                one.k * math.log(rate / both)
                + (one.n - one.k) * math.log((1 - rate) / (1 - both))
                + one.other_k * math.log(other / both)
                + (one.other_n - one.other_k) * math.log((1 - other) / (1 - both))
            )
    return _log_mean(logs)


def above_e(k: int, n: int, limit: float) -> float:
    """Log e-value that a rate, `k` of `n` so far, is above `limit` (0..1): Robbins' mixture over the rates above."""
    rates = [limit + (1 - limit) * step for step in (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.5, 0.7, 0.9, 0.98)]
    return _log_mean([k * math.log(rate / limit) + (n - k) * math.log((1 - rate) / (1 - limit)) for rate in rates])


def multinomial_e(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Log e-value that counts do not come from these shares (> 0, their sum 1): Dirichlet bets, near and far (Lindon
    and Malek, 2022)."""
    n, total = sum(counts), sum(shares)
    given = [share / total for share in shares]
    fits = sum(count * math.log(share) for count, share in zip(counts, given, strict=True))
    bets = []
    for strength in STRENGTHS:
        found = math.lgamma(strength) - math.lgamma(strength + n)
        for count, share in zip(counts, given, strict=True):
            found += math.lgamma(strength * share + count) - math.lgamma(strength * share)
        bets.append(found - fits)
    return _log_mean(bets)


def interval(k: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Where a rate lies, `k` of `n` so far, however often it is asked: the rates that the even bet on all of them does
    not refute (Robbins, 1970; Howard, Ramdas, McAuliffe and Sekhon, 2021). (0, 1) of nothing."""
    if not n:
        return 0.0, 1.0
    bet = math.lgamma(k + 1) + math.lgamma(n - k + 1) - math.lgamma(n + 2)
    least = bet - math.log(1 / alpha)

    def stands(rate: float) -> bool:
        return (k * math.log(rate) if k else 0.0) + ((n - k) * math.log(1 - rate) if n - k else 0.0) >= least

    found = k / n
    low = 0.0 if not k else _edge(stands, 0.0, found)
    high = 1.0 if k == n else _edge(stands, 1.0, found)
    return low, high


def _by_share(blocks: Iterable[Block]) -> dict[float, Block]:
    """The sums of those blocks in which the challenger has the same share of the words: one bet on all of them."""
    found: dict[float, Block] = {}
    for block in blocks:
        if block.n and block.other_n:
            share = block.n / (block.n + block.other_n)
            was = found.get(share, Block(0, 0, 0, 0))
            found[share] = Block(
                was.n + block.n, was.k + block.k, was.other_n + block.other_n, was.other_k + block.other_k
            )
    return found


def _edge(stands: Callable[[float], bool], out: float, within: float) -> float:
    """The rate between one that is refuted and one that stands where the one becomes the other."""
    for _ in range(50):
        middle = (out + within) / 2
        if 0 < middle < 1 and stands(middle):
            within = middle
        else:
            out = middle
    return within


def _odds(rate: float, shift: float) -> float:
    """The rate whose log-odds are so much higher."""
    return 1 / (1 + (1 - rate) / rate * math.exp(-shift))


def _log_mean(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(one - most) for one in logs) / len(logs))
