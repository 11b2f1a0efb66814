"""Tastes: what visitors said of pictures that came of a seed, summed up in rows to train on.

Nothing of this is anybody's own: the seed is the house's, a row says how many of how many loved what came of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from teahouse import ids
from teahouse.feedback import fair
from teahouse.spec.fields import Field, absent, field_from_json
from teahouse.store import apps, feedback, labels, lineage

SOURCE = "import"
VALIDATION = 0.1
VISITORS = fair.Cap(lambda word: word.visitor, 5, 0.1)
NETWORKS = fair.Cap(lambda word: word.network, 200, 0.3)


@dataclass(frozen=True)
class Changes:
    """What the words on seeds make of an app's rows: rows to add (as `labels.add` takes them), truths that are others
    now (label, truth), labels of which no word is left; and the last word that was looked at."""

    new: tuple[dict[str, Any], ...]
    told: tuple[tuple[bytes, Any], ...]
    gone: tuple[bytes, ...]
    until: int
    words: int


def are_taken(declaration: Mapping[str, Any]) -> bool:
    """Whether an app learns from words on seeds: it makes pictures, of one seed, and needs nothing of its visitors."""
    fields = _fields(declaration)
    of_one = sum(map(absent.is_drawn, fields.values())) == 1
    return declaration["output"]["kind"] == "image" and of_one and absent.needs_nobody(fields)


def changes(c: Any, app: str, declaration: Mapping[str, Any], at: int) -> Changes:
    """What has to be written so that the app's rows say what visitors said so far; nothing the second time."""
    fields = _fields(declaration)
    drawn = next(name for name, field in fields.items() if absent.is_drawn(field))
    # who made a picture themselves may have set the other inputs, and the house has not kept to what
    rates = [rate for rate in feedback.rates(c, app) if len(fields) == 1 or rate.arm == "pool"]
    counted = fair.in_all(fair.in_all(once(rates), VISITORS), NETWORKS)
    now = summed_up(counted)
    there = {label.inputs[drawn]: label for label in labels.of_app(c, app, sources=[SOURCE])}
    return Changes(
        new=tuple(_row(app, fields, drawn, seed, truth, at) for seed, truth in now.items() if seed not in there),
        told=tuple((there[seed].id, truth) for seed, truth in now.items() if _differs(there.get(seed), truth)),
        gone=tuple(label.id for seed, label in there.items() if seed not in now),
        until=feedback.last_seq(c),
        words=len(counted),
    )


def once(rates: Iterable[feedback.Rate]) -> list[feedback.Rate]:
    """Of a seed each visitor's last word alone, whichever release had made the picture."""
    found: dict[Hashable, feedback.Rate] = {}
    for number, rate in enumerate(rates):
        found[rate.seed, rate.visitor or number] = rate
    return list(found.values())


def summed_up(rates: Iterable[feedback.Rate]) -> dict[int, dict[str, int]]:
    """{seed: {"loved": k, "of": n}}."""
    found: dict[int, dict[str, int]] = {}
    for rate in rates:
        truth = found.setdefault(rate.seed, {"loved": 0, "of": 0})
        truth["loved"] += rate.value == "love"
        truth["of"] += 1
    return found


def new(c: Any, app: str) -> int:
    """How many words on seeds came after those that the last dataset version knew, of one visitor only so many."""
    version = next(iter(lineage.versions(c, app, limit=1)), None)
    known = int((version.counts or {}).get("words_until") or 0) if version is not None else 0
    return len(fair.in_all(fair.in_all(feedback.rates_since(c, app, known), VISITORS), NETWORKS))


def waiting(c: Any, app: str) -> int:
    """What the next training of an app waits for, so far: new words where it learns from them, else new labels."""
    declared = apps.get(c, app)
    of_words = declared is not None and are_taken(declared.declaration)
    return new(c, app) if of_words else labels.new(c, app)


def _fields(declaration: Mapping[str, Any]) -> dict[str, Field]:
    return {one["name"]: field_from_json(one) for one in declaration["fields"]}


def _differs(label: labels.LabelRow | None, truth: Any) -> bool:
    return label is not None and label.truth != truth


def _row(app: str, fields: Mapping[str, Field], drawn: str, seed: int, truth: Any, at: int) -> dict[str, Any]:
    """No row judges: choices tell what a release is worth. A tenth watches the training, the same in each house."""
    near = fields[drawn].near(seed)
    watches = ids.share_of(f"sides of {app}".encode(), near) < VALIDATION
    return {
        "at": at,
        "app": app,
        "source": SOURCE,
        "inputs": absent.filled({drawn: seed}, fields),
        "truth": truth,
        "near": near,
        "split": "validation" if watches else "train",
    }
