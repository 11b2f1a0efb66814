"""Replays: what a challenger says of photos that visitors gave the champion, kept beside the answer of that day."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import labels, rows
from teahouse.store.tables import predictions

ARM = "replay"
_copy = predictions.alias("copy")


@dataclass(frozen=True)
class Told:
    """What a release says of one earlier photo: `of` is the prediction that the visitor got."""

    id: bytes
    of: bytes
    release: str
    form: str
    output: dict[str, Any]
    ms: float
    at: int = field(default_factory=now_ms)


@dataclass(frozen=True)
class Beside:
    """One earlier photo with both answers: its row, the prediction that its visitor got, what was said then and what
    the release says now. `held`: it judges releases, and no answer may lead who labels it."""

    label: bytes
    prediction: bytes
    before: Any
    now: Any
    held: bool = False


def left(c: sa.Connection, app: str, release: str, limit: int) -> list[labels.LabelRow]:
    """Rows of visitors who let us learn from them and whose photo this release has not seen in a replay: the newest
    `limit`, those that it has seen left out."""
    seen = sa.exists().where(_copy.c.shadow_of == labels.labels.c.prediction, _copy.c.release == release)
    query = labels.joined().where(labels.labels.c.app == app, labels.labels.c.source == "visitor")
    query = query.where(labels.labels.c.prediction.is_not(None), ~seen.where(_copy.c.arm == ARM))
    found = c.execute(query.order_by(labels.labels.c.seq.desc()).limit(limit))
    return [row for row in map(labels._row, found) if row.consent_live]


def add(c: sa.Connection, told: Told) -> bool:
    """Write an answer down; whether it is news. What was erased, or taken back, meanwhile is not written."""
    label = labels.of_prediction(c, told.of)
    original = rows.one(c, predictions, predictions.c.id == told.of)
    if label is None or not label.consent_live or original is None:
        return False
    row = {
        "at": told.at,
        "id": told.id,
        "app": original.app,
        "release": told.release,
        "form": told.form,
        "arm": ARM,
        "shadow_of": told.of,
        "output": told.output,
        "held": False,
        "cached": False,
        "ms": told.ms,
    }
    return rows.add_new(c, predictions, row) is not None


def of_release(c: sa.Connection, release: str, limit: int = 500) -> list[Beside]:
    """Both answers to what this release saw in a replay and is still here, newest photos first."""
    first = predictions.alias("first")
    source = _copy.join(first, first.c.id == _copy.c.shadow_of)
    source = source.join(labels.labels, labels.labels.c.prediction == first.c.id)
    answers = (first.c.output.label("before"), _copy.c.output.label("now"), first.c.held)
    query = sa.select(labels.labels.c.id.label("label"), first.c.id.label("prediction"), *answers).select_from(source)
    where = (_copy.c.release == release, _copy.c.arm == ARM, _copy.c.output.is_not(None), first.c.output.is_not(None))
    there = labels.labels.c.inputs.is_not(None)
    found = c.execute(query.where(*where, there).order_by(first.c.seq.desc()).limit(limit))
    return [Beside(*row) for row in found]
