"""Pipelines: a scikit-learn pipeline on flattened pictures becomes model.onnx, through skl2onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import DeclarationError, ExportFailed
from teahouse.model.session import Session
from teahouse.publishing import graphs, originals
from teahouse.spec.app import App

WORST = 1e-2  # of a share: forests and trees step where float32 rounds otherwise than float64
INSTALL = "pip install 'teahouse[sklearn]'"


def make(
    model: Any, app: App, batches: Sequence[Mapping[str, numpy.ndarray]], folder: Path
) -> tuple[dict[str, float], list[str], tuple[int, ...]]:
    """model.onnx in `folder`: shares for each label (or a number) from [N, 3, H, W] 0..1; its parity, notes, and where
    the labels stand among its classes (empty: in the same order).

    Pictures are flattened as numpy.asarray(picture).ravel() does (rows, columns, colours); one with a number a pixel
    takes grey. ExportFailed names the step that can not be exported."""
    (name, field), *more = app.fields.items()
    if more or field.kind != "image" or field.fit == "keep":
        raise DeclarationError(
            "A scikit-learn pipeline takes one picture of a fixed size.", f"The app has {', '.join(app.fields)}.",
            "Write input=Image(size=32).",
        )  # fmt: skip
    model = getattr(model, "best_estimator_", model)
    channels = channels_of(model, field.size)
    inner, said = converted(model)
    notes = ["It takes grey pictures: colours are made grey before it."] if channels == 1 else []
    chain = graphs.Chain(f"net_{said}", "choose")
    order = order_of(model, app.output)
    if order is not None:
        notes.append(f"Its classes are put in the order of the labels: {', '.join(app.output.words())}.")
        chain.add("Gather", order, axis=1)
    whole = around(inner, name, field, channels, chain)
    graphs.write(whole, folder / "model.onnx")
    parity = compare(model, field, channels, batches[0][name], order, folder)
    return parity, notes, () if order is None else tuple(map(int, order))


def channels_of(model: Any, size: tuple[int, int]) -> int:
    """1 or 3: how many numbers a pixel the pipeline was fitted on."""
    taken, pixels = getattr(model, "n_features_in_", None), size[0] * size[1]
    if taken not in (pixels, 3 * pixels):
        side = next((round((taken / each) ** 0.5) for each in (3, 1) if taken and _is_square(taken / each)), None)
        raise ExportFailed(
            f"The pipeline takes {taken} numbers, Image(size={size[0]}) gives {3 * pixels} (or {pixels} in grey).",
            "It is not fitted yet." if taken is None else "It was fitted on pictures of another size.",
            f"Write Image(size={side})." if side else "Fit it on pictures of one size, flattened.",
        )
    return 1 if taken == pixels else 3


def _is_square(number: float) -> bool:
    return number == int(number) and round(number**0.5) ** 2 == number


def converted(model: Any) -> tuple[Any, str]:
    """The pipeline as an ONNX model, and the name of what is its answer."""
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType
        from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
    except ImportError as error:
        raise ExportFailed("A scikit-learn pipeline needs skl2onnx.", "It is not installed.", INSTALL) from error
    classifies = hasattr(model, "classes_")
    if classifies and not hasattr(model, "predict_proba"):
        raise ExportFailed(
            f"{type(model).__name__} gives no shares, only a label.", "A page tells how sure the model is.",
            "Fit it with probability=True, or within CalibratedClassifierCV.",
        )  # fmt: skip
    try:
        made = convert_sklearn(
            model,
            initial_types=[("input", FloatTensorType([None, model.n_features_in_]))],
            options={id(model): {"zipmap": False}} if classifies else None,
            target_opset={"": graphs.OPSET, "ai.onnx.ml": graphs.ML_OPSET},
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise ExportFailed(
            "A step of the pipeline has no ONNX form.", str(error).splitlines()[0][:300],
            "Take it out of the pipeline, or do it in another step that skl2onnx knows.",
        ) from error  # fmt: skip
    except Exception as error:  # edge: converters of single steps raise whatever they like
        raise ExportFailed(
            "The pipeline can not be exported.", f"{type(error).__name__}: {str(error)[:500]}", "See its steps."
        ) from error
    return made, "probabilities" if classifies else made.graph.output[0].name


def order_of(model: Any, output: Any) -> numpy.ndarray | None:
    """Where the labels stand among the pipeline's classes, if their names say so and it is another order."""
    if output.kind != "labels" or not hasattr(model, "classes_"):
        return None
    has, words = [str(one) for one in model.classes_], output.words()
    if sorted(has) != sorted(words) or has == words:
        return None
    return numpy.array([has.index(word) for word in words])


def around(model: Any, name: str, field: Any, channels: int, chosen: graphs.Chain) -> Any:
    """The pipeline between a picture and its answer."""
    import onnx
    from onnx import TensorProto, helper

    inner = onnx.compose.add_prefix(model, "net_")
    width, height = field.size
    chain = graphs.Chain(name, "before")
    if channels == 1:
        graphs.grey(chain)
    graphs.normalised(chain, field.json()["normalize"], channels)
    chain.add("Transpose", perm=[0, 2, 3, 1]).add("Flatten", axis=1)
    chain.nodes[-1].output[0] = inner.graph.input[0].name
    chosen.add("Cast", to=TensorProto.FLOAT)
    chosen.nodes[-1].output[0] = "output"
    given = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, height, width])
    said = graphs.rows_of("output", 2)
    nodes = [*chain.nodes, *inner.graph.node, *chosen.nodes]
    weights = [*inner.graph.initializer, *chain.constants, *chosen.constants]
    whole = helper.make_model(
        helper.make_graph(nodes, "release", [given], [said], weights),
        opset_imports=opsets(inner),
        ir_version=graphs.IR,
    )
    whole.functions.extend(inner.functions)
    return whole


def opsets(model: Any) -> list[Any]:
    """The pipeline's operator sets; where it needs none but those for trees, our own nodes still need the plain one."""
    from onnx import helper

    found = {one.domain: one.version for one in model.opset_import}
    found[""] = max(found.get("", 0), 18)
    return [helper.make_opsetid(domain, version) for domain, version in found.items()]


def flattened(field: Any, channels: int, photos: numpy.ndarray) -> numpy.ndarray:
    """[N, 3, H, W] 0..1 as the pipeline was fitted on: [N, features]."""
    seen = originals.pixels(field, channels, photos)
    return numpy.ascontiguousarray(seen.transpose(0, 2, 3, 1)).reshape(len(seen), -1)


def compare(
    model: Any, field: Any, channels: int, photos: numpy.ndarray, order: numpy.ndarray | None, folder: Path
) -> dict[str, float]:
    """How far ONNX and scikit-learn lie apart on the rows."""
    rows = flattened(field, channels, photos)
    wanted = numpy.asarray(model.predict_proba(rows) if hasattr(model, "classes_") else model.predict(rows))
    wanted = wanted.reshape(len(rows), -1)
    wanted = wanted if order is None else wanted[:, order]
    made = Session(folder).predict({"input": photos}).reshape(len(rows), -1)
    worst = float(numpy.abs(made - wanted).max(initial=0.0))
    if not worst <= WORST * max(1.0, float(numpy.abs(wanted).max())):
        raise ExportFailed(
            "The exported pipeline answers otherwise.", f"ONNX and scikit-learn lie up to {worst:.2g} apart.",
            "Fit it on float32 numbers, or take out the step that rounds.",
        )  # fmt: skip
    return {"max_abs": worst, "rows": len(rows)}
