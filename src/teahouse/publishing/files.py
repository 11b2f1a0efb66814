"""Files: an ONNX file becomes a release's model.onnx: named as the app's fields, pixels 0 to 1, any number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import ExportFailed, TeahouseError
from teahouse.model.session import Session
from teahouse.publishing import graphs, originals
from teahouse.spec.fields import Field

Batch = Mapping[str, numpy.ndarray]
AGAIN = 'Export it with dynamic_axes={"input": {0: "batch"}} and opset_version=18 or newer.'
WORST, MOST_ROWS = 1e-3, 32
FLOATS = (1, 10, 11, 16)  # of TensorProto: float, float16, double, bfloat16
INSIDE = "net_"  # before every name of the file's own, so that none is one of the fields'


def make(
    given: bytes | Path, fields: Mapping[str, Field], batches: Sequence[Batch], folder: Path
) -> tuple[dict[str, float], list[str]]:
    """model.onnx in `folder`, giving what the file gives; its parity, and notes. ExportFailed says what is wrong."""
    import onnx

    try:
        model = onnx.load_model_from_string(given) if isinstance(given, bytes) else onnx.load(str(given))
        onnx.checker.check_model(model)
    except Exception as error:  # edge: protobuf, onnx and the disk have a dozen errors for a file that is none
        raise ExportFailed("This is no sound ONNX file.", str(error)[:500], "Export it again.") from error
    own, (model, notes) = model, newer(model)
    whole = around(model, match(inputs_of(model), fields), fields, notes)
    graphs.write(whole, folder / "model.onnx")
    alone(fields, batches, folder)
    original = originals.Original(own, match(inputs_of(own), fields), fields)
    return compare(original, batches, folder), notes


def newer(model: Any) -> tuple[Any, list[str]]:
    """The model in an opset that a release may have, and what was done for it."""
    import onnx

    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if opset >= 18:
        return model, []
    try:
        made = onnx.version_converter.convert_version(model, graphs.OPSET)
        return made, [f"Its opset {opset} became {graphs.OPSET}."]
    except Exception as error:  # edge: the converter raises what its operators' adapters raise
        raise ExportFailed(
            f"The file is of opset {opset}, and could not be brought to {graphs.OPSET}.", str(error)[:500], AGAIN
        ) from error


def inputs_of(model: Any) -> list[Any]:
    """The graph's inputs that are no weights."""
    weights = {one.name for one in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in weights]


def match(own: Sequence[Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Field → the file's input: by name where they are the same, else in their order."""
    if len(own) != len(fields):
        raise ExportFailed(
            f"The file takes {len(own)} inputs, the app has {len(fields)}.",
            f"The file's are {', '.join(one.name for one in own)}.",
            "Declare one field for each: input={'photo': Image(…), 'age': Number(…)}.",
        )
    by_name = {one.name: one for one in own}
    return by_name if set(by_name) == set(fields) else dict(zip(fields, own, strict=True))


def around(model: Any, matched: Mapping[str, Any], fields: Mapping[str, Field], notes: list[str]) -> Any:
    """The file's graph between what the page gives and what it says first."""
    import onnx
    from onnx import TensorProto, helper

    inner = onnx.compose.add_prefix(model, INSIDE)
    inner.graph.ClearField("value_info")  # they may name the one batch that it was exported with
    chains, given = [], []
    for name, each in matched.items():
        kind = fields[name].kind
        chain, shape = before(fields[name], name, each, notes)
        chain.nodes[-1].output[0] = INSIDE + each.name
        chains.append(chain)
        code = TensorProto.INT64 if kind in ("choice", "text") else TensorProto.FLOAT
        given.append(helper.make_tensor_value_info(name, code, shape))
    said = [one.name for one in inner.graph.output]
    if len(said) > 1:
        notes.append(f"It gives {len(said)} things; the first one, {said[0].removeprefix(INSIDE)}, is the answer.")
    nodes = [node for chain in chains for node in chain.nodes] + list(inner.graph.node)
    nodes.append(helper.make_node("Cast", [said[0]], ["output"], to=TensorProto.FLOAT))
    weights = [*inner.graph.initializer, *(one for chain in chains for one in chain.constants)]
    rank = len(inner.graph.output[0].type.tensor_type.shape.dim) or 2
    output = graphs.rows_of("output", rank)
    graph = helper.make_graph(nodes, "release", given, [output], weights)
    graph.sparse_initializer.extend(inner.graph.sparse_initializer)
    whole = helper.make_model(graph, opset_imports=list(inner.opset_import), ir_version=max(inner.ir_version, 8))
    whole.functions.extend(inner.functions)
    return whole


def before(field: Field, name: str, own: Any, notes: list[str]) -> tuple[graphs.Chain, list[Any]]:
    """The nodes from the page's input to the file's, and the input's shape."""
    kind, sides = own.type.tensor_type.elem_type or 1, originals.sides_of(own)
    chain, shape = graphs.Chain(name, f"{INSIDE[:-1]}-before-{name}"), ["batch"]
    if field.kind == "image":
        width, height = field.size
        shape = ["batch", 3, *((f"height-{name}", f"width-{name}") if field.fit == "keep" else (height, width))]
        channels, last = originals.layout(own)
        fixed = (sides[1:3] if last else sides[2:4]) if len(sides) == 4 else []
        if field.fit != "keep" and any(a and a != b for a, b in zip(fixed, (height, width), strict=False)):
            raise ExportFailed(
                f"The file takes pictures of {fixed[1]} by {fixed[0]}, the app says {width} by {height}.", "",
                f"Write Image(size={fixed[0] if fixed[0] == fixed[1] else (fixed[1], fixed[0])}).",
            )  # fmt: skip
        if channels == 1:
            graphs.grey(chain)
            notes.append("It takes grey pictures: colours are made grey before it.")
        graphs.normalised(chain, field.json()["normalize"], channels)
        if kind not in FLOATS:
            chain.add("Round")  # a cast cuts off: 254.99998 of 255 would be 254
        if last:
            chain.add("Transpose", perm=[0, 2, 3, 1])
    elif field.kind == "seed":
        shape = ["batch", field.size]
        if len(sides) == 4:
            chain.add("Reshape", numpy.array([0, -1, 1, 1]))
    elif field.kind == "number" and len(sides) == 2:
        chain.add("Reshape", numpy.array([-1, 1]))
    elif field.kind == "text":
        shape = ["batch", field.most]
    return chain.add("Cast", to=kind), shape


def alone(fields: Mapping[str, Field], batches: Sequence[Batch], folder: Path) -> None:
    """ExportFailed where it does not run on what the page gives, or says of a row alone what it does not beside
    another."""
    try:
        session, rows = Session(folder), dict(batches[0])
        together = session.predict({name: rows[name][:2] for name in fields})
        each = [session.predict({name: rows[name][at : at + 1] for name in fields}) for at in range(2)]
    except TeahouseError as error:
        why = str(error)
        one = any(word in why for word in ("reshape", "Reshape", "dimension", "wrong shape", "Concat"))
        raise ExportFailed(
            "The file runs one picture at a time only." if one else "The file does not run on what the page gives it.",
            why[:600], AGAIN if one else "See Image(size=…), and what the file takes.",
        ) from error  # fmt: skip
    worst = float(numpy.abs(together - numpy.concatenate(each)).max(initial=0.0))
    if worst > 1e-3:
        raise ExportFailed("A picture is answered otherwise beside another one.", f"They lie {worst:.2g} apart.", AGAIN)


def compare(original: originals.Original, batches: Sequence[Batch], folder: Path) -> dict[str, float]:
    """How far what it became lies from the maker's own file, run as it is on the same rows; ExportFailed where far."""
    session, worst, count = Session(folder), 0.0, 0
    for batch in batches:
        few = {name: rows[:MOST_ROWS] for name, rows in batch.items()}
        wanted = original.said(few)
        made = session.predict(few).reshape(len(wanted), -1)
        if made.shape != wanted.shape:
            raise ExportFailed(
                "It gives more or less than the file that it was made of.",
                f"The file {wanted.shape[1]} numbers for a picture, it {made.shape[1]}.", AGAIN,
            )  # fmt: skip
        apart = float(numpy.abs(made - wanted).max(initial=0.0))
        if not apart <= WORST * max(1.0, float(numpy.abs(wanted).max(initial=0.0))):
            raise ExportFailed(
                "It answers otherwise than the file that it was made of.", f"They lie up to {apart:.2g} apart.", AGAIN
            )
        worst, count = max(worst, apart), count + len(wanted)
    return {"max_abs": worst, "rows": count}
