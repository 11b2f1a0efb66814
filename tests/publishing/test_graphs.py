"""What is written after a graph finds its answer whatever names are in it, and in the bodies within it."""

import numpy
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from teahouse.model.session import Session  # noqa: E402
from teahouse.publishing import graphs  # noqa: E402

TEN = numpy_helper.from_array(numpy.float32([[10, 10]]), "ten")


def written(folder, nodes, weights=(), field="photo"):
    given = helper.make_tensor_value_info(field, TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "net", [given], [graphs.rows_of("output", 2)], list(weights))
    graphs.write(graphs.model_of(graph), folder / "model.onnx")
    return folder / "model.onnx"


def branch(name, node, end):
    return helper.make_graph([node], name, [], [helper.make_tensor_value_info(end, TensorProto.FLOAT, None)])


def test_a_body_that_takes_the_answer_takes_it_still(tmp_path):
    yes = branch("yes", helper.make_node("Mul", ["output", "ten"], ["more"]), "more")
    no = branch("no", helper.make_node("Identity", ["output"], ["same"]), "same")
    nodes = [
        helper.make_node("Mul", ["photo", "ten"], ["output"]),
        helper.make_node("ReduceSum", ["photo"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["any"]),
        helper.make_node("If", ["any"], ["other"], then_branch=yes, else_branch=no),
    ]
    zero = numpy_helper.from_array(numpy.float32(0), "zero")
    path = written(tmp_path, nodes, (TEN, zero))
    graphs.append(path, ("bytes",), 0)
    model = onnx.load(str(path))
    left = [name for inner in graphs.graphs_in(model.graph) for node in inner.node for name in node.input]
    assert "output" not in left and sum(name.startswith("said") for name in left) == 3
    rows = numpy.float32([[1, 2], [3, 4]])
    assert Session(tmp_path).predict({"photo": rows}) == pytest.approx(rows * 10 / 255)


def test_a_body_whose_own_answer_is_called_so_keeps_it(tmp_path):
    yes = branch("yes", helper.make_node("Mul", ["photo", "ten"], ["inner"]), "inner")
    no = branch("no", helper.make_node("Identity", ["photo"], ["other"]), "other")
    nodes = [
        helper.make_node("If", ["true"], ["output"], then_branch=yes, else_branch=no),
    ]
    path = written(tmp_path, nodes, (TEN, numpy_helper.from_array(numpy.array(True), "true")))
    graphs.append(path, ("bytes",), 0)
    assert Session(tmp_path).predict({"photo": numpy.ones((3, 2), numpy.float32)}) == pytest.approx(10 / 255)


@pytest.mark.parametrize("field", ["said", "finish", "finish_0", "said_2", "photo"])
def test_a_field_may_have_any_name(tmp_path, field):
    path = written(tmp_path, [helper.make_node("Mul", [field, "ten"], ["output"])], (TEN,), field)
    graphs.append(path, ("half", "bytes"), 0)
    rows = numpy.float32([[1, 2], [3, 4]])
    session = Session(tmp_path)
    assert session.names == [field]
    assert session.predict({field: rows}) == pytest.approx((rows * 5 + 0.5) / 255)


def test_names_of_the_net_are_not_taken_for_the_steps(tmp_path):
    weights = [numpy_helper.from_array(numpy.float32([[3, 3]]), name) for name in ("finish-constant-0", "said")]
    nodes = [
        helper.make_node("Mul", ["photo", "said"], ["finish-0"]),
        helper.make_node("Mul", ["finish-0", "finish-constant-0"], ["output"]),
    ]
    path = written(tmp_path, nodes, weights)
    graphs.append(path, ("bytes",), 0)
    assert Session(tmp_path).predict({"photo": numpy.ones((2, 2), numpy.float32)}) == pytest.approx(9 / 255)
