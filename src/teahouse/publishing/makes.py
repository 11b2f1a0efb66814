"""Makes: what kind of model this is, and the way in which each kind becomes a release's graph."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import DeclarationError, ExportFailed
from teahouse.publishing.outputs import Reading
from teahouse.spec.app import App
from teahouse.training import tries

WEIGHTS = (".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".pkl", ".joblib", ".h5", ".keras")


@dataclass(frozen=True)
class Made:
    """A model.onnx that answers as the app declares. `reading`: the steps from what the net says to that. `own`: of a
    PyTorch module the net itself (nets.Own)."""

    parity: dict[str, float]
    reading: Reading
    notes: tuple[str, ...]
    kind: str
    own: Any = None


def kind_of(model: Any) -> str:
    """torch, onnx or sklearn. DeclarationError says what to give in place of anything else."""
    torch = sys.modules.get("torch")  # who has a net has it loaded
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    if isinstance(model, (bytes, str, os.PathLike)):
        if not isinstance(model, bytes) and Path(model).suffix.lower() in WEIGHTS:
            raise DeclarationError(
                f"{Path(model).name} holds weights, and not the net.", "Such files may run code, and are never opened.",
                "Build the net, load its weights into it, and publish the net itself.",
            )  # fmt: skip
        if not isinstance(model, bytes) and not Path(model).is_file():
            raise DeclarationError(f"There is no file {model}.", "", "Give the path of an ONNX file.")
        return "onnx"
    if hasattr(model, "predict") and hasattr(model, "get_params"):
        return "sklearn"
    do_next = "Publish a torch.nn.Module, the path of an ONNX file, or a fitted scikit-learn pipeline."
    if isinstance(model, Mapping):
        do_next = "These are weights: build the net, net.load_state_dict(them), and publish the net."
    elif torch is not None and isinstance(getattr(model, "model", None), torch.nn.Module):
        do_next = "This holds a net: publish its .model, with normalize= as its preprocessor has it."
    elif callable(model):
        do_next = "Put it into the forward of a torch.nn.Module."
    raise DeclarationError(f"{with_article(type(model).__name__)} can not be published.", "", do_next)


def with_article(name: str) -> str:
    """A type's name at the beginning of a sentence: "A dict", "An OrderedDict"."""
    return f"{'An' if name[:1].lower() in 'aeiou' else 'A'} {name}"


def make(model: Any, app: App, given: Sequence[Mapping[str, Any]], folder: Path) -> Made:
    """model.onnx (of a net its weights too) in `folder`. `given`: the maker's examples by field, tried besides made-up
    ones. ExportFailed in words where it can not be."""
    from teahouse.publishing import graphs, outputs

    kind, order, own = kind_of(model), (), None
    batches = batches_of(app, given)
    if kind == "torch":
        from teahouse.publishing import nets

        parity, notes, own = nets.make(model, app, batches, folder)
    elif kind == "onnx":
        from teahouse.publishing import files

        parity, notes = files.make(model if isinstance(model, bytes) else Path(model), app.fields, batches, folder)
    else:
        from teahouse.publishing import pipelines

        parity, notes, order = pipelines.make(model, app, batches, folder)
    from teahouse.model.session import Session

    session = Session(folder)
    reading = outputs.read(app.output, [session.predict(dict(batch)) for batch in batches])
    reading = replace(reading, order=order, note="" if kind == "sklearn" else reading.note)
    graphs.append(folder / "model.onnx", reading.steps, reading.classes)
    answer(app, folder, batches[0])
    return Made(parity, reading, (*notes, *([reading.note] if reading.note else [])), kind, own)


def batches_of(app: App, given: Sequence[Mapping[str, Any]]) -> list[dict[str, numpy.ndarray]]:
    """What the model is tried on, as arrays by field: the maker's examples, then sixteen made-up ones; one batch a
    shape."""
    rows = [tries.with_values(app, one, number) for number, one in enumerate(given)]
    rows += [dict(one.inputs) for one in tries.stand_ins(app, Path("nowhere"))]
    groups: dict[tuple, list[dict[str, numpy.ndarray]]] = {}
    for row in rows:
        arrays = {name: numpy.asarray(field.tensor(row[name])) for name, field in app.fields.items()}
        groups.setdefault(tuple(array.shape for array in arrays.values()), []).append(arrays)
    found = [{name: numpy.stack([row[name] for row in group]) for name in app.fields} for group in groups.values()]
    # a batch of one could be taken for a constant: the largest is traced
    return sorted(found, key=lambda batch: -len(next(iter(batch.values()))))


def answer(app: App, folder: Path, batch: Mapping[str, numpy.ndarray]) -> None:
    """One whole answer, so that what can not be shown is known before anyone sees the page."""
    from teahouse.errors import InputError
    from teahouse.model.session import Session

    row = Session(folder).predict({name: each[:1] for name, each in batch.items()})[0]
    try:
        app.output.value(row)
    except InputError as error:
        raise ExportFailed("The model's answer is not what the app declares.", str(error), "See output=…") from error
