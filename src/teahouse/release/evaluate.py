"""Evaluate: how often a release is right, how sure we may be of that, and where it is most wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Z = 1.959964  # two-sided 95 %
FEW = 20  # rows below which a class is shown, but does not decide
MISTAKES = 12


@dataclass(frozen=True)
class Row:
    """A row with a known answer. `inputs` maps a field's name to a blob's digest or a JSON value."""

    id: str
    inputs: Mapping[str, Any]
    truth: Any
    split: str
    source: str


@dataclass(frozen=True)
class Scored:
    """One row beside what a release said of it; `p` is how sure the release was (0 to 1)."""

    row: str
    truth: str
    said: str
    p: float
    right: bool


@dataclass(frozen=True)
class Interval:
    """A share with its 95 % Wilson interval; all between 0 and 1."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict:
        return {k: round(v, 4) if k != "n" else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Report:
    """How a release did on a set of rows, and how little that would be worth by guessing."""

    accuracy: Interval
    classes: dict[str, Interval]
    worst_class: str | None
    balanced: float
    guessing: float
    commonest: Interval
    mistakes: list[dict] = field(default_factory=list)

    def as_dict(self) -> dict:
        return {
            "accuracy": self.accuracy.as_dict(),
            "classes": {name: found.as_dict() for name, found in self.classes.items()},
            "worst_class": self.worst_class,
            "balanced": round(self.balanced, 4),
            "guessing": round(self.guessing, 4),
            "commonest": self.commonest.as_dict(),
            "mistakes": self.mistakes,
        }


def whole(low: float, high: float) -> tuple[int, int]:
    """The ends of an interval in whole per cent, rounded outward: what is said holds at least as surely. Four digits of
    a share count, as they are written down, so that everybody who says it says the same."""
    return math.floor(round(100 * low, 2)), math.ceil(round(100 * high, 2))


def interval(right: int, n: int) -> Interval:
    """Wilson's 95 % interval for `right` of `n`; of no rows at all it says (0, 0, 1)."""
    if n == 0:
        return Interval(0.0, 0.0, 1.0, 0)
    share = right / n
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return Interval(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)), n)


def word_of(answer: Any) -> str:
    """The one word that an answer or a truth comes down to: its label, else its JSON as text."""
    if isinstance(answer, Mapping) and "label" in answer:
        return str(answer["label"])
    return str(answer)


def score(row: Row, output: Any) -> Scored:
    """Compare a release's output with the row's truth."""
    said, truth = word_of(output), word_of(row.truth)
    scores = output.get("scores", {}) if isinstance(output, Mapping) else {}
    return Scored(row.id, truth, said, float(scores.get(said, 1.0)), said == truth)


def commonest(truths: Iterable[Any]) -> str | None:
    """The label seen most often (the first by the alphabet when two tie), or None of no rows."""
    counted = Counter(word_of(truth) for truth in truths)
    return min(counted, key=lambda name: (-counted[name], name)) if counted else None


def by_class(scored: Iterable[Scored]) -> dict[str, Interval]:
    """How often the release is right on each label's own rows."""
    rights: dict[str, list[bool]] = {}
    for one in scored:
        rights.setdefault(one.truth, []).append(one.right)
    return {name: interval(sum(found), len(found)) for name, found in sorted(rights.items())}


def mistakes(scored: Iterable[Scored], most: int = MISTAKES) -> list[dict]:
    """The mistakes that the release was surest of: what to look at first."""
    wrong = sorted((one for one in scored if not one.right), key=lambda one: (-one.p, one.row))
    return [{"row": one.row, "truth": one.truth, "said": one.said, "p": round(one.p, 4)} for one in wrong[:most]]


def report(scored: Sequence[Scored], labels: Sequence[str] = (), usual: str | None = None) -> Report:
    """The whole picture. `labels` are all that could be said; `usual` is the commonest label of the training rows."""
    classes = by_class(scored)
    names = set(labels) | set(classes)
    usual = usual if usual is not None else commonest(one.truth for one in scored)
    enough = {name: found for name, found in classes.items() if found.n >= FEW} or classes
    return Report(
        accuracy=interval(sum(one.right for one in scored), len(scored)),
        classes=classes,
        worst_class=min(enough, key=lambda name: enough[name].value) if enough else None,
        balanced=sum(found.value for found in classes.values()) / len(classes) if classes else 0.0,
        guessing=1 / len(names) if names else 0.0,
        commonest=interval(sum(one.truth == usual for one in scored), len(scored)),
        mistakes=mistakes(scored),
    )
