"""A trained net becomes an ONNX file: normalisation baked in, weights beside it, outputs compared on real rows."""

from collections.abc import Mapping
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file

from teahouse.errors import ExportFailed, ReleaseBroken
from teahouse.model.session import Session
from teahouse.spec.fields import Field

OPSET, MOST_ROWS, WORST = 20, 256, 1e-3


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

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """[N, ...] of each field, in their order; what the net returns."""
        given = [
            (each - getattr(self, f"mean{number}")) / getattr(self, f"std{number}") if scaled else each
            for number, (each, scaled) in enumerate(zip(inputs, self.scaled, strict=True))
        ]
        return self.net(*given)


def export(
    net: torch.nn.Module, fields: Mapping[str, Field], examples: Mapping[str, numpy.ndarray], folder: Path
) -> dict[str, float]:
    """Writes model.onnx and weights.safetensors to `folder`; returns {"max_abs", "rows"}.

    `examples`: real rows as the fields' tensors, [N, ...] of each, not normalised; N of 2 or more is wise. The net is
    given them normalised, in the order of `fields`, and returns one tensor [N, ...] (for Labels: logits).
    Raises ExportFailed where it can not be traced, or where ONNX and PyTorch differ by more than 0.001."""
    folder = Path(folder)
    rows = {name: numpy.asarray(examples[name], dtype=numpy.float32)[:MOST_ROWS] for name in fields}
    if not all(len(each) for each in rows.values()):
        raise ExportFailed("There is nothing to compare with.", "An export needs real rows.", "Give it some.")
    training = net.training
    net = net.cpu().eval()
    save_weights(net, folder / "weights.safetensors")
    whole = Normalised(net, fields).eval()
    try:
        _trace(whole, fields, rows, folder / "model.onnx")
        return _compare(whole, rows, folder)
    finally:
        net.train(training)


def save_weights(net: torch.nn.Module, path: Path) -> None:
    """The net's state_dict as safetensors, on the CPU; tensors that share memory are written apart."""
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in net.state_dict().items()}, path)


def _trace(whole: Normalised, fields: Mapping[str, Field], rows: dict[str, numpy.ndarray], path: Path) -> None:
    # Traced with two rows: a batch of one could be taken for a constant.
    few = tuple(torch.from_numpy(each[[0, -1]].copy()) for each in rows.values())
    batch = torch.export.Dim("batch", min=1, max=1024)
    shapes = tuple(_free_axes(field, batch, number) for number, field in enumerate(fields.values()))
    try:
        with torch.no_grad():
            program = torch.onnx.export(
                whole,
                few,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(fields),
                output_names=["output"],
                dynamic_shapes=(shapes,),
                verbose=False,
            )
            program.save(str(path), external_data=False)
    except Exception as error:  # edge: tracing a maker's net can raise anything; its words are the maker's to read
        why = f"{type(error).__name__}: {str(error)[:2000]}"
        do_next = "Use operations that do not depend on the values, and a first axis for the batch."
        raise ExportFailed("The net can not be exported to ONNX.", why, do_next) from error


def _free_axes(field: Field, batch: object, number: int) -> dict[int, object]:
    """The axes that may differ from row to row: the batch, and height and width of a picture of any size."""
    if field.json().get("fit") != "keep":
        return {0: batch}
    sides = {axis: torch.export.Dim(f"{name}{number}", min=4, max=8192) for axis, name in ((2, "height"), (3, "width"))}
    return {0: batch, **sides}


def _compare(whole: Normalised, rows: dict[str, numpy.ndarray], folder: Path) -> dict[str, float]:
    try:
        session = Session(folder)
        worst, count = 0.0, len(next(iter(rows.values())))
        for start in range(0, count, 32):
            batch = {name: each[start : start + 32] for name, each in rows.items()}
            with torch.no_grad():
                expected = whole(*(torch.from_numpy(each.copy()) for each in batch.values())).numpy()
            given = session.predict(batch)
            if given.shape != expected.shape:
                raise ExportFailed("The exported net differs.", f"PyTorch gives {expected.shape}, ONNX {given.shape}.")
            worst = max(worst, float(numpy.abs(given - expected).max(initial=0.0)))
        alone = session.predict({name: each[:1] for name, each in rows.items()})
        worst = max(worst, float(numpy.abs(alone - session.predict({n: e[:2] for n, e in rows.items()})[:1]).max()))
    except ReleaseBroken as error:
        raise ExportFailed("The exported net does not run.", str(error), "See what the net returns.") from error
    if not worst <= WORST:
        why = f"On real rows ONNX and PyTorch lie up to {worst:.2g} apart; {WORST:g} is allowed."
        raise ExportFailed("The exported net differs.", why, "A layer that is random or in training may be why.")
    return {"max_abs": worst, "rows": count}
