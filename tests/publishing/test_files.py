"""An ONNX file is compared with itself as its maker wrote it, before anything was raised or written around it."""

import numpy
import pytest

from teahouse import Image, Labels
from teahouse.errors import ExportFailed
from teahouse.publishing import entry, files, graphs, makes, outputs, suspects
from teahouse.spec.app import App

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

HALF = ((0.5,) * 3, (0.5,) * 3)
BYTES = ((0.0,) * 3, (1 / 255,) * 3)


def net(shape, opset=20, kind=TensorProto.FLOAT, last=False, more=()):
    """Means of the colours, each times another number: [N, channels]."""
    axes, channels = ([1, 2], shape[3]) if last else ([2, 3], shape[1])
    weights = [numpy_helper.from_array(numpy.float32([range(1, channels + 1)]), "by")]
    nodes = [helper.make_node("Cast", ["pixels"], ["whole"], to=TensorProto.FLOAT)]
    if opset >= 18:
        weights.append(numpy_helper.from_array(numpy.array(axes), "axes"))
        nodes.append(helper.make_node("ReduceMean", ["whole", "axes"], ["mean"], keepdims=0))
    else:
        nodes.append(helper.make_node("ReduceMean", ["whole"], ["mean"], axes=axes, keepdims=0))
    nodes += [helper.make_node("Mul", ["mean", "by"], ["logits"]), *more]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("pixels", kind, shape)],
        [graphs.rows_of(name, 2) for name in ("logits", *(one.output[0] for one in more))], weights,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def made(given, folder, field=Image(8, normalize=HALF), rows=5):
    field.name = "photo"
    batch = {"photo": numpy.random.default_rng(1).integers(0, 256, (rows, 3, 8, 8)).astype(numpy.float32) / 255}
    return files.make(given, {"photo": field}, [batch], folder), batch["photo"]


@pytest.mark.parametrize(
    ("shape", "opset", "kind"),
    [
        (["n", 3, 8, 8], 20, TensorProto.FLOAT), ([1, 3, 8, 8], 13, TensorProto.FLOAT),
        ([2, 3, 8, 8], 17, TensorProto.FLOAT), (["n", 1, 8, 8], 20, TensorProto.FLOAT),
        (["n", 3, 8, 8], 20, TensorProto.FLOAT16), (["n", 3, 8, 8], 20, TensorProto.DOUBLE),
    ],
)  # fmt: skip
def test_each_form_of_file_is_compared_with_itself_on_every_row(tmp_path, shape, opset, kind):
    (parity, _), _ = made(net(shape, opset, kind), tmp_path)
    assert parity["rows"] == 5 and parity["max_abs"] <= 1e-3


def test_whole_pixels_with_the_colours_last_arrive_as_they_are_in_the_file(tmp_path):
    given = net(["n", 8, 8, 3], kind=TensorProto.UINT8, last=True)
    (parity, _), photos = made(given, tmp_path, Image(8, normalize=BYTES))
    assert parity == {"max_abs": pytest.approx(0, abs=1e-3), "rows": 5}
    said = files.Session(tmp_path).predict({"photo": photos})
    assert said == pytest.approx((photos.astype(float) * 255).round().mean((2, 3)) * [1, 2, 3], rel=1e-5)


def test_more_outputs_than_a_release_may_have_are_no_hindrance(tmp_path):
    more = [helper.make_node("Neg", ["logits"], [name]) for name in ("one", "two")]
    (parity, notes), _ = made(net(["n", 3, 8, 8], more=more), tmp_path)
    assert parity["rows"] == 5 and any("3 things" in note for note in notes)


@pytest.mark.parametrize("part", ["normalised", "grey"])
def test_a_mistake_in_what_is_written_around_is_found(tmp_path, monkeypatch, part):
    monkeypatch.setattr(graphs, part, lambda chain, *_: chain.add("Slice", [0], [1], [1]) if part == "grey" else chain)
    with pytest.raises(ExportFailed, match="otherwise than the file"):
        made(net(["n", 1 if part == "grey" else 3, 8, 8]), tmp_path)


def test_a_mistake_in_raising_the_opset_is_found(tmp_path, monkeypatch):
    def wrong(model, opset):
        raised = convert(model, opset)
        by = next(one for one in raised.graph.initializer if one.name == "by")
        by.CopyFrom(numpy_helper.from_array(numpy.float32([[1, 1, 1]]), "by"))
        return raised

    convert = onnx.version_converter.convert_version
    monkeypatch.setattr(onnx.version_converter, "convert_version", wrong)
    with pytest.raises(ExportFailed, match="otherwise than the file"):
        made(net([1, 3, 8, 8], 13), tmp_path)


@pytest.mark.parametrize(("files_of", "apart"), [(0, 0), (3, 0), (3, 2)])
def test_the_card_tells_differences_that_were_found_and_no_files_name(files_of, apart):
    app = App(title="Tea", input=Image(8), output=Labels("a", "b"))
    given = [type("Given", (), {"said": "a"})() for _ in range(files_of)]
    found = [suspects.Difference(f"secret-{n}.jpg", 0.25 + n / 8, "your code took BGR", "") for n in range(apart)]
    card = entry.card(app, makes.Made({"max_abs": 2e-7, "rows": 16}, outputs.Reading(), (), "onnx"), given, found)
    assert "an ONNX file" in card and "differ by at most 2.0e-07" in card and "secret" not in card
    if not files_of:
        assert "no answers of their own" in card
    elif apart:
        assert "on 2 of the 3 files" in card and "up to 0.38: your code took BGR" in card
    else:
        assert "on all 3 files" in card


def test_the_card_tells_a_word_apart_from_what_code_gave():
    app = App(title="Tea", input=Image(8), output=Labels("a", "b"))
    said = 'your net says "a" here; you say "b": it may be wrong on this photo'
    found = [suspects.Difference("secret.jpg", 0.5, said, "", True)]
    given = [type("Given", (), {"said": "a"})() for _ in range(3)]
    card = entry.card(app, makes.Made({"max_abs": 2e-7, "rows": 16}, outputs.Reading(), (), "onnx"), given, found)
    assert "otherwise than its maker of 1 of the 3 files" in card and "own code" not in card and "secret" not in card
