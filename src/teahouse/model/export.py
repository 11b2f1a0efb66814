"""A trained net becomes an ONNX file: normalisation baked in, weights beside it, outputs compared on real rows."""

import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import save_file

from teahouse.errors import ExportFailed, ReleaseBroken
from teahouse.model.session import Session
from teahouse.spec.fields import Field

OPSET, MOST_ROWS, WORST = 20, 256, 1e-3
TOGETHER = 32  # rows in one comparison
EVEN, LEAST, MOST = 4, 32, 8192  # what a kept picture's sides are multiples of, and their bounds
TRACED, ANOTHER = (96, 128), (160, 64)  # height and width of the pictures that a net of any size is traced with, and of
# the ones that it is compared on besides: a graph that has learnt a size by heart is found out
Batch = Mapping[str, numpy.ndarray]


class Normalised(torch.nn.Module):
    """The net behind each input's own normalisation, so that a release takes pixels of 0..1 wherever it runs."""

    def __init__(self, net: torch.nn.Module, fields: Mapping[str, Field]) -> None:
        super().__init__()
        self.net = net
        self.scaled = []
        for number, field in enumerate(fields.values()):
            pair = field.json().get("normalize")
            self.scaled.append(bool(pair))
            for name, numbers in zip(("mean", "std"), pair or (), strict=False):
                self.register_buffer(f"{name}{number}", torch.tensor(numbers, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """[N, ...] of each field, in their order; what the net returns, a score as [N]."""
        given = [
            (each - getattr(self, f"mean{number}")) / getattr(self, f"std{number}") if scaled else each
            for number, (each, scaled) in enumerate(zip(inputs, self.scaled, strict=True))
        ]
        made = self.net(*given)
        if not isinstance(made, (tuple, list)):
            return (made,)
        output, score = made
        return output, score.flatten()


def export(
    net: torch.nn.Module, fields: Mapping[str, Field], examples: Batch | Sequence[Batch], folder: Path
) -> dict[str, float]:
    """Writes model.onnx and weights.safetensors to `folder`; returns {"max_abs", "rows"}.

    `examples`: real rows as the fields' tensors, [N, ...] of each, not normalised; N of 2 or more is wise. Where
    pictures keep their shape, one batch a shape. The net is given them normalised, in the order of `fields`, and
    returns one tensor [N, ...] (for Labels: logits), or (tensor, score [N]). A net whose pictures keep their shape
    takes any height and width that are multiples of 4, and is compared on a second shape too.
    Raises ExportFailed where it can not be traced, or where ONNX and PyTorch differ by more than 0.001."""
    folder = Path(folder)
    batches = [examples] if isinstance(examples, Mapping) else list(examples)
    rows = [_whole({name: plain(batch[name])[:MOST_ROWS] for name in fields}) for batch in batches]
    rows = [batch for batch in rows if len(next(iter(batch.values())))]
    if not rows:
        raise ExportFailed("There is nothing to compare with.", "An export needs real rows.", "Give it some.")
    training = net.training
    net = net.cpu().eval()
    save_weights(net, folder / "weights.safetensors")
    whole = Normalised(net, fields).eval()
    try:
        _trace(whole, fields, rows[0], folder / "model.onnx")
        return _compare(whole, fields, rows, folder)
    finally:
        net.train(training)


def save_weights(net: torch.nn.Module, path: Path) -> None:
    """The net's state_dict as safetensors, on the CPU; tensors that share memory are written apart."""
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in net.state_dict().items()}, path)


def plain(rows: numpy.ndarray) -> numpy.ndarray:
    """Whole numbers as int64, all others as float32: the two that a release takes."""
    rows = numpy.asarray(rows)
    return rows.astype(numpy.int64 if rows.dtype.kind in "iu" else numpy.float32, copy=False)


def _whole(batch: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    if len({len(rows) for rows in batch.values()}) > 1:
        raise ExportFailed("The rows do not fit together.", f"{ {name: len(rows) for name, rows in batch.items()} }")
    return batch


def _keeps(field: Field) -> bool:
    return field.json().get("fit") == "keep"


def _resized(batch: Batch, fields: Mapping[str, Field], sides: tuple[int, int]) -> dict[str, numpy.ndarray]:
    """The same rows with kept pictures of another height and width: cut off, or begun again where they end."""
    return {
        name: rows.take(range(sides[0]), 2, mode="wrap").take(range(sides[1]), 3, mode="wrap")
        if _keeps(fields[name])
        else rows
        for name, rows in batch.items()
    }


def _trace(whole: Normalised, fields: Mapping[str, Field], rows: Batch, path: Path) -> None:
    # Traced with two rows: a batch of one could be taken for a constant.
    few = tensors(_resized({name: each[[0, -1]] for name, each in rows.items()}, fields, TRACED))
    batch = torch.export.Dim("batch", min=1, max=1024)
    shapes = tuple(_free_axes(field, batch, number) for number, field in enumerate(fields.values()))
    try:
        with torch.no_grad(), hushed():
            names = ["output", "score"][: len(whole(*few))]
            program = torch.onnx.export(
                whole,
                few,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(fields),
                output_names=names,
                dynamic_shapes=(shapes,),
                verbose=False,
            )
            _forget_origin(program.model)
            program.save(str(path), external_data=False)
    except Exception as error:  # edge: tracing a maker's net can raise anything; its words are the maker's to read
        why = f"{type(error).__name__}: {str(error)[:2000]}"
        do_next = "Use operations that do not depend on the values, and a first axis for the batch."
        raise ExportFailed("The net can not be exported to ONNX.", why, do_next) from error


class _Others:
    """stderr for all threads but the one that made this: a bar goes on while an exporter's own words are dropped."""

    def __init__(self) -> None:
        self._real, self._mine = sys.stderr, threading.get_ident()

    def write(self, words: str) -> int:
        """Pass on what another thread writes."""
        return len(words) if threading.get_ident() == self._mine else self._real.write(words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def hushed() -> Iterator[None]:
    """Torch's exporter tries four ways, and prints a graph and warnings for each that fails; its errors say it all."""
    known = logging.root.manager.loggerDict.items()
    loud = {each for name, one in known if name.startswith("torch") for each in getattr(one, "handlers", ())}
    before = {each: each.level for each in loud}
    for each in loud:
        each.setLevel(logging.CRITICAL)
    try:
        with redirect_stderr(_Others()):  # type: ignore[type-var]
            yield
    finally:
        for each, level in before.items():
            each.setLevel(level)


def _forget_origin(model: Any) -> None:
    """Take out what the exporter notes of each node: files and lines on the maker's machine."""
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()


def _free_axes(field: Field, batch: object, number: int) -> dict[int, object]:
    """The axes that may differ from row to row: the batch, and height and width of a picture of any size."""
    if not _keeps(field):
        return {0: batch}
    bounds = {"min": LEAST // EVEN, "max": MOST // EVEN}
    height, width = (torch.export.Dim(f"{name}{number}", **bounds) for name in ("height", "width"))
    return {0: batch, 2: EVEN * height, 3: EVEN * width}


def tensors(batch: Batch) -> tuple[torch.Tensor, ...]:
    """Each field's rows as a tensor of its own, in their order."""
    return tuple(torch.from_numpy(each.copy()) for each in batch.values())


def _compare(whole: Normalised, fields: Mapping[str, Field], rows: Sequence[Batch], folder: Path) -> dict[str, float]:
    compared = list(rows)
    if any(map(_keeps, fields.values())):
        compared.append(_resized({name: each[:2] for name, each in rows[0].items()}, fields, ANOTHER))
    try:
        session = Session(folder)
        worst = max(
            _apart(whole, session, {name: each[start : start + TOGETHER] for name, each in batch.items()})
            for batch in compared
            for start in range(0, len(next(iter(batch.values()))), TOGETHER)
        )
        worst = max(worst, _alone_apart(session, rows[0]))
    except ReleaseBroken as error:
        raise ExportFailed("The exported net does not run.", str(error), "See what the net returns.") from error
    if not worst <= WORST:
        why = f"On real rows ONNX and PyTorch lie up to {worst:.2g} apart; {WORST:g} is allowed."
        raise ExportFailed("The exported net differs.", why, "A layer that is random or in training may be why.")
    return {"max_abs": worst, "rows": sum(len(next(iter(batch.values()))) for batch in rows)}


def _apart(whole: Normalised, session: Session, batch: Batch) -> float:
    """How far what ONNX and PyTorch say of a batch lies apart."""
    try:
        with torch.no_grad():
            wanted = [each.numpy() for each in whole(*tensors(batch))]
    except RuntimeError as error:
        shapes = ", ".join(f"{name} {each.shape}" for name, each in batch.items())
        raise ExportFailed("The net can not take every input that it will be given.", f"{shapes}: {error}") from error
    given = list(session.predict_all(dict(batch)).values())
    for made, expected in zip(given, wanted, strict=True):
        if made.shape != expected.shape:
            raise ExportFailed("The exported net differs.", f"PyTorch gives {expected.shape}, ONNX {made.shape}.")
    return max(float(numpy.abs(made - expected).max(initial=0.0)) for made, expected in zip(given, wanted, strict=True))


def _alone_apart(session: Session, rows: Batch) -> float:
    """How far a row alone lies from the same row beside another: what else is in a batch must not matter."""
    beside = session.predict({name: each[:2] for name, each in rows.items()})
    alone = [session.predict({name: each[at : at + 1] for name, each in rows.items()}) for at in range(len(beside))]
    return float(numpy.abs(numpy.concatenate(alone) - beside).max(initial=0.0))
