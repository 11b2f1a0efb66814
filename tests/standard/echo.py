"""An app that says back what a visitor writes, for the row about texts: every word of it is as hostile as it may be."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from teahouse import App, Choice, Text, ids
from teahouse.model import bundle, shape
from teahouse.model.shape import Manifest
from teahouse.store import apps, releases, rollouts

NAME, MOST = "echo", 120


def graph() -> bytes:
    """Code points in, the same out; the choice is read by nobody."""
    from onnx import TensorProto, helper

    given = [
        helper.make_tensor_value_info("words", TensorProto.INT64, ["n", MOST]),
        helper.make_tensor_value_info("pick", TensorProto.INT64, ["n"]),
    ]
    told = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", MOST])]
    nodes = [helper.make_node("Cast", ["words"], ["output"], to=TensorProto.FLOAT)]
    drawn = helper.make_graph(nodes, "echo", given, told)
    return helper.make_model(drawn, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()


def app(title: str, label: str, words: list[str]) -> App:
    """As a maker would write it. Raises DeclarationError for what may not be said."""
    inputs = {"words": Text(MOST, label=label), "pick": Choice(*words, start=words[0], label=label)}
    return App(title=title, name=NAME, description=title, note=title, input=inputs, output=Text(MOST))


def install(house: Any, made: App) -> str:
    """Installs it in an open house and lets it answer; its id."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "release"
        folder.mkdir()
        (folder / "model.onnx").write_bytes(graph())
        inputs = {"words": "hello", "pick": made.fields["pick"].words()[0]}
        manifest = Manifest(
            app=NAME,
            title=made.title,
            description=made.description,
            note=made.note,
            fields=[each.json() for each in made.fields.values()],
            output=made.output.json(),
            parity={"max_abs": 0.0, "rows": 1},
            examples=[{"file": "", "inputs": inputs, "expected": {"text": "hello"}}],
            made="2026-01-01T00:00:00Z",
        )
        bundle.seal(folder, manifest)
        release = bundle.install(folder, house.releases)
    told, at = shape.to_json(bundle.read(house.releases / release)), ids.now_ms()

    def put(c: Any) -> None:
        apps.declare(c, NAME, made.title, made.declaration(), "", at)
        releases.add(c, release, NAME, None, told, at=at)
        rollouts.append(c, NAME, release, "full", by="owner", why="a test", at=at)

    house.db.write(put)
    return release
