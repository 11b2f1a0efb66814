"""What is exported answers like PyTorch, with the normalisation in it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest

from teahouse import Image, Labels
from teahouse.errors import ExportFailed
from teahouse.model.onnx_file import check_onnx
from teahouse.model.session import Session

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")]

OUTPUT = Labels("green", "oolong")


@pytest.fixture
def torch() -> ModuleType:
    """Not imported with this file: it takes seconds, and who deselects these tests collects them all the same."""
    pytest.importorskip("onnxscript")
    return pytest.importorskip("torch")


def small_net(torch: ModuleType) -> Any:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.look = torch.nn.Conv2d(3, 4, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(4)
            self.drop = torch.nn.Dropout(0.5)
            self.say = torch.nn.Linear(4, 2)

        def forward(self, photos: Any) -> Any:
            return self.say(self.drop(torch.relu(self.norm(self.look(photos))).mean((2, 3))))

    return Net()


def photos(count: int, height: int = 16, width: int = 16) -> dict[str, numpy.ndarray]:
    return {"input": numpy.random.default_rng(0).random((count, 3, height, width), dtype=numpy.float32)}


def test_an_export_is_one_file_that_answers_like_pytorch(tmp_path: Path, torch: ModuleType) -> None:
    from safetensors.torch import load_file

    from teahouse.model.export import export

    torch.manual_seed(0)
    net, rows = small_net(torch).train(), photos(5)
    parity = export(net, {"input": Image(size=16, normalize="imagenet")}, rows, tmp_path)
    assert parity["rows"] == 5
    assert parity["max_abs"] < 1e-4
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.onnx", "weights.safetensors"]
    check_onnx(tmp_path / "model.onnx")
    assert net.training, "the net is handed back as it came"

    mean, std = (torch.tensor(part).view(1, 3, 1, 1) for part in Image(size=16, normalize="imagenet").normalize)
    with torch.no_grad():
        expected = net.eval()((torch.from_numpy(rows["input"]) - mean) / std).numpy()
    session = Session(tmp_path)
    assert session.names == ["input"]
    for count in (1, 2, 5):
        assert numpy.allclose(session.predict({"input": rows["input"][:count]}), expected[:count], atol=1e-4)
    again = small_net(torch)
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))


def test_a_net_that_can_not_be_traced_says_why(tmp_path: Path, torch: ModuleType) -> None:
    from teahouse.model.export import export

    class Branches(torch.nn.Module):
        def forward(self, given: Any) -> Any:
            return given.mean((2, 3)) if given.sum() > 3 else given.amax((2, 3))

    with pytest.raises(ExportFailed, match="can not be exported"):
        export(Branches(), {"input": Image(size=16)}, photos(2), tmp_path)


def test_no_rows_is_no_comparison(tmp_path: Path, torch: ModuleType) -> None:
    from teahouse.model.export import export

    with pytest.raises(ExportFailed, match="nothing to compare"):
        export(small_net(torch), {"input": Image(size=16)}, photos(0), tmp_path)
