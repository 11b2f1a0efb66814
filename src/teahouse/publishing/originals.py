"""Originals: what a maker's own ONNX file says of the page's rows, without anything that was written around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from teahouse.errors import ExportFailed
from teahouse.publishing import graphs
from teahouse.spec.fields import Field

Batch = Mapping[str, numpy.ndarray]


class Original:
    """The file as the maker wrote it: its own opset, its own inputs' names, kinds and order of axes."""

    def __init__(self, model: Any, matched: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
        from teahouse.model.session import onnxruntime

        self.matched, self.fields, self.first = matched, fields, model.graph.output[0].name
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # edge: onnxruntime has a dozen exceptions of its own for what it can not load
            raise refused(error) from error

    def said(self, rows: Batch) -> numpy.ndarray:
        """[N, whatever it says of one] of rows as the page gives them, [N, ...] of each field."""
        given = {each.name: taken(self.fields[name], each, rows[name]) for name, each in self.matched.items()}
        count = len(next(iter(given.values())))
        step = next(filter(None, map(fixed_rows, self.matched.values())), count)
        made = []
        for start in range(0, count, step):
            few = {name: filled(rows[start : start + step], step) for name, rows in given.items()}
            try:
                said = numpy.asarray(self._session.run([self.first], few)[0], numpy.float32)
            except Exception as error:  # edge: see above
                raise refused(error) from error
            made.append(said.reshape(step, -1))
        return numpy.concatenate(made)[:count]


def refused(error: Exception) -> ExportFailed:
    """The file does not run, so nothing that is made of it could be held against it."""
    return ExportFailed(
        "The file itself does not run on what the page gives it.", f"{type(error).__name__}: {str(error)[:500]}",
        "See Image(size=…), and what the file takes.",
    )  # fmt: skip


def sides_of(own: Any) -> list[int | None]:
    """The sizes of an input's axes, None for a free one; nothing where the file does not say."""
    kind = own.type.tensor_type
    return [one.dim_value or None for one in kind.shape.dim] if kind.HasField("shape") else []


def layout(own: Any) -> tuple[int, bool]:
    """(channels, whether they come last) of an input that takes pictures."""
    sides = sides_of(own)
    last = len(sides) == 4 and sides[3] in (1, 3) and sides[1] not in (1, 3)
    return next((side for side in (sides[3:] if last else sides[1:2]) if side), 3), last


def fixed_rows(own: Any) -> int | None:
    """How many rows the file takes at a time, None for any number."""
    return next(iter(sides_of(own)), None)


def filled(rows: numpy.ndarray, count: int) -> numpy.ndarray:
    """Rows, the last one again where there are fewer than `count`."""
    return rows.take(range(count), 0, mode="clip")


def taken(field: Field, own: Any, rows: numpy.ndarray) -> numpy.ndarray:
    """A field's rows as the file takes them: what `files.before` writes as nodes, in NumPy."""
    from onnx import helper

    kind = numpy.dtype(helper.tensor_dtype_to_np_dtype(own.type.tensor_type.elem_type or 1))
    if field.kind == "image":
        channels, last = layout(own)
        rows = pixels(field, channels, rows)
        rows = numpy.rint(rows) if kind.kind in "iu" else rows
        rows = rows.transpose(0, 2, 3, 1) if last else rows
    elif field.kind == "seed" and len(sides_of(own)) == 4:
        rows = rows.reshape(len(rows), -1, 1, 1)
    elif field.kind == "number" and len(sides_of(own)) == 2:
        rows = rows.reshape(len(rows), 1)
    return numpy.ascontiguousarray(rows).astype(kind)


def pixels(field: Field, channels: int, photos: numpy.ndarray) -> numpy.ndarray:
    """[N, 3, H, W] 0..1 as a model was trained on them: [N, channels, H, W], grey as Pillow makes it, normalised."""
    if channels == 1:
        levels = numpy.round(photos * 255).astype(numpy.int64)
        luma = (levels * numpy.int64(graphs.LUMA).reshape(1, 3, 1, 1)).sum(1, keepdims=True) + 32768 >> 16
        photos = luma.astype(numpy.float32) / 255
    pair: Sequence[Any] | None = field.json()["normalize"]
    if pair:
        mean, std = (numpy.float32(part)[:channels].reshape(1, channels, 1, 1) for part in pair)
        photos = (photos - mean) / std
    return photos
