"""Data: the rows of a dataset version as batches, the maker's and the visitors' mixed half and half."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from teahouse import ids
from teahouse.errors import TrainingFailed
from teahouse.spec.fields import Field, absent

CACHE_BYTES = 1_500_000_000  # pixels kept decoded; beyond, they are decoded each time
Cut = Callable[[numpy.ndarray], numpy.ndarray]
REPEATS = 20  # times that a visitor's row may come in one epoch: three corrections shall not be half of everything


@dataclass(frozen=True)
class TrainRow:
    """One row of rows.jsonl. `inputs` maps a field to {"blob": digest} or a value; `source` is maker, visitor, or
    import (visitors' words on what the house drew itself)."""

    row: str
    inputs: Mapping[str, Any]
    truth: Any
    split: str
    source: str

    @property
    def is_new(self) -> bool:
        """Whether visitors gave it."""
        return self.source == "visitor"


class Rows:
    """One side of the split: `.rows`, and `.batches(n)`."""

    def __init__(self, rows: Sequence[TrainRow], pantry: Pantry, seed: int, shuffle: bool) -> None:
        self.rows = list(rows)
        self._pantry = pantry
        self._seed = seed
        self._shuffle = shuffle
        self._round = 0

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, n: int, new: float = 0.5, crop: int | None = None) -> Iterator[tuple[Any, Any]]:
        """(inputs, targets) of n rows each, as torch tensors: float32 [n, 3, height, width] for an image (a dict of
        tensors where there are several inputs), int64 [n] for labels; float32 [n] for an app that makes pictures, the
        share of people who loved each, NaN where nobody spoke; None where nobody spoke of any.

        `new` is the share of visitors' rows in each batch; every row of the maker's comes once, visitors' rows are
        drawn again until their share is full (each at most 20 times an epoch), each label as often as it is among the
        maker's: visitors bring most of what the release gets wrong. Validation rows come once, in order.
        `crop`: a piece of so many pixels a side of each photo, anywhere in it (validation: its middle): photos that
        keep their shape stack to batches that way. An input that a row does not give (a strength, a seed) gets a value
        that differs from row to row."""
        if n < 1:
            raise TrainingFailed(f"batches({n}) can not be made.", "A batch has one row or more.", "Write batches(64).")
        chance = None
        if not self._shuffle:
            order = numpy.arange(len(self.rows))
        else:
            self._round += 1
            order = self._mixed(numpy.random.default_rng([self._seed, self._round]), n, new)
            chance = numpy.random.default_rng([self._seed, self._round, 1])
        serve = self._pantry.serve
        if crop is not None:
            serve = partial(serve, cut=lambda photo: piece(photo, crop, chance))
        there = self._pantry.there([self.rows[index] for index in order])
        for start in range(0, len(there), n):
            rows, batch = self._pantry.reading(there[start : start + n], serve)
            if rows:
                yield batch

    def go_to(self, round_: int) -> None:
        """Shuffle next as after so many epochs (a training that goes on after a crash)."""
        self._round = round_

    def _mixed(self, rng: numpy.random.Generator, n: int, new: float) -> numpy.ndarray:
        old = numpy.array([index for index, row in enumerate(self.rows) if not row.is_new], dtype=int)
        fresh = numpy.array([index for index, row in enumerate(self.rows) if row.is_new], dtype=int)
        rng.shuffle(old)
        rng.shuffle(fresh)
        if not len(fresh) or not len(old) or not 0 < new < 1:
            return rng.permutation(numpy.concatenate([old, fresh]))
        wanted = max(len(fresh), min(round(len(old) * new / (1 - new)), REPEATS * len(fresh)))
        fresh = rng.permutation(numpy.concatenate([
            numpy.resize(rng.permutation(rows), min(REPEATS * len(rows), round(wanted * share)))
            for rows, share in self._as_the_makers(old, fresh)
        ]))  # fmt: skip
        # evenly through the epoch: each batch has its share, not only on average
        places = numpy.concatenate([(numpy.arange(len(part)) + 0.5) / len(part) for part in (old, fresh)])
        mixed = numpy.concatenate([old, fresh])[numpy.argsort(places, kind="stable")]
        return numpy.concatenate([rng.permutation(mixed[start : start + n]) for start in range(0, len(mixed), n)])

    def _as_the_makers(self, old: numpy.ndarray, fresh: numpy.ndarray) -> list[tuple[numpy.ndarray, float]]:
        """Visitors' rows by label, each with the share that it has among the maker's; all in one without labels, or
        where the maker has none of a label.

        Visitors bring most of what a release gets wrong. Drawn as they come they would teach that this label is the
        more common one, and the others would suffer for it."""
        said = [row.truth.get("label") if isinstance(row.truth, Mapping) else None for row in self.rows]
        own = Counter(said[index] for index in old)
        groups = {label: fresh[[said[index] == label for index in fresh]] for label in sorted(own, key=str)}
        if None in own or sum(map(len, groups.values())) < len(fresh):
            return [(fresh, 1.0)]
        return [(rows, own[label] / len(old)) for label, rows in groups.items() if len(rows)]


class Pantry:
    """Where rows become tensors. Photos are decoded once and kept as bytes 0..255 while they fit."""

    def __init__(self, folder: Path, fields: Mapping[str, Field], output: Field) -> None:
        self._photos = folder / "photos"
        self._fields = dict(fields)
        self._output = output
        self._cache: dict[tuple[str, str], numpy.ndarray] = {}
        self._room = CACHE_BYTES

    def arrays(self, rows: Sequence[TrainRow], cut: Cut | None = None) -> dict[str, numpy.ndarray]:
        """One array a field, first axis the rows; an image's pixels are 0..1, as a release takes them."""
        return {
            name: _stack([self._one(name, row, cut) for row in rows], name, self._fields[name]) for name in self._fields
        }

    def by_shape(self, rows: Sequence[TrainRow]) -> list[list[TrainRow]]:
        """The rows in groups that stack to one batch: one group, but for photos that keep their shape."""
        if not any(getattr(field, "fit", "") == "keep" for field in self._fields.values()):
            return [list(rows)] if rows else []
        groups: dict[tuple, list[TrainRow]] = {}
        for row in rows:
            groups.setdefault(tuple(self._one(name, row).shape for name in self._fields), []).append(row)
        return list(groups.values())

    def targets(self, rows: Sequence[TrainRow]) -> numpy.ndarray | None:
        """int64 [n] for labels, float32 for numbers and for the share of love (NaN where nobody spoke of a row), None
        where rows carry no right answer."""
        found = [numpy.asarray(self._output.tensor(row.truth)) if spoken(row.truth) else None for row in rows]
        said = [one for one in found if one is not None]
        if not said or (len(said) < len(found) and (said[0].dtype.kind != "f" or said[0].ndim)):
            return None
        stacked = numpy.stack([numpy.float32(numpy.nan) if one is None else one for one in found])
        return stacked.astype(numpy.int64) if stacked.dtype.kind in "iu" else stacked.astype(numpy.float32)

    def given(self, row: TrainRow, name: str) -> Any:
        """What was given for a field: the photo's bytes, or the value; where the row has none, one that stands in."""
        if name not in row.inputs:
            return absent.stand_in(self._fields[name], int(ids.sha256(row.row.encode())[:8], 16))
        value = row.inputs[name]
        if isinstance(value, Mapping) and "blob" in value:
            return (self._photos / str(value["blob"])).read_bytes()
        return value

    def has(self, row: TrainRow) -> bool:
        """Whether its photos are still there: one may be erased by its visitor while the training goes on."""
        names = [name for name, value in row.inputs.items() if isinstance(value, Mapping) and "blob" in value]
        return all((self._photos / str(row.inputs[name]["blob"])).is_file() for name in names)

    def there(self, rows: Sequence[TrainRow]) -> list[TrainRow]:
        """Those that it still has."""
        return [row for row in rows if self.has(row)]

    def reading(self, rows: Sequence[TrainRow], read: Callable[[list[TrainRow]], Any]) -> tuple[list[TrainRow], Any]:
        """(the rows that are there, what `read` makes of them); ([], None) where none is left. One that is erased while
        it is read drops out."""
        left = self.there(rows)
        while left:
            try:
                return left, read(left)
            except FileNotFoundError:
                rows, left = left, self.there(left)
                if len(left) == len(rows):
                    raise
        return [], None

    def serve(self, rows: Sequence[TrainRow], cut: Cut | None = None) -> tuple[Any, Any]:
        """(inputs, targets) as the net takes them: normalised, as the exported graph does it; numpy without torch."""
        arrays, targets = self.arrays(rows, cut), self.targets(rows)
        arrays = {name: normalised(array, self._fields[name]) for name, array in arrays.items()}
        try:
            import torch
        except ImportError:
            tensors: dict[str, Any] = arrays
        else:
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            targets = torch.from_numpy(targets) if targets is not None else None
        return (next(iter(tensors.values())) if len(tensors) == 1 else tensors), targets

    def _one(self, name: str, row: TrainRow, cut: Cut | None = None) -> numpy.ndarray:
        field, key = self._fields[name], (name, row.row)
        if field.kind != "image":
            array = numpy.asarray(field.tensor(self.given(row, name)))
            return array.astype(numpy.int64 if array.dtype.kind in "iu" else numpy.float32)
        kept = self._cache.get(key)
        if kept is None:
            array = numpy.asarray(field.tensor(self.given(row, name)), dtype=numpy.float32)
            if array.size > self._room:
                return cut(array) if cut else array
            self._room -= array.size
            kept = self._cache[key] = (array * 255 + 0.5).astype(numpy.uint8)
        return (cut(kept) if cut else kept).astype(numpy.float32) / numpy.float32(255)


class TrainingData:
    """The first argument of `@app.train def train(data, run)`: `data.train` and `data.validation`."""

    def __init__(self, folder: Path, fields: Mapping[str, Field], output: Field, seed: int) -> None:
        rows = read_rows(folder)
        self.pantry = Pantry(folder, fields, output)
        self.train = Rows([row for row in rows if row.split == "train"], self.pantry, seed, shuffle=True)
        self.validation = Rows([row for row in rows if row.split == "validation"], self.pantry, seed, shuffle=False)


def normalised(array: numpy.ndarray, field: Field) -> numpy.ndarray:
    """[n, 3, height, width] with the field's mean and standard deviation, where it declares them."""
    pair = getattr(field, "normalize", None)
    if pair is None:
        return array
    mean, std = (numpy.array(part, dtype=numpy.float32).reshape(3, 1, 1) for part in pair)
    return (array - mean) / std


def read_rows(folder: Path) -> list[TrainRow]:
    """The rows of a run folder."""
    with (folder / "rows.jsonl").open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file if line.strip()]
    return [TrainRow(row["row"], row["inputs"], row["truth"], row["split"], row["source"]) for row in found]


def spoken(truth: Any) -> bool:
    """Whether anything is said: a photo of the maker's that nobody labelled has the truth {}."""
    return truth not in (None, {}) and not (isinstance(truth, Mapping) and truth.get("of") == 0)


def piece(photo: numpy.ndarray, side: int, chance: numpy.random.Generator | None) -> numpy.ndarray:
    """[3, side, side] out of [3, height, width]: anywhere in it, or without `chance` its middle. What is smaller is
    mirrored at its edges."""
    if side < 1:
        raise TrainingFailed(f"crop={side} can not be made.", "It is a number of pixels.", "Write crop=128.")
    short = [max(0, side - length) for length in photo.shape[1:]]
    if any(short):
        photo = numpy.pad(photo, [(0, 0), *((more // 2, more - more // 2) for more in short)], mode="symmetric")
    free = [length - side for length in photo.shape[1:]]
    top, left = ((int(chance.integers(room + 1)) if chance else room // 2) for room in free)
    return photo[:, top : top + side, left : left + side]


def _stack(arrays: Sequence[numpy.ndarray], name: str, field: Field) -> numpy.ndarray:
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        words = ", ".join(str(shape) for shape in sorted(shapes)[:3])
        cure = "batches(8, crop=128)" if getattr(field, "fit", "") == "keep" else 'fit="crop" or "pad"'
        raise TrainingFailed(
            f'The rows of "{name}" differ in size: {words}.',
            "One batch needs one size.",
            f"Use {cure}, or batches(1).",
        )
    return numpy.stack(arrays)
