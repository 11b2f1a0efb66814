"""How often a release is right on photos that nobody trained on, with 95 % Wilson intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from teahouse.cli.guests import Shot


@dataclass(frozen=True)
class Measured:
    """An accuracy between 0 and 1 with its interval, over n photos, and how many were strange to the release."""

    value: float
    low: float
    high: float
    n: int
    unfamiliar: int

    def json(self) -> dict[str, Any]:
        return asdict(self)


def accuracy(
    release: Path, shots: Iterable[Shot], told: Callable[[int], None] = lambda done: None, field: str = "input"
) -> Measured:
    """Ask the release, in a worker of its own, for every photo."""
    from teahouse.engine.bench import Bench
    from teahouse.release.evaluate import interval

    known = list(shots)
    with Bench(release) as bench:
        answers = bench.answers(({field: shot.data} for shot in known), told)
    right = sum(answer.output["label"] == shot.label for answer, shot in zip(answers, known, strict=True))
    found = interval(right, len(known))
    return Measured(found.value, found.low, found.high, found.n, sum(answer.familiar is False for answer in answers))
