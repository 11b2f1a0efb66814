"""Figures: what a release's own photos look like and how it answers them, so that visitors' can be told from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy

from teahouse.model import figures, looks
from teahouse.spec.app import App
from teahouse.spec.fields.image import longer_side
from teahouse.training.data import Pantry, TrainRow

MOST = 2000  # rows that are looked at
BATCH = 64
Outputs = Callable[[Mapping[str, numpy.ndarray]], Any]


def of_photos(app: App, pantry: Pantry, rows: Sequence[TrainRow]) -> dict[str, Any]:
    """How the photos that a release learned from are spread: brightness, blur and side, each by deciles.

    All rows count, visitors' too: what a release has learned from is not strange to it any more. Of the first image."""
    name = next((name for name, field in app.fields.items() if field.kind == "image"), None)
    if name is None:
        return {}
    seen: list[dict[str, float]] = []
    for row in evenly(rows, MOST):
        _, look = pantry.reading([row], lambda one: _look(pantry, one[0], name))
        seen += [look] if look else []
    found = {what: figures.spread(what, [look[what] for look in seen if what in look]) for what in figures.WHAT[:3]}
    return {what: one for what, one in found.items() if one is not None}


def of_answers(app: App, pantry: Pantry, rows: Sequence[TrainRow], outputs: Outputs) -> dict[str, Any]:
    """How sure a release is on rows that it has not seen, and how often it says each label."""
    if app.output.kind != "labels":
        return {}
    sure: list[float] = []
    said: list[str] = []
    chosen = evenly(rows, MOST)
    for start in range(0, len(chosen), BATCH):
        _, arrays = pantry.reading(chosen[start : start + BATCH], pantry.arrays)
        for row in outputs(arrays) if arrays else ():
            value = app.output.value(row)
            sure.append(max(value["scores"].values()))
            said.append(value["label"])
    found = {
        "confidence": figures.spread("confidence", sure),
        "labels": figures.shares_of(list(app.output.words()), said),
    }
    return {what: one for what, one in found.items() if one is not None}


def evenly(rows: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the rows, from all over them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[index] for index in numpy.linspace(0, len(rows) - 1, most).astype(int)]


def _look(pantry: Pantry, row: TrainRow, name: str) -> dict[str, float] | None:
    if name not in row.inputs:
        return None
    array = pantry.arrays([row])[name][0]
    return looks.look(array, longer_side(pantry.given(row, name)))
