"""Verdict: how often is a retrain promoted that is no better, does flipped data ever pass, does real gain pass?

    python benchmarks/verdict.py [--quick] --report FILE

Each house has its own world (two classes of points in a space of 20 numbers), a champion trained on the maker's rows,
and gold rows drawn by lot. The product's own verdict judges retrains of each kind:

    seed       the same data again, trained with another seed: an equal model, which a sound verdict rarely lets through
    mistakes   the same, but visitors speak only of the champion's mistakes; their held words stand beside the gold
    flipped    visitors' rows with every label turned round: it must never pass
    better     a champion of few rows, and a challenger with many more: it should pass
    naive      what would happen if the mistakes themselves were the gold: the reason why they are not

20 houses with --quick, else 400.
"""

from __future__ import annotations

import sys

import numpy
import rows

from teahouse.release.verdict import Budget, History, Pair, judge

DIMENSIONS, TRAIN, FEW, GOLD, BASE, VISITORS, SPOKEN = 20, 300, 30, 200, 100, 200, 66
BATCH, EPOCHS, RATE = 32, 12, 0.3
QUICK, FULL = 20, 400
# kind, most and least share of the houses that may promote
BARS = (
    ("seed", 1 / 20, 0.0),
    ("mistakes", 1 / 20, 0.0),
    ("flipped", 0.0, 0.0),
    ("better", 1.0, 0.75),
    ("naive", 1.0, 0.5),
)
Array = numpy.ndarray


class World:
    """One house's truth: points, and labels that a line and some luck decide (about 85 % can be known)."""

    def __init__(self, seed: int) -> None:
        self.rng = numpy.random.default_rng([20261125, seed])
        self.line = self.rng.normal(size=DIMENSIONS)
        self.line *= 2.6 / numpy.linalg.norm(self.line)

    def rows(self, n: int) -> tuple[Array, Array]:
        """float [n, 20] and labels 0 or 1."""
        points = self.rng.normal(size=(n, DIMENSIONS))
        return points, (self.rng.random(n) < 1 / (1 + numpy.exp(-points @ self.line))).astype(int)


def train(rows: tuple[Array, Array], seed: int, start: Array | None = None) -> Array:
    """Logistic regression by stochastic steps: as a net does, it comes out a little otherwise with every seed."""
    rng, (points, labels) = numpy.random.default_rng(seed), rows
    weights = rng.normal(scale=0.5, size=DIMENSIONS) if start is None else start.copy()
    for epoch in range(EPOCHS):
        order = rng.permutation(len(points))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            wrong = 1 / (1 + numpy.exp(-points[batch] @ weights)) - labels[batch]
            weights -= RATE / (1 + epoch / 4) * points[batch].T @ wrong / len(batch)
    return weights


def right(weights: Array, rows: tuple[Array, Array]) -> Array:
    """Which rows a model is right on."""
    return ((rows[0] @ weights > 0).astype(int)) == rows[1]


def pairs(champion: Array, challenger: Array, rows: tuple[Array, Array], source: str) -> list[Pair]:
    """The rows as the verdict sees them."""
    before, after = right(champion, rows), right(challenger, rows)
    return [
        Pair(f"{source}{i}", bool(before[i]), bool(after[i]), {"class": str(rows[1][i]), "source": source})
        for i in range(len(rows[1]))
    ]


def spoken_of(champion: Array, world: World, n: int) -> tuple[Array, Array]:
    """n rows of which visitors speak, because the champion was wrong on them."""
    points, labels = world.rows(12 * n)
    wrong = numpy.flatnonzero(~right(champion, (points, labels)))[:n]
    return points[wrong], labels[wrong]


def judged(kind: str, seed: int) -> str:
    """The outcome of one retrain in one house."""
    world = World(seed)
    own, gold, base = world.rows(TRAIN), world.rows(GOLD), world.rows(BASE)
    few = own[0][:FEW], own[1][:FEW]
    champion = train(few if kind == "better" else own, seed=2 * seed)
    test = world.rows(SPOKEN)
    challenger = train(own, seed=2 * seed + 1)  # of the same rows, another seed: as good and no better
    if kind == "flipped":
        points, labels = world.rows(VISITORS)
        mixed = numpy.concatenate([own[0], points]), numpy.concatenate([own[1], 1 - labels])
        challenger, test = train(mixed, 2 * seed + 1, start=champion), (test[0], 1 - test[1])
    elif kind in ("mistakes", "naive"):
        test = spoken_of(champion, world, SPOKEN)
    gold = test if kind == "naive" else gold
    parts = [(gold, "live"), (base, "base"), (test, "test")]
    found = [pair for part, source in parts for pair in pairs(champion, challenger, part, source)]
    return judge(found, [], Budget(), History()).outcome


def measure(quick: bool) -> list[rows.Row]:
    """The rows of the report."""
    houses = QUICK if quick else FULL
    found = []
    for kind, most, least in BARS:
        promoted = sum(judged(kind, seed) == "promote" for seed in range(houses))
        bar = f"<= {most * houses:.0f}" if most < 1 else f">= {least * houses:.0f}"
        holds = least * houses <= promoted <= most * houses
        found.append(rows.row(f"verdict: {kind}: promoted of {houses}", promoted, bar, holds))
    return found


if __name__ == "__main__":
    sys.exit(rows.main((__doc__ or "").partition("\n")[0], measure))
