"""Forecast: how many more labelled visits until a retrain can show that it is better. Pure: counts in, words out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from teahouse.release.verdict import ROWS

LEAST = 20  # labelled visits before anything is told: of fewer nobody can say how often it is wrong
MOST = 2000  # beyond, a number would be a guess
LEARNED = 180.0  # new rows after which half of the mistakes that can be learned are gone
SHARE = 0.75  # of its mistakes that a model like this one can learn from visitors
BROKEN = 0.35  # for each mistake that a retrain puts right, so many new ones
Z = 1.645  # one-sided, 5 %: as the verdict
LUCK = 0.6  # a gain is looked at with every retrain, and the first lucky look is enough: so much of it suffices
SPREAD = 2.0  # how far learning differs from one model to the next, either way
DOUBT = 1.5  # standard errors of the mistakes seen
EARLY = 0.85  # a lucky retrain comes so much sooner than one expects
PRIOR = (1.0, 4.0)  # wrong and right ones seen before any were


@dataclass(frozen=True)
class Facts:
    """What a site knows. `looked` labelled visits, the model wrong on `wrong` of them; `gold` of them may judge;
    `trained` training rows are new since the champion learned; `lot`: the share of labelled visits that judge."""

    looked: int
    wrong: float
    gold: int
    trained: int
    lot: float


@dataclass(frozen=True)
class Forecast:
    """`visits` more labelled visits, between `low` and `high`; None: more than anybody can say. `words`: a sentence."""

    visits: int | None
    low: int | None
    high: int | None
    words: str


def forecast(facts: Facts) -> Forecast | None:
    """How many more labelled visits a provable gain takes, by three things: how often the model is wrong where somebody
    looked, how much of that a retrain from so many rows usually mends, and how many judged rows the exact paired test
    needs to see a gain of that size. None before twenty visits were labelled."""
    if facts.looked < LEAST or not 0 < facts.lot < 1:
        return None
    wrong, right = facts.wrong + PRIOR[0], facts.looked - facts.wrong + PRIOR[1]
    rate = wrong / (wrong + right)
    error = math.sqrt(rate * (1 - rate) / (wrong + right))
    visits = visits_until(facts, rate, LEARNED)
    low = visits_until(facts, min(0.95, rate + DOUBT * error), LEARNED / SPREAD)
    high = visits_until(facts, max(0.005, rate - DOUBT * error), LEARNED * SPREAD)
    low = None if low is None else min(low, math.floor(EARLY * (low if visits is None else visits)))
    return Forecast(visits, low, high, said(visits, low, high))


def visits_until(facts: Facts, rate: float, learned: float) -> int | None:
    """The smallest number of further labelled visits at which the gain shows, where the model is wrong at this `rate`;
    None beyond 2,000."""
    if not shows(facts, rate, learned, MOST):
        return None
    low, high = -1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(facts, rate, learned, middle) else (middle, high)
    return high


def shows(facts: Facts, rate: float, learned: float, visits: int) -> bool:
    """Whether a retrain after so many more visits would come out as better, if all goes as expected."""
    gold = facts.gold + visits * facts.lot
    rows = facts.trained + visits * (1 - facts.lot)
    fixed = gold * rate * SHARE * rows / (rows + learned)
    gain, differ = fixed * (1 - BROKEN), fixed * (1 + BROKEN)
    # The verdict's own test, a fair coin for each row on which the two differ, with its continuity correction.
    return gold >= ROWS and gain > 1 and gain - 1 >= LUCK * Z * math.sqrt(differ)


def said(visits: int | None, low: int | None, high: int | None) -> str:
    """The forecast as a sentence for the owner."""
    if visits is None:
        return f"It is seldom wrong: more than {MOST:,} labelled visits until a retrain could show a difference."
    if visits <= 0:
        return "There is enough by now: a retrain can show a difference."
    least, most = rounded(low or 0), rounded(high) if high is not None else None
    between = f"between {least:,} and {most:,}" if most is not None else f"at least {least:,}"
    range_ = "" if least == most else f" ({between})"
    visit = "visit" if rounded(visits) == 1 else "visits"
    return f"About {rounded(visits):,} more labelled {visit} and a retrain can show a difference{range_}."


def rounded(n: int) -> int:
    """A number as one says it: to the next five up to a hundred, then to tens, then to fifties."""
    step = 1 if n < 10 else 5 if n < 100 else 10 if n < 500 else 50
    return max(1, round(n / step) * step) if n > 0 else 0
