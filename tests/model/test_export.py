"""What is exported answers like PyTorch, with the normalisation in it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest

from teahouse import Choice, Image, Labels, Number, Seed, Text
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
    assert b".py" not in (tmp_path / "model.onnx").read_bytes(), "it tells nothing of the maker's machine"
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


def a_painter(torch: ModuleType) -> Any:
    class Painter(torch.nn.Module):
        """A photo of any size, a style and a strength; the net works at a quarter of the size, as the real ones do."""

        def __init__(self) -> None:
            super().__init__()
            self.style = torch.nn.Embedding(3, 8)
            self.down = torch.nn.Sequential(torch.nn.PixelUnshuffle(2), torch.nn.Conv2d(12, 8, 3, stride=2, padding=1))
            self.norm = torch.nn.InstanceNorm2d(8, affine=True)
            self.up = torch.nn.Sequential(torch.nn.Upsample(scale_factor=2), torch.nn.Conv2d(8, 12, 3, padding=1))

        def forward(self, photo: Any, style: Any, strength: Any) -> Any:
            deep = torch.relu(self.norm(self.down(photo))) + self.style(style)[:, :, None, None]
            made = torch.sigmoid(torch.nn.functional.pixel_shuffle(self.up(deep), 2))
            return photo + strength[:, None, None, None] * (made - photo)

    return Painter()


PAINTER = {
    "photo": Image(size=512, fit="keep", normalize="imagenet"),
    "style": Choice("sky", "wood", "glass"),
    "strength": Number(0, 1),
}


def painted(count: int, height: int, width: int) -> dict[str, numpy.ndarray]:
    chance = numpy.random.default_rng(height)
    return {
        "photo": chance.random((count, 3, height, width), dtype=numpy.float32),
        "style": chance.integers(0, 3, count),
        "strength": chance.random(count, dtype=numpy.float32),
    }


def test_a_net_of_photos_of_any_size_a_choice_and_a_number_equals_pytorch(tmp_path: Path, torch: ModuleType) -> None:
    from teahouse.model.export import Normalised, export

    torch.manual_seed(0)
    net = a_painter(torch)
    parity = export(net, PAINTER, [painted(3, 64, 64), painted(1, 128, 96)], tmp_path)
    assert parity["rows"] == 4 and parity["max_abs"] < 1e-4
    session, whole = Session(tmp_path), Normalised(net, PAINTER).eval()
    assert session.names == ["photo", "style", "strength"] and session.outputs == ["output"]
    for count, height, width in ((1, 32, 32), (2, 100, 512), (5, 512, 36)):
        rows = painted(count, height, width)
        with torch.no_grad():
            (wanted,) = whole(*(torch.from_numpy(each) for each in rows.values()))
        given = session.predict(rows)
        assert given.shape == (count, 3, height, width)
        assert numpy.abs(given - wanted.numpy()).max() < 1e-3


def test_a_net_that_has_learnt_one_size_by_heart_is_found_out(tmp_path: Path, torch: ModuleType) -> None:
    from teahouse.model.export import export

    class OneSize(torch.nn.Module):
        def forward(self, photo: Any) -> Any:
            return photo * torch.linspace(0, 1, 128)

    with pytest.raises(ExportFailed):
        export(OneSize(), {"input": Image(size=512, fit="keep")}, photos(2, 64, 128), tmp_path)


@pytest.mark.parametrize("flat", [True, False])
def test_a_score_comes_out_beside_the_picture(tmp_path: Path, flat: bool, torch: ModuleType) -> None:
    from teahouse.model.export import export

    class Maker(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.paint, self.like = torch.nn.Linear(6, 3 * 8 * 8), torch.nn.Linear(6, 1)

        def forward(self, z: Any) -> Any:
            score = self.like(z)
            return torch.sigmoid(self.paint(z)).view(-1, 3, 8, 8), score[:, 0] if flat else score

    torch.manual_seed(0)
    net, field = Maker(), Seed(6)
    rows = {"input": numpy.stack([field.tensor(seed) for seed in range(16)])}
    assert export(net, {"input": field}, rows, tmp_path)["rows"] == 16
    session = Session(tmp_path)
    said = session.predict_all({"input": rows["input"][:5]})
    assert said["output"].shape == (5, 3, 8, 8) and said["score"].shape == (5,)
    with torch.no_grad():
        wanted = net(torch.from_numpy(rows["input"][:5]))[1].flatten().numpy()
    assert numpy.allclose(said["score"], wanted, atol=1e-4)
    assert (session.predict({"input": rows["input"][:5]}) == said["output"]).all()


def test_a_text_is_whole_numbers(tmp_path: Path, torch: ModuleType) -> None:
    from teahouse.model.export import export

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letters = torch.nn.Embedding(128, 4)
            self.say = torch.nn.Linear(4, 2)

        def forward(self, text: Any) -> Any:
            return self.say(self.letters(text.clamp(0, 127)).mean(1))

    field = Text(most=12)
    rows = numpy.stack([field.tensor(text) for text in ("green tea", "oolong")])
    export(Reader(), {"input": field}, {"input": rows}, tmp_path)
    assert Session(tmp_path).predict({"input": rows}).shape == (2, 2)


def test_rows_that_do_not_fit_together_are_refused(tmp_path: Path, torch: ModuleType) -> None:
    from teahouse.model.export import export

    rows = {**painted(3, 64, 64), "style": numpy.zeros(2, numpy.int64)}
    with pytest.raises(ExportFailed, match="do not fit"):
        export(a_painter(torch), PAINTER, rows, tmp_path)
