"""Forms: int8 is built from real inputs, judged row by row, and left out where it answers otherwise."""

import logging

import numpy
import pytest

from teahouse.errors import ReleaseBroken
from teahouse.model import forms
from teahouse.model.onnx_file import check_onnx
from teahouse.model.session import Session
from teahouse.spec.fields import Image, Labels, Number, Text

onnx = pytest.importorskip("onnx")
LABELS = Labels("warm", "cold")
SIDE, WIDE = 32, 96


@pytest.fixture(autouse=True)
def fast_or_not(monkeypatch):
    """How fast a form is differs from machine to machine: here none is left out for that."""
    monkeypatch.setattr(forms, "WORTH", 0.0)
    monkeypatch.setattr(forms, "SLOW", float("inf"))
    monkeypatch.setattr(forms, "FAST_MS", 0.0)


def photos(n, seed=0):
    """Half of them warm, half cold, with noise: float32 [n, 3, 32, 32]."""
    chance = numpy.random.default_rng(seed)
    warm = numpy.arange(n) % 2 == 0
    colour = numpy.where(warm[:, None], [0.7, 0.5, 0.3], [0.3, 0.5, 0.7])[:, :, None, None]
    return (colour + chance.normal(0, 0.12, (n, 3, SIDE, SIDE))).clip(0, 1).astype(numpy.float32), warm


def net(path, knows=True):
    """Two convolutions with random weights and a last layer that is fitted to warm and cold, or to nothing: then what
    it says hangs on the last digits."""
    chance = numpy.random.default_rng(1)
    weights = {
        "first": chance.normal(0, 0.3, (WIDE, 3, 3, 3)),
        "second": chance.normal(0, 0.05, (WIDE, WIDE, 3, 3)),
        "last": numpy.zeros((WIDE, 2)),
    }
    write(path, weights)
    rows, warm = photos(200, seed=5)
    seen = Session(path.parent, file=path.name).predict_all({"input": rows})["output"]
    wanted = warm if knows else chance.random(len(rows)) < 0.5
    fitted = numpy.linalg.lstsq(seen, numpy.where(wanted, 1.0, -1.0), rcond=None)[0]
    weights["last"] = numpy.stack([fitted, -fitted], 1)
    write(path, weights, last=True)
    return path


def write(path, weights, last=False):
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Conv", ["input", "first"], ["a"], pads=[1, 1, 1, 1], name="conv-1"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1, 1, 1, 1], name="conv-2"),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["e"]),
        helper.make_node("Flatten", ["e"], ["f" if last else "output"]),
    ]
    nodes += [helper.make_node("MatMul", ["f", "last"], ["output"], name="last")] if last else []
    given = helper.make_tensor_value_info("input", float32, ["n", 3, SIDE, SIDE])
    made = helper.make_tensor_value_info("output", float32, ["n", 2 if last else WIDE])
    constants = [onnx.numpy_helper.from_array(value.astype(numpy.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "net", [given], [made], constants[: None if last else 2])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def given(n=1000, seed=9):
    """What is judged, in batches of 50; the first 64 of another seed to build on."""
    rows, _ = photos(n, seed)
    return forms.Given(
        lambda: ({"input": part} for part in numpy.split(photos(64, 3)[0], 4)),
        lambda: ({"input": rows[start : start + 50]} for start in range(0, n, 50)),
        n,
    )


def outputs(folder):
    return lambda file: Session(folder, file=file).predict


def test_an_equal_form_is_sound_small_and_told_by_its_flips(tmp_path):
    net(tmp_path / "model.onnx")
    tried = forms.try_int8(tmp_path, LABELS, given(), outputs(tmp_path), 60)
    assert tried.why == "" and tried.form == {"name": "int8", "file": "model.int8.onnx", "flips": 0, "rows": 1000}
    assert [one["name"] for one in tried.facts()["forms"]] == ["fp32", "int8"]
    assert check_onnx(tmp_path / "model.int8.onnx") >= 18
    sizes = [(tmp_path / name).stat().st_size for name in ("model.onnx", "model.int8.onnx")]
    assert sizes[1] < 0.4 * sizes[0]
    nodes = {node.op_type for node in onnx.load(tmp_path / "model.int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= nodes


def test_a_form_that_answers_otherwise_on_more_than_three_of_a_thousand_is_left_out(tmp_path):
    net(tmp_path / "model.onnx", knows=False)
    tried = forms.try_int8(tmp_path, LABELS, given(), outputs(tmp_path), 60)
    assert tried.form is None and "answers differ" in tried.why and "0.3 % may" in tried.why
    assert tried.facts() == {"left_out": [{"name": "int8", "why": tried.why}]}
    assert not (tmp_path / "model.int8.onnx").exists()


def test_a_small_net_is_not_even_tried(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x" * 1000)
    tried = forms.try_int8(tmp_path, LABELS, given(), outputs(tmp_path), 60)
    assert tried.form is None and "nothing to gain" in tried.why


def test_no_more_time_is_taken_than_there_is(tmp_path):
    net(tmp_path / "model.onnx")
    tried = forms.try_int8(tmp_path, LABELS, given(), outputs(tmp_path), 0.0)
    assert tried.form is None and "too long" in tried.why
    assert not (tmp_path / "model.int8.onnx").exists()


def test_what_can_not_be_built_is_told_and_nobodys_log_is_touched(tmp_path):
    (tmp_path / "model.onnx").write_bytes(net(tmp_path / "other.onnx").read_bytes())
    before = list(logging.root.handlers)
    with pytest.raises(ReleaseBroken, match="can not be built"):
        forms.build_int8(tmp_path / "model.onnx", tmp_path / "model.int8.onnx", [{"input": numpy.zeros((1, 3, 8, 8))}])
    assert logging.root.handlers == before and logging.root.manager.disable == 0


@pytest.mark.parametrize(
    ("output", "row", "other", "same"),
    [
        (LABELS, [2.0, 1.0], [0.3, 0.2], True),
        (LABELS, [2.0, 1.0], [0.2, 0.3], False),
        (Number(0, 10, name="output"), [5.0], [5.09], True),
        (Number(0, 10, name="output"), [5.0], [5.2], False),
        (Text(most=2, name="output"), [84, 101], [84, 101], True),
        (Text(most=2, name="output"), [84, 101], [84, 102], False),
    ],
)
def test_each_kind_of_output_says_which_rows_are_one_answer(output, row, other, same):
    assert forms.same(output, numpy.array(row), numpy.array(other)) is same


def test_pictures_are_one_as_a_picture_and_its_jpeg_are():
    picture = Image(name="output")
    row = numpy.full((3, 64, 64), 0.5, numpy.float32)
    assert forms.same(picture, row, row + 1.9 / 255) and not forms.same(picture, row, row + 2.1 / 255)
    spot = row.copy()
    spot[:, :8, :8] += 20 / 255
    assert not forms.same(picture, row, spot), "on the whole it is near, and one part of it is not"
    assert not forms.same(picture, row, row[:, :32])


def test_why_a_form_is_left_out_names_no_file_of_the_machine_that_trained(tmp_path):
    (tmp_path / "model.onnx").write_bytes(net(tmp_path / "other.onnx").read_bytes())
    exact = outputs(tmp_path)("model.onnx")

    def broken(file):
        if file == forms.FP32:
            return exact
        try:
            raise RuntimeError(f"Load model from {tmp_path / file} failed")
        except RuntimeError as error:
            raise ReleaseBroken(f"{file} cannot be loaded.", str(error)) from error

    tried = forms.try_int8(tmp_path, LABELS, given(), broken, 60)
    assert tried.why == "model.int8.onnx cannot be loaded. (RuntimeError)"
