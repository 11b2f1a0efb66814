"""Graphs: what is written around a model's ONNX graph: pixels as it was trained on before it, an answer after it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from teahouse.errors import ExportFailed

OPSET, ML_OPSET, IR = 20, 3, 9
LEAST_P = 1e-7  # of a share, so that its logarithm is a number
LUMA = (19595.0, 38470.0, 7471.0)  # of 65536: what Pillow's convert("L") takes, to the bit
COLOURS = (
    (0.11, 0.12, 0.14), (0.90, 0.62, 0.00), (0.34, 0.71, 0.91), (0.00, 0.62, 0.45), (0.94, 0.89, 0.26),
    (0.00, 0.45, 0.70), (0.84, 0.37, 0.00), (0.80, 0.47, 0.65), (0.95, 0.95, 0.95), (0.55, 0.34, 0.29),
)  # fmt: skip


@dataclass
class Chain:
    """Nodes one after the other: each takes what the one before it gave. `end` is the name of what comes out last."""

    end: str
    prefix: str
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, op: str, *more: Any, first: bool = True, **attributes: Any) -> Chain:
        """One node of the end and `more` (names, or arrays as constants); with first=False the end comes last."""
        from onnx import helper

        names = [self._name(one) for one in more]
        inputs = [self.end, *names] if first else [*names, self.end]
        self.end = f"{self.prefix}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [self.end], **attributes))
        return self

    def _name(self, given: Any) -> str:
        from onnx import numpy_helper

        if isinstance(given, str):
            return given
        name = f"{self.prefix}-constant-{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.asarray(given), name))
        return name


def finish(chain: Chain, steps: Sequence[str], classes: int = 0) -> Chain:
    """The steps that lead from what a net says to a release's row; `outputs.STEPS` says what each is for."""
    for step in steps:
        FINISHES[step](chain, classes)
    return chain


def _twice(chain: Chain, classes: int) -> None:
    chain.add("Reshape", numpy.array([-1, 1])).add("Mul", numpy.float32([[0, 1]]))


def _odds(chain: Chain, classes: int) -> None:
    chain.add("Reshape", numpy.array([-1, 1])).add("Clip", numpy.float32(LEAST_P), numpy.float32(1 - LEAST_P))
    chain.add("Mul", numpy.float32([[-1, 1]])).add("Add", numpy.float32([[1, 0]])).add("Log")


def _colours(chain: Chain, classes: int) -> None:
    table = numpy.float32([COLOURS[number % len(COLOURS)] for number in range(classes)])
    chain.add("ArgMax", axis=1, keepdims=0).add("Gather", table, first=False, axis=0)
    chain.add("Transpose", perm=[0, 3, 1, 2])


FINISHES = {
    "flat": lambda chain, classes: chain.add("Flatten", axis=1),
    "log": lambda chain, classes: chain.add("Clip", numpy.float32(LEAST_P)).add("Log"),
    "twice": _twice,
    "odds": _odds,
    "half": lambda chain, classes: chain.add("Mul", numpy.float32(0.5)).add("Add", numpy.float32(0.5)),
    "bytes": lambda chain, classes: chain.add("Mul", numpy.float32(1 / 255)),
    "sigmoid": lambda chain, classes: chain.add("Sigmoid"),
    "grey": lambda chain, classes: chain.add("Concat", chain.end, chain.end, axis=1),
    "colours": _colours,
    "upright": lambda chain, classes: chain.add("Transpose", perm=[0, 3, 1, 2]),
}


def append(path: Path, steps: Sequence[str], classes: int) -> None:
    """Write the steps after the graph's first output. ExportFailed where they do not fit to it."""
    import onnx

    if not steps:
        return
    model = onnx.load(str(path))
    graph = model.graph
    said, prefix = fresh(model.graph, "said"), fresh(model.graph, "finish")
    rename(graph, graph.output[0].name, said)
    chain = finish(Chain(said, prefix), steps, classes)
    chain.nodes[-1].output[0] = "output"
    graph.node.extend(chain.nodes)
    graph.initializer.extend(chain.constants)
    graph.output[0].CopyFrom(rows_of("output", rank_of(steps)))
    write(model, path)


def fresh(graph: Any, wanted: str) -> str:
    """`wanted`, with a number behind it where any name of the graph begins so; in the graphs within it too."""
    taken = {name for inner in graphs_in(graph) for name in names_of(inner)}
    tries = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in tries if not any(name.startswith(one) for name in taken))


def graphs_in(graph: Any) -> Iterator[Any]:
    """The graph, and the bodies of If, Loop and Scan at any depth."""
    yield graph
    for node in graph.node:
        for one in node.attribute:
            for inner in (*([one.g] if one.HasField("g") else []), *one.graphs):
                yield from graphs_in(inner)


def names_of(graph: Any) -> Iterator[str]:
    """Every name of the graph's own: its ends, its weights, its nodes and what they take and give."""
    for values in (graph.input, graph.output, graph.initializer, graph.value_info):
        yield from (one.name for one in values)
    yield from (one.values.name for one in graph.sparse_initializer)
    for node in graph.node:
        yield from (node.name, *node.input, *node.output)


def rename(graph: Any, old: str, new: str) -> None:
    """Call a value `new`, which no name is yet, wherever it is made or taken; the bodies within take it from here."""
    for inner in graphs_in(graph):
        for values in (inner.input, inner.output, inner.initializer, inner.value_info):
            for one in values:
                one.name = new if one.name == old else one.name
        for one in inner.sparse_initializer:
            one.values.name = new if one.values.name == old else one.values.name
        for one in inner.quantization_annotation:
            one.tensor_name = new if one.tensor_name == old else one.tensor_name
        for node in inner.node:
            node.output[:] = [new if name == old else name for name in node.output]
            node.input[:] = [new if name == old else name for name in node.input]


def finished(said: numpy.ndarray, steps: Sequence[str], classes: int) -> numpy.ndarray:
    """What the steps make of rows that a maker's own net gave, float32 [N, ...]."""
    import onnx

    from teahouse.model.session import Session

    if not steps:
        return said
    chain = finish(Chain("said", "finish"), steps, classes)
    chain.nodes[-1].output[0] = "output"
    ends = rows_of("said", said.ndim), rows_of("output", rank_of(steps))
    graph = onnx.helper.make_graph(chain.nodes, "finish", [ends[0]], [ends[1]], chain.constants)
    with tempfile.TemporaryDirectory() as scratch:
        write(model_of(graph), Path(scratch) / "model.onnx")
        return Session(Path(scratch)).predict({"said": numpy.asarray(said, numpy.float32)})


def rank_of(steps: Sequence[str]) -> int:
    """How many axes rows have after the steps, the batch's among them: 2 of labels, 4 of pictures."""
    return 2 if {"flat", "log", "twice", "odds"} & set(steps) else 4


def rows_of(name: str, rank: int) -> Any:
    """float32 of any size, the batch first, as an end of a graph."""
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *[None] * (rank - 1)])


def grey(chain: Chain) -> Chain:
    """Colours [N, 3, H, W] 0..1 to grey [N, 1, H, W] 0..1, rounded as Pillow rounds it."""
    weights = numpy.float32(LUMA).reshape(1, 3, 1, 1)
    chain.add("Mul", numpy.float32(255)).add("Round").add("Mul", weights).add("ReduceSum", numpy.array([1]), keepdims=1)
    return (
        chain.add("Add", numpy.float32(32768))
        .add("Mul", numpy.float32(1 / 65536))
        .add("Floor")
        .add("Mul", numpy.float32(1 / 255))
    )


def normalised(chain: Chain, pair: Any, channels: int) -> Chain:
    """The field's own mean and deviation, as the net was trained with."""
    if pair:
        mean, std = (numpy.float32(part)[:channels].reshape(1, channels, 1, 1) for part in pair)
        chain.add("Sub", mean).add("Div", std)
    return chain


def model_of(graph: Any) -> Any:
    """A model of this graph alone, at the opsets that releases are written in."""
    from onnx import helper

    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR)


def write(model: Any, path: Path) -> None:
    """Check the model and write it as one file, without a word of the machine that it was made on."""
    import onnx

    model.doc_string = ""
    del model.metadata_props[:]
    model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportFailed("The model's graph is not sound.", str(error)[:1000], "Export it again.") from error
    onnx.save_model(model, str(path), save_as_external_data=False)
