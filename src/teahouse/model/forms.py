"""Forms: the same net in whole numbers (int8), built from the maker's own inputs, and judged: does it answer alike?

fp32 is the net as it was exported. int8 is its graph with weights, and what flows between layers, rounded to 256 steps
(ONNX Runtime's static quantisation): a quarter of the bytes, and on most processors much faster. Which steps, a few of
the maker's inputs tell. Two forms are equal where they answer alike on 997 of 1,000 rows, by the output's own measure.
"""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import ReleaseBroken
from teahouse.model.shape import WORTH
from teahouse.spec.fields import Field

Json = Any
Batch = Mapping[str, numpy.ndarray]
Outputs = Callable[[Batch], Sequence[numpy.ndarray]]

FP32, INT8 = "model.onnx", "model.int8.onnx"
MOST_FLIPS = 0.003  # of the rows
ROWS = 1000  # at least so many are judged
SMALL, FAST_MS = 200_000, 0.5  # bytes and milliseconds an answer below which there is nothing to gain
LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")  # where the time goes
SLOW = 1.25  # times as slow: then no other way to build it is fast
MOST_WHY = 600  # characters: a manifest takes 1,000
TIMED_S, TIMED = 0.3, 30  # seconds and answers by which a form is timed


@dataclass(frozen=True)
class Given:
    """What a form is built and judged on: batches of the maker's own inputs, [N, ...] of each, as the model takes them.
    `judging` begins anew at each call and gives `rows` rows. `timing`: one input by which a form is timed, [1, ...] of
    each; without it the first that is judged."""

    calibration: Callable[[], Iterable[Batch]]
    judging: Callable[[], Iterable[Batch]]
    rows: int
    timing: Callable[[], Batch] | None = None

    def one(self) -> Batch:
        """One input, as a visitor gives it."""
        if self.timing:
            return self.timing()
        return {name: array[:1] for name, array in next(iter(self.judging())).items()}


@dataclass(frozen=True)
class Tried:
    """What became of a form: as a manifest lists it ("name", "file", "flips", "rows"), or why it was left out."""

    form: Mapping[str, Json] | None
    why: str = ""

    def facts(self) -> dict[str, Json]:
        """What the manifest says of it: {"forms"} beside fp32, or {"left_out"}."""
        if self.form is None:
            return {"left_out": [{"name": "int8", "why": self.why[:MOST_WHY]}]}
        return {"forms": [{"name": "fp32", "file": FP32, "flips": 0}, dict(self.form)]}


@dataclass(frozen=True)
class Judged:
    """On how many of the `rows` that were compared two forms answer differently. `whole`: all rows were compared."""

    flips: int
    rows: int
    whole: bool = True

    @property
    def equal(self) -> bool:
        return self.whole and self.flips <= MOST_FLIPS * self.rows


@dataclass(frozen=True)
class Attempt:
    """One way to build: of which layers, and whether the first and the last one stay as they are."""

    layers: Sequence[str] = ()
    but_ends: bool = False


# The fastest first. The last ones keep what a picture's colours hang on: its first and last layers.
ATTEMPTS = (Attempt(), Attempt(LAYERS), Attempt(LAYERS, but_ends=True))


def try_int8(folder: Path, output: Field, given: Given, outputs: Callable[[str], Outputs], seconds: float) -> Tried:
    """Builds model.int8.onnx in `folder` in up to three ways until one is equal, within about so many seconds of
    processor time: on a busy machine the clock says little.

    outputs: from a file of the folder to what the release answers with it."""
    until = time.process_time() + seconds
    if (folder / FP32).stat().st_size < SMALL:
        return Tried(None, "The net is so small that there is nothing to gain.")
    exact = outputs(FP32)
    one = given.one()
    usual = milliseconds(exact, one)
    if usual < FAST_MS:
        return Tried(None, f"An answer takes {usual:.1f} ms: there is nothing to gain.")
    differs: list[Judged] = []
    whys = []
    for attempt in ATTEMPTS:
        if time.process_time() > until:
            whys.append("It takes too long to build and to judge.")
            break
        try:
            build_int8(folder / FP32, folder / INT8, given.calibration(), attempt)
            other = outputs(INT8)
            quick = milliseconds(other, one)
            if quick * WORTH > usual:
                whys.append(f"It is not faster: an answer takes {quick:.1f} ms, and {usual:.1f} ms as it is.")
                if quick > SLOW * usual:
                    break
                continue
            judged = judge(output, exact, other, given, until)
        except ReleaseBroken as error:
            whys.append(in_our_words(error))
            continue
        if judged.equal:
            return Tried({"name": "int8", "file": INT8, "flips": judged.flips, "rows": judged.rows})
        if not judged.whole and judged.flips <= MOST_FLIPS * given.rows:
            whys.append("It takes too long to judge.")
            break
        differs.append(judged)
    (folder / INT8).unlink(missing_ok=True)
    return Tried(None, told(min(differs, key=lambda one: one.flips / one.rows)) if differs else whys[-1])


def in_our_words(error: ReleaseBroken) -> str:
    """What went wrong, without the words of a library: they name files of the machine that trained."""
    cause = error.__cause__
    return f"{error.what} {error.why}" if cause is None else f"{error.what} ({type(cause).__name__})"


def told(judged: Judged) -> str:
    """In words why a form that answers differently is left out."""
    share = f"{judged.flips:,} of {judged.rows:,} answers differ ({100 * judged.flips / judged.rows:.1f} %)"
    return f"It answers otherwise too often: {share}; {100 * MOST_FLIPS:.1f} % may."


def build_int8(fp32: Path, out: Path, calibration: Iterable[Batch], attempt: Attempt = Attempt()) -> None:
    """Writes `fp32` in whole numbers to `out`. ReleaseBroken where it can not be.

    Weights take seven of the eight bits: with all of them older processors, which lack the instructions for it, cut
    sums off, and what was judged here would answer otherwise there. Of 1,272 renders of tea 1 flips either way."""
    import onnx

    from teahouse.model.session import Session

    session = Session(fp32.parent, file=fp32.name)
    with tempfile.TemporaryDirectory(prefix="teahouse-int8-") as scratch, _hushed():
        from onnxruntime import quantization

        class Reader(quantization.CalibrationDataReader):
            """The batches, one at a time."""

            def __init__(self) -> None:
                self._batches = iter(calibration)

            def get_next(self) -> dict[str, numpy.ndarray] | None:
                batch = next(self._batches, None)
                return None if batch is None else session.fed(batch)

        whole = Path(scratch) / "whole.onnx"
        try:
            quantization.quant_pre_process(fp32, whole, skip_symbolic_shape=True)
            layers = [node.name for node in onnx.load(whole).graph.node if node.op_type in LAYERS]
            quantization.quantize_static(
                whole,
                out,
                Reader(),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                op_types_to_quantize=list(attempt.layers) or None,
                nodes_to_exclude=[*layers[:1], *layers[-1:]] if attempt.but_ends else [],
            )
            _forget_domains(out)
        except Exception as error:  # edge: it raises whatever a graph that it does not know makes it raise
            why = f"{type(error).__name__}: {str(error)[:300]}"
            raise ReleaseBroken("It can not be built.", why) from error


def _forget_domains(path: Path) -> None:
    """Take out the operators' libraries that no node is of: the optimiser names all that it knows."""
    import onnx

    model = onnx.load(path)
    used = {node.domain for node in model.graph.node} | {""}
    kept = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.save(model, path)


def judge(output: Field, one: Outputs, other: Outputs, given: Given, until: float = float("inf")) -> Judged:
    """Compares what two forms answer, row by row; ends once too many differ, or at `until` (time.process_time)."""
    flips = rows = 0
    for batch in given.judging():
        for exact, row in zip(one(batch), other(batch), strict=True):
            rows += 1
            flips += not same(output, exact, row)
        if flips > MOST_FLIPS * given.rows or (time.process_time() > until and rows < given.rows):
            return Judged(flips, rows, whole=False)
    return Judged(flips, rows, whole=rows >= given.rows)


def same(output: Field, row: numpy.ndarray, other: numpy.ndarray) -> bool:
    """Whether two rows are one answer to a visitor, as their kind of output sees it."""
    own = getattr(output, "same", None)
    return bool(own(row, other)) if own else output.value(row) == output.value(other)


def apart(one: Json, other: Json) -> float:
    """The largest difference of the numbers in two outputs; infinite where anything else in them differs."""
    if isinstance(other, bool) or other is None or isinstance(other, str):
        return 0.0 if one == other else float("inf")
    if isinstance(other, (int, float)):
        off = abs(one - other) if isinstance(one, (int, float)) else float("inf")
        return off if math.isfinite(off) else float("inf")
    if type(one) is not type(other) or len(one) != len(other):
        return float("inf")
    if isinstance(other, dict):
        if set(one) != set(other):
            return float("inf")
        return max((apart(one[key], other[key]) for key in other), default=0.0)
    return max(map(apart, one, other), default=0.0)


def milliseconds(outputs: Outputs, one: Batch) -> float:
    """What one answer takes of the processor: the least of some, for what else the machine does only adds to it."""
    outputs(one)
    found, until = [], time.monotonic() + TIMED_S
    while not found or (time.monotonic() < until and len(found) < TIMED):
        start = time.process_time()
        outputs(one)
        found.append((time.process_time() - start) * 1000)
    return min(found)


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """The quantiser warns through the root logger of what it does on purpose, and sets that up where nobody has."""
    nothing, before = logging.NullHandler(), logging.root.manager.disable
    logging.root.addHandler(nothing)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        logging.root.removeHandler(nothing)
