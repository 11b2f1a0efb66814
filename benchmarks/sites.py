"""Small sites in simulation: a world of two classes, a champion of the maker's rows, visits that the owner labels one
by one, and the product's own verdict after each retrain. For benchmarks/review.py: was the forecast right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from teahouse.release.forecast import Facts, Forecast, forecast
from teahouse.release.verdict import Budget, History, Pair, judge

BATCH, EPOCHS, RATE = 32, 12, 0.3
RETRAIN, HELD, ASKED_AT, MOST = 20, 1 / 3, 30, 2400
Array = numpy.ndarray
Rows = tuple[Array, Array]


@dataclass(frozen=True)
class Found:
    """One site: what the forecast said at its 30th labelled visit, and after how many more a verdict said promote
    (None: not within 2,400)."""

    told: Forecast
    needed: int | None
    right_before: float

    @property
    def within_two(self) -> bool:
        """Whether the forecast was within a factor of two of what was needed."""
        told = self.told.visits if self.told.visits is not None else MOST
        needed = self.needed if self.needed is not None else MOST
        return needed <= 2 * max(told, 1) and told <= 2 * max(needed, 1)


class Site:
    """One site's truth. Visitors' photos are of another kind than the maker's (another light), in which what tells the
    classes apart is turned; a model can see the light, and so learn the one without forgetting the other. How far it
    is turned, how noisy it is and how many rows the maker brought differs from site to site."""

    def __init__(self, seed: int) -> None:
        self.rng = numpy.random.default_rng([20261125, seed])
        self.dimensions = int(self.rng.integers(6, 25))
        self.noise = float(self.rng.uniform(2.5, 8.0))
        self.brought = int(self.rng.integers(100, 500))
        turn = float(self.rng.uniform(0.3, 1.2))
        one, two = self.rng.normal(size=(2, self.dimensions))
        self.maker = one / numpy.linalg.norm(one)
        two -= two @ self.maker * self.maker
        self.visitors = numpy.cos(turn) * self.maker + numpy.sin(turn) * two / numpy.linalg.norm(two)

    def rows(self, n: int, light: int) -> Rows:
        """float [n, 2 dimensions] and labels 0 or 1, of the maker's kind (light 0) or the visitors' (1)."""
        points = self.rng.normal(size=(n, self.dimensions))
        chance = 1 / (1 + numpy.exp(-self.noise * points @ (self.visitors if light else self.maker)))
        return numpy.concatenate([points, light * points], axis=1), (self.rng.random(n) < chance).astype(int)


def train(own: Rows, new: Rows | None, seed: int, start: Array | None = None) -> Array:
    """Logistic regression by stochastic steps, the maker's rows and visitors' half and half, as in the product."""
    rng = numpy.random.default_rng(seed)
    weights = rng.normal(scale=0.1, size=own[0].shape[1]) if start is None else start.copy()
    for epoch in range(EPOCHS):
        for _ in range(max(8, len(own[1]) // BATCH)):
            some = [(own, BATCH // 2 if new else BATCH)] + ([(new, BATCH // 2)] if new else [])
            picked = [rng.integers(len(rows[1]), size=n) for rows, n in some]
            points = numpy.concatenate([rows[0][at] for (rows, _), at in zip(some, picked, strict=True)])
            labels = numpy.concatenate([rows[1][at] for (rows, _), at in zip(some, picked, strict=True)])
            wrong = 1 / (1 + numpy.exp(-points @ weights)) - labels
            weights -= RATE / (1 + epoch / 3) * points.T @ wrong / len(labels)
    return weights


def right(weights: Array, rows: Rows) -> Array:
    """Which rows a model is right on."""
    return ((rows[0] @ weights > 0).astype(int)) == rows[1]


def run(seed: int) -> Found | None:
    """A site from its first visit to the first promotion; None where that came before the forecast is asked for."""
    site = Site(seed)
    own, base = site.rows(site.brought, 0), site.rows(60, 0)
    champion = train(own, None, seed)
    visits = site.rows(MOST + ASKED_AT, 1)
    held = site.rng.random(len(visits[1])) < HELD
    good = right(champion, visits)
    told: Forecast | None = None
    for n in range(1, len(held) + 1):
        gold, taught = held[:n], ~held[:n]
        if n == ASKED_AT:
            wrong = int((~good[:n]).sum())
            told = forecast(Facts(n, wrong, int(gold.sum()), int(taught.sum()), HELD))
        if int(taught.sum()) % RETRAIN or held[n - 1]:
            continue
        challenger = train(own, (visits[0][:n][taught], visits[1][:n][taught]), seed + n, champion)
        if promoted(champion, challenger, (visits[0][:n][gold], visits[1][:n][gold]), base):
            return Found(told, n - ASKED_AT, float(good.mean())) if told else None
    return Found(told, None, float(good.mean())) if told else None


def promoted(champion: Array, challenger: Array, gold: Rows, base: Rows) -> bool:
    """The product's verdict on a retrain."""
    found = [
        Pair(f"{source}{i}", bool(a), bool(b), {"class": str(label), "source": source})
        for source, rows in (("live", gold), ("base", base))
        for i, (a, b, label) in enumerate(zip(right(champion, rows), right(challenger, rows), rows[1], strict=True))
    ]
    return judge(found, (), Budget(), History()).outcome == "promote"
