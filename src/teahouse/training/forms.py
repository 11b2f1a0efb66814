"""Forms: the maker's own inputs for the faster form of a release: to build it, and to judge whether it answers alike.

A visitor's row is never among them. Where the maker has too few, copies of their photos stand in, mirrored, shifted and
lit otherwise: no right answer is needed, for all that is asked is whether two forms say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import TeahouseError
from teahouse.model import forms
from teahouse.model.shape import most_apart
from teahouse.spec.app import App
from teahouse.spec.fields import absent
from teahouse.training import tries
from teahouse.training.data import Cut, Pantry, TrainRow, piece
from teahouse.training.figures import evenly
from teahouse.training.sealing import TOLERANCE

CALIBRATED, MOST = 128, 2000  # rows that set the steps; that are judged
LEAST, LEAST_KEPT = 32, 4  # photos; of those that keep their shape pieces are cut, many of each
PIECE = 128  # pixels a side
TOGETHER = 16  # rows in a batch
SHIFT, LIGHT = 1 / 16, (0.8, 1.25)  # of a side; times as bright
Arrays = dict[str, numpy.ndarray]
Read = Callable[[Cut | None], Arrays]  # one of the maker's inputs: arrays without batch axis, photos cut


@dataclass(frozen=True)
class Own:
    """The maker's own inputs, without an end: real ones first, then copies. `reads` begin with `unseen` that the
    training did not learn from."""

    app: App
    reads: Sequence[Read]
    unseen: int = 0

    @property
    def keeps(self) -> bool:
        """Whether photos keep their shape, so that pieces of one shape are cut out of them."""
        return any(getattr(field, "fit", "") == "keep" for field in self.app.fields.values())

    @property
    def lack(self) -> str:
        """Why there is nothing to build a form with, in words; "" where there is."""
        if not any(field.kind == "image" for field in (*self.app.fields.values(), self.app.output)):
            return "Only nets that see or make pictures have one."
        if absent.needs_nobody(self.app.fields):
            return ""
        least = LEAST_KEPT if self.keeps else LEAST
        if len(self.reads) >= least:
            return ""
        return f"It takes {least} photos of the maker's to build it, and there are {len(self.reads)}."

    def given(self) -> forms.Given:
        """What to build on (what the training saw), and what to judge on: each once, and 1,000 at least."""
        n = len(self.reads)
        seen = list(range(self.unseen, n)) or list(range(n))
        if n <= MOST:
            judged = list(range(max(forms.ROWS, n)))
        else:
            unseen = list(range(self.unseen))[: MOST // 2]
            judged = [*unseen, *evenly(seen, MOST - len(unseen))]
        some: Sequence[int] = evenly(seen, CALIBRATED) or range(CALIBRATED)
        if seen and self.keeps:  # another piece of the photo each time
            some = [seen[k % len(seen)] + n * (k // len(seen)) for k in range(CALIBRATED)]
        return forms.Given(lambda: self._batches(some), lambda: self._batches(judged), len(judged), self._whole)

    def _whole(self) -> Arrays:
        """The first input as a batch of one, its photos not cut into pieces: that is what an answer takes."""
        return {name: array[None] for name, array in self.at(0, whole=True).items()}

    def _batches(self, numbers: Sequence[int]) -> Iterator[Arrays]:
        for start in range(0, len(numbers), TOGETHER):
            rows = [self.at(int(number)) for number in numbers[start : start + TOGETHER]]
            yield {name: numpy.stack([row[name] for row in rows]) for name in self.app.fields}

    def at(self, number: int, whole: bool = False) -> Arrays:
        """The `number`th input, always the same; of photos that keep their shape a piece, or the `whole` of them."""
        chance = numpy.random.default_rng(number)
        cut = (lambda photo: piece(photo, PIECE, chance)) if self.keeps and not whole else None
        found = self.reads[number % len(self.reads)](cut) if self.reads else {}
        copy = self.reads and number >= len(self.reads)
        return {
            name: varied(found[name], chance) if copy and field.kind == "image"
            else found[name] if name in found
            else plain(field.tensor(absent.stand_in(field, number)))
            for name, field in self.app.fields.items()
        }  # fmt: skip


def of_rows(app: App, pantry: Pantry, train: Sequence[TrainRow], validation: Sequence[TrainRow]) -> Own:
    """The maker's rows of a training."""

    def read(row: TrainRow) -> Read:
        return lambda cut: {n: array[0] for n, array in pantry.arrays([row], cut).items() if n in row.inputs}

    own = [[row for row in side if row.source == "maker"] for side in (validation, train)]
    there = [pantry.there(side) for side in own]
    return Own(app, [read(row) for side in there for row in side], len(there[0]))


def of_files(app: App, given: Sequence[Mapping[str, Any]]) -> Own:
    """What a maker gave as files and values, by field: samples, or a notebook's examples."""

    def read(arrays: Arrays) -> Read:
        return lambda cut: {name: shown(array, cut) for name, array in arrays.items()}

    def kept(one: Mapping[str, Any]) -> Arrays:
        arrays = {name: plain(app.fields[name].tensor(value)) for name, value in one.items()}
        return {name: to_bytes(array) if app.fields[name].kind == "image" else array for name, array in arrays.items()}

    return Own(app, [read(kept(one)) for one in given])


def int8(app: App, folder: Path, own: Own, outputs: Callable[[str], forms.Outputs], seconds: float) -> forms.Tried:
    """The faster form of the model.onnx in `folder`, or why there is none; within about so many seconds."""
    if own.lack:
        return forms.Tried(None, own.lack)
    try:
        return forms.try_int8(folder, app.output, own.given(), outputs, seconds)
    except Exception as error:  # edge: a maker's own function runs in here too, and no training is lost for a form
        return left_out(folder, f"It could not be built and judged ({type(error).__name__}).")


def held(
    app: App, folder: Path, tried: forms.Tried, shown: Sequence[Mapping[str, Any]], outputs: Callable[[str], Any]
) -> forms.Tried:
    """The form with the tolerance that a release's examples need of it; left out where it answers one otherwise."""
    if tried.form is None:
        return tried
    try:
        worst = farthest(app, shown, outputs)
    except TeahouseError:
        worst = None
    except Exception as error:  # edge: a maker's own function runs in here too, and no training is lost for a form
        return left_out(folder, f"It could not be tried on the release's own examples ({type(error).__name__}).")
    if worst is None:
        return left_out(folder, "It answers one of the release's own examples otherwise.")
    tolerance = min(worst + TOLERANCE, most_apart(app.output.json()))
    return forms.Tried({**tried.form, "tolerance": round(tolerance, 3)})


def farthest(app: App, shown: Sequence[Mapping[str, Any]], outputs: Callable[[str], Any]) -> float | None:
    """How far the two forms lie apart on what is shown, in the output's own unit; None where one answers otherwise."""
    exact, quick = outputs(forms.FP32), outputs(forms.INT8)
    worst = 0.0
    for number, part in enumerate(shown):
        whole = tries.with_values(app, part, number)
        batch = {name: plain(app.fields[name].tensor(value))[None] for name, value in whole.items()}
        row, other = exact(batch)[0], quick(batch)[0]
        if not forms.same(app.output, row, other):
            return None
        worst = max(worst, forms.apart(said(app, row), said(app, other)))
    return worst


def left_out(folder: Path, why: str) -> forms.Tried:
    """No such form, and nothing of it stays."""
    (folder / forms.INT8).unlink(missing_ok=True)
    return forms.Tried(None, why)


def said(app: App, row: numpy.ndarray) -> Any:
    """What is compared of an example's answer: of a picture its mean colour."""
    if app.output.kind == "image":
        return [float(number) for number in row.clip(0, 1).mean((1, 2))]
    return app.output.value(row)


def to_bytes(photo: numpy.ndarray) -> numpy.ndarray:
    """A photo of 0..1 as bytes: many are held at once."""
    return (photo * 255 + 0.5).astype(numpy.uint8)


def shown(array: numpy.ndarray, cut: Cut | None) -> numpy.ndarray:
    """A photo of bytes as the model takes it, cut; anything else as it is."""
    if array.dtype != numpy.uint8:
        return array
    return (cut(array) if cut else array).astype(numpy.float32) / numpy.float32(255)


def plain(given: Any) -> numpy.ndarray:
    """Whole numbers as int64, all others as float32."""
    array = numpy.asarray(given)
    return array.astype(numpy.int64 if array.dtype.kind in "iu" else numpy.float32)


def varied(photo: numpy.ndarray, chance: numpy.random.Generator) -> numpy.ndarray:
    """The photo, float32 [3, height, width] 0..1, mirrored or not, shifted by up to a 16th, and lit otherwise."""
    if chance.random() < 0.5:
        photo = photo[:, :, ::-1]
    room = [max(1, round(side * SHIFT)) for side in photo.shape[1:]]
    wide = numpy.pad(photo, [(0, 0), *((more, more) for more in room)], mode="symmetric")
    top, left = (int(chance.integers(2 * more + 1)) for more in room)
    moved = wide[:, top : top + photo.shape[1], left : left + photo.shape[2]]
    return numpy.ascontiguousarray((moved * numpy.float32(chance.uniform(*LIGHT))).clip(0, 1))
