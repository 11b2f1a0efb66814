"""An app of three inputs for the journeys: a photo, a tint and a strength make a tinted photo."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy

from teahouse import App, Choice, Image, Number, ids, testing
from teahouse.model import bundle, shape
from teahouse.model.shape import Manifest
from teahouse.spec import media
from teahouse.store import apps, releases, rollouts

NAME = "tinted"
TINTS = {"sepia": (1.0, 0.8, 0.5), "sea": (0.4, 0.8, 1.0), "moss": (0.6, 1.0, 0.5)}


def app() -> App:
    """As a maker would write it; two of the three tints have a small picture."""
    inputs = {
        "photo": Image(size=512, fit="keep"),
        "tint": Choice(*TINTS, start="sepia", pictures="tints"),
        "strength": Number(0, 1, step=0.05, start=1.0),
    }
    return App(title="Tint my photo", name=NAME, input=inputs, output=Image())


def tinted(photo: numpy.ndarray, tint: str, strength: float) -> numpy.ndarray:
    """What the release makes, worked out without it: float32 [3, height, width]."""
    palette = numpy.array(TINTS[tint], dtype=numpy.float32)[:, None, None]
    return photo * (1 - strength) + photo.mean(0, keepdims=True) * palette * strength


def graph() -> bytes:
    """The same as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, value: Any, kind: Any) -> Any:
        return numpy_helper.from_array(numpy.array(value, dtype=kind), name)

    nodes = [
        helper.make_node("Gather", ["palette", "tint"], ["colours"], axis=0),
        helper.make_node("Reshape", ["colours", "colour_shape"], ["colour"]),
        helper.make_node("Reshape", ["strength", "share_shape"], ["share"]),
        helper.make_node("ReduceMean", ["photo", "channels"], ["grey"], keepdims=1),
        helper.make_node("Mul", ["grey", "colour"], ["tinted"]),
        helper.make_node("Mul", ["tinted", "share"], ["over"]),
        helper.make_node("Sub", ["one", "share"], ["rest"]),
        helper.make_node("Mul", ["photo", "rest"], ["under"]),
        helper.make_node("Add", ["under", "over"], ["output"]),
    ]
    constants = [
        constant("palette", list(TINTS.values()), numpy.float32),
        constant("colour_shape", [-1, 3, 1, 1], numpy.int64),
        constant("share_shape", [-1, 1, 1, 1], numpy.int64),
        constant("channels", [1], numpy.int64),
        constant("one", 1, numpy.float32),
    ]
    inputs = [
        helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["n", 3, "h", "w"]),
        helper.make_tensor_value_info("tint", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("strength", TensorProto.FLOAT, ["n"]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3, "h", "w"])]
    drawn = helper.make_graph(nodes, "tinted", inputs, outputs, constants)
    return helper.make_model(drawn, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()


def release(folder: Path) -> str:
    """Builds and seals the release in `folder`; its id."""
    made = app()
    (folder / "examples").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph())
    examples = []
    for number, tint in enumerate(("sepia", "sea")):
        given = testing.photo("warm", seed=number, side=96, form="PNG")
        path = f"examples/{number}.png"
        (folder / path).write_bytes(given)
        picture = media.encode(tinted(made.fields["photo"].tensor(given), tint, 1.0))
        after = f"examples/{number}-after.png"
        (folder / after).write_bytes(picture.data)
        expected = {
            "picture": after,
            "width": picture.width,
            "height": picture.height,
            "mean": media.mean_colour(picture.data),
        }
        inputs = {"photo": path, "tint": tint, "strength": 1.0}
        examples.append({"file": path, "inputs": inputs, "expected": expected})
    for word, colour in list(TINTS.items())[:2]:
        small = testing.photo(tuple(round(255 * part) for part in colour), side=64)
        (folder / made.fields["tint"].picture(word)).write_bytes(small)
    manifest = Manifest(
        app=NAME,
        title=made.title,
        fields=[each.json() for each in made.fields.values()],
        output=made.output.json(),
        parity={"max_abs": 0.0, "rows": len(examples)},
        examples=examples,
        made="2026-01-01T00:00:00Z",
    )
    return bundle.seal(folder, manifest)


def install(house: Any) -> str:
    """Installs it in an open house and lets it answer; its id."""
    with tempfile.TemporaryDirectory() as scratch:
        release(Path(scratch) / "release")
        made = bundle.install(Path(scratch) / "release", house.releases)
    manifest, at = shape.to_json(bundle.read(house.releases / made)), ids.now_ms()

    def put(c: Any) -> None:
        apps.declare(c, NAME, manifest["title"], app().declaration(), "", at)
        releases.add(c, made, NAME, None, manifest, at=at)
        rollouts.append(c, NAME, made, "full", by="owner", why="a test", at=at)

    house.db.write(put)
    return made
