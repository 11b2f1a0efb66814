"""Model files that mean harm: ONNX and safetensors that reach outside of themselves, lie, or are only broken."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Callable, Iterator

from teahouse.testing import MEAN_COLOUR

SOUND = base64.b64decode(MEAN_COLOUR)
HEADERS = {
    "an offset behind the end": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4096]}},
    "an offset before the beginning": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
    "an end before its beginning": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
    "an offset of 64 bits": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 1 << 63]}},
    "an offset of 70 bits": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [1 << 70, (1 << 70) + 8]}},
    "offsets of text": {"w": {"dtype": "F32", "shape": [2], "data_offsets": ["0", "8"]}},
    "half an offset": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 7.5]}},
    "one offset": {"w": {"dtype": "F32", "shape": [2], "data_offsets": [8]}},
    "no offset": {"w": {"dtype": "F32", "shape": [2]}},
    "two over each other": {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in "ab"},
    "a gap": {"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
    "bytes of nobody": {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
    "a list": [],
    "a number": {"w": 7},
    "metadata that is none": {"__metadata__": [1], "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
}


def weights() -> Iterator[tuple[str, bytes]]:
    """safetensors by name."""
    for name, header in HEADERS.items():
        text = json.dumps(header).encode()
        yield name, struct.pack("<Q", len(text)) + text + bytes(8)
    for name, data in (
        ("a header longer than the file", struct.pack("<Q", 1 << 40) + b"{}"),
        ("a header of 2^64 - 1", struct.pack("<Q", (1 << 64) - 1) + b"{}"),
        ("a header of nothing", bytes(8)),
        ("a header that is no JSON", struct.pack("<Q", 4) + b"{{{{" + bytes(8)),
        ("brackets all the way down", struct.pack("<Q", 90_000) + b"[" * 90_000),
        ("a header of 100 MB", struct.pack("<Q", 100_000_000) + b'{"a":"' + b" " * 99_999_992 + b'"}'),
        ("seven bytes", bytes(7)),
        ("nothing", b""),
    ):
        yield name, data


def models(secret: str) -> Iterator[tuple[str, bytes]]:
    """ONNX files by name that would have `secret`, a path, read; or use what is not theirs; or never end."""
    import onnx
    from onnx import TensorProto, helper

    def outside(location: str = secret, **more: str) -> TensorProto:
        tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=value)
        return tensor

    def made(spoil: Callable[[onnx.ModelProto], object]) -> bytes:
        model = onnx.load_from_string(SOUND)
        spoil(model)
        return model.SerializeToString()

    def constant(tensor: TensorProto) -> onnx.NodeProto:
        return helper.make_node("Constant", [], ["c"], value=tensor)

    def graph(tensor: TensorProto) -> onnx.GraphProto:
        return helper.make_graph([constant(tensor)], "inner", [], [], initializer=[tensor])

    def branch(model: onnx.ModelProto) -> None:
        inner = graph(outside())
        model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))

    def graphs(model: onnx.ModelProto) -> None:
        node = model.graph.node.add(op_type="Loop")
        node.attribute.add(name="bodies", type=onnx.AttributeProto.GRAPHS).graphs.append(graph(outside()))

    def tensors(model: onnx.ModelProto) -> None:
        node = model.graph.node.add(op_type="Constant")
        node.attribute.add(name="values", type=onnx.AttributeProto.TENSORS).tensors.append(outside())

    def sparse(part: str) -> Callable[[onnx.ModelProto], None]:
        return lambda model: getattr(model.graph.sparse_initializer.add(), part).CopyFrom(outside())

    def sparse_in(many: bool) -> Callable[[onnx.ModelProto], None]:
        def spoil(model: onnx.ModelProto) -> None:
            attribute = model.graph.node.add(op_type="Constant").attribute.add(name="v")
            tensor = attribute.sparse_tensors.add() if many else attribute.sparse_tensor
            tensor.values.CopyFrom(outside())

        return spoil

    def function(model: onnx.ModelProto) -> None:
        model.functions.add(name="f", domain="local").node.append(constant(outside()))

    def default(model: onnx.ModelProto) -> None:
        model.functions.add(name="f", domain="local").attribute_proto.add(name="v").t.CopyFrom(outside())

    def training(model: onnx.ModelProto) -> None:
        model.training_info.add().initialization.initializer.append(outside())

    def unsaid(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(outside())
        model.graph.initializer[-1].ClearField("data_location")

    def deep(model: onnx.ModelProto) -> None:
        inner = helper.make_graph([], "g", [], [])
        for _ in range(25):
            inner = helper.make_graph([helper.make_node("If", ["c"], ["d"], then_branch=inner)], "g", [], [])
        model.graph.node.extend(inner.node)

    places = {
        "an initializer": lambda model: model.graph.initializer.append(outside()),
        "an attribute": lambda model: model.graph.node.append(constant(outside())),
        "a list in an attribute": tensors, "a branch": branch, "a list of graphs": graphs, "a function": function,
        "a sparse tensor's values": sparse("values"), "its indices": sparse("indices"), "a default": default,
        "an attribute's sparse tensor": sparse_in(False), "its sparse tensors": sparse_in(True), "training": training,
        "a tensor that does not say so": unsaid,
    }  # fmt: skip
    for name, spoil in places.items():
        yield f"outside data in {name}", made(spoil)
    for location in ("../../etc/passwd", "a/../../b", "/etc/passwd", "examples/0.png", "model.onnx", "*", ""):
        yield f"outside data at {location}", made(lambda m, at=location: m.graph.initializer.append(outside(at)))
    huge = outside(offset=str(1 << 62), length=str(1 << 62))
    yield "outside data of 2^62 bytes", made(lambda model: model.graph.initializer.append(huge))
    yield (
        "another's operator",
        made(lambda m: m.graph.node.append(helper.make_node("Evil", ["input"], ["e"], domain="x"))),
    )
    yield "another's library", made(lambda model: model.opset_import.append(helper.make_opsetid("com.evil", 1)))
    yield "an old opset", made(lambda model: setattr(model.opset_import[0], "version", 7))
    yield "no graph", made(lambda model: model.ClearField("graph"))
    yield "graphs in graphs in graphs", made(deep)
    yield "a length behind the end", b"\x3a\xff\xff\xff\xff\x0f" + SOUND
    yield "a number without end", b"\xff" * 5000
    yield "four million parts", b"\x08\x01" * 4_000_000 + SOUND
    yield "nothing", b""


def mutations(count: int, seed: int = 5) -> Iterator[bytes]:
    """The sound model with bits turned, bytes repeated, cut or put in, as zzuf and its like do; `count` of them."""
    chance = random.Random(seed)
    for number in range(count):
        data = bytearray(SOUND)
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            at = chance.randrange(len(data))
            kind = (number + chance.randrange(2)) % 4
            if kind < 2:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 2:
                data[at : at + 1] = chance.randbytes(chance.randrange(4))
            else:
                data[at:at] = data[chance.randrange(len(data)) :][: chance.randrange(1, 40)]
        yield bytes(data)
