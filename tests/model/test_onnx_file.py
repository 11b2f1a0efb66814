"""An ONNX file that reaches outside of itself is refused, in whatever kind of tensor it hides that."""

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teahouse.errors import ReleaseBroken
from teahouse.model.onnx_file import check_onnx
from teahouse.testing import MEAN_COLOUR

onnx = pytest.importorskip("onnx")
helper, Tensor = onnx.helper, onnx.TensorProto
SOUND = base64.b64decode(MEAN_COLOUR)


def model(**changes: object) -> "onnx.ModelProto":
    made = onnx.load_from_string(SOUND)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def outside() -> "onnx.TensorProto":
    tensor = helper.make_tensor("w", Tensor.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = Tensor.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def in_initializer(made: "onnx.ModelProto") -> None:
    made.graph.initializer.append(outside())


def in_attribute(made: "onnx.ModelProto") -> None:
    made.graph.node.append(helper.make_node("Constant", [], ["c"], value=outside()))


def in_attribute_list(made: "onnx.ModelProto") -> None:
    node = made.graph.node.add(op_type="Constant")
    node.attribute.add(name="values", type=onnx.AttributeProto.TENSORS).tensors.append(outside())


def in_branch(made: "onnx.ModelProto") -> None:
    inner = helper.make_graph([], "inner", [], [], initializer=[outside()])
    made.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))


def in_sparse(made: "onnx.ModelProto") -> None:
    made.graph.sparse_initializer.add().values.CopyFrom(outside())


def in_sparse_attribute(made: "onnx.ModelProto") -> None:
    attribute = made.graph.node.add(op_type="Constant").attribute.add(name="sparse_value")
    attribute.sparse_tensor.indices.CopyFrom(outside())


def in_function(made: "onnx.ModelProto") -> None:
    function = made.functions.add(name="f", domain="local")
    function.node.append(helper.make_node("Constant", [], ["c"], value=outside()))


def without_location(made: "onnx.ModelProto") -> None:
    in_initializer(made)
    made.graph.initializer[-1].ClearField("data_location")


def in_training(made: "onnx.ModelProto") -> None:
    made.training_info.add().algorithm.name = "sgd"


def foreign_operator(made: "onnx.ModelProto") -> None:
    made.graph.node.append(helper.make_node("Evil", ["input"], ["e"], domain="com.evil"))


def foreign_library(made: "onnx.ModelProto") -> None:
    made.opset_import.append(helper.make_opsetid("com.evil", 1))


def old(made: "onnx.ModelProto") -> None:
    made.opset_import[0].version = 11


def without_graph(made: "onnx.ModelProto") -> None:
    made.ClearField("graph")


SPOILT = [in_initializer, in_attribute, in_attribute_list, in_branch, in_sparse, in_sparse_attribute, in_function,
          without_location, in_training, foreign_operator, foreign_library, old, without_graph]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda each: each.__name__)
def test_what_reaches_outside_is_refused(tmp_path: Path, spoil: Callable) -> None:
    made = model()
    spoil(made)
    file = tmp_path / "model.onnx"
    file.write_bytes(made.SerializeToString())
    with pytest.raises(ReleaseBroken, match="Refused because"):
        check_onnx(file)


def test_a_sound_file_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(SOUND)
    check_onnx(file)


def test_a_function_of_its_own_is_taken(tmp_path: Path) -> None:
    made = model()
    made.functions.add(name="f", domain="local").opset_import.append(helper.make_opsetid("", 18))
    made.opset_import.append(helper.make_opsetid("local", 1))
    made.graph.node.append(helper.make_node("f", ["input"], ["e"], domain="local"))
    file = tmp_path / "model.onnx"
    file.write_bytes(made.SerializeToString())
    check_onnx(file)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_of_any_kind_end_in_a_refusal_or_none(tmp_path: Path, data: st.DataObject) -> None:
    spoilt = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / "model.onnx"
    file.write_bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])
    with contextlib.suppress(ReleaseBroken):
        check_onnx(file)
