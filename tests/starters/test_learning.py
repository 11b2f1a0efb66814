"""A few steps of each starter's own training, on real rows: it starts from nothing, goes on from a champion, and what
visitors love comes to the front."""

import importlib
import io
import json
from pathlib import Path

import numpy
import pytest
from PIL import Image as Pillow

from teahouse import ids
from teahouse.spec.load import load_app
from teahouse.training.data import TrainingData
from teahouse.training.progress import Run

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.slow]
HOME = Path(importlib.import_module("teahouse.starters.tea").__file__).parents[1]


def starter(name: str, module: str = "train"):
    """A starter's app, and a module from beside it."""
    app = load_app(HOME / name)
    return app, importlib.import_module(module)


def data_of(app, folder: Path, rows) -> TrainingData:
    """Rows (inputs, truth) as a run folder holds them; a photo is given as bytes."""
    (folder / "photos").mkdir(parents=True)
    lines = []
    for number, (inputs, truth) in enumerate(rows):
        inputs = dict(inputs)
        for name, value in inputs.items():
            if isinstance(value, bytes):
                digest = ids.sha256(value)
                (folder / "photos" / digest).write_bytes(value)
                inputs[name] = {"blob": digest}
        row = {"row": f"{number}", "inputs": inputs, "truth": truth, "split": "train", "source": "maker"}
        lines.append(json.dumps(row))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    return TrainingData(folder, app.fields, app.output, 1)


def photos() -> list[bytes]:
    """Two cups of different shape, as their photos."""
    from teahouse.starters.tea.render import render

    found = []
    for seed, sides in ((1, (160, 128)), (2, (128, 160))):
        out = io.BytesIO()
        Pillow.fromarray(render(seed, "green", "day", 160)).crop((0, 0, *sides)).save(out, "JPEG", quality=95)
        found.append(out.getvalue())
    return found


def shipped(name: str) -> dict:
    """The weights that a starter ships."""
    from safetensors.torch import load_file

    return load_file(HOME / name / "release" / "weights.safetensors")


def test_toon_learns_from_its_teacher_and_goes_on_from_the_shipped_weights(tmp_path):
    app, train = starter("toon")
    data = data_of(app, tmp_path, [({"photo": each}, {}) for each in photos()])
    run = Run(tmp_path, 1)
    run.previous = shipped("toon")
    net = train.train(data, run, train.Pace(5, 1, 2, 1e-4)).eval()
    old = train.ToonNet()
    old.load_state_dict(run.previous)
    with torch.no_grad():
        photo, palette = torch.rand(1, 3, 64, 48), torch.tensor([1])
        apart = (net(photo, palette) - old.eval()(photo, palette)).abs()
    assert 0 < apart.mean() < 0.05, "two small steps change it a little"
    assert list((tmp_path / "pictures").iterdir())


def test_toon_gathers_scenes_and_cups_where_there_are_no_photographs(tmp_path, monkeypatch, capsys):
    _, photos_ = starter("toon", "photos")
    monkeypatch.setattr(photos_, "SCENES", 2)
    monkeypatch.setattr(photos_, "CUPS", 1)
    monkeypatch.setattr(photos_, "SIZE", 96)
    monkeypatch.setattr(photos_, "photographs", lambda: [])
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.jpg").write_bytes(photos()[0])
    (own / "notes.txt").write_text("no photo")
    photos_.gather(tmp_path, own)
    made = sorted(file.name for file in (tmp_path / "photos").iterdir())
    assert made == ["cup-000.jpg", "own-0000.jpg", "scene-000.jpg", "scene-001.jpg"]
    said = capsys.readouterr()
    assert "teahouse[photos]" in said.err and "left out notes.txt" in said.err


def test_style_learns_from_its_pictures_and_goes_on_from_the_shipped_weights(tmp_path, monkeypatch):
    app, train = starter("style")
    data = data_of(app, tmp_path, [({"photo": each}, {}) for each in photos()])
    monkeypatch.setattr(train, "FINE_TUNE_STEPS", 2)
    run = Run(tmp_path, 1)
    run.previous = shipped("style")
    net = train.train(data, run).eval()
    with torch.no_grad():
        photo = torch.rand(1, 3, 64, 48)
        made = [net(photo, torch.tensor([number]), torch.ones(1)) for number in range(4)]
        plain = net(photo, torch.tensor([0]), torch.zeros(1))
    assert all(each.shape == photo.shape for each in made) and torch.allclose(plain, photo, atol=1e-5)
    assert min((made[0] - other).abs().mean() for other in made[1:]) > 0.02


def test_a_style_gathers_cups_and_scenes_where_there_are_no_photographs(tmp_path, monkeypatch):
    _, photos_ = starter("style", "photos")
    monkeypatch.setattr(photos_, "SCENES", 1)
    monkeypatch.setattr(photos_, "CUPS", 1)
    monkeypatch.setattr(photos_, "photographs", lambda names: [])
    photos_.gather(tmp_path)
    assert sorted(file.name for file in (tmp_path / "photos").iterdir()) == ["cup-5000.jpg", "scene-000.jpg"]


def test_a_teapot_is_drawn_the_same_after_words_but_what_is_loved_scores_higher(tmp_path):
    app, train = starter("teapot")
    field = app.fields["input"]
    old = train.TeapotNet()
    old.load_state_dict(shipped("teapot"))
    old.eval()

    def drawn(net, first, count):
        z = torch.from_numpy(numpy.stack([field.tensor(seed) for seed in range(first, first + count)]))
        with torch.no_grad():  # a few at a time: all of them at once take memory, and so time
            parts = [net(some) for some in z.split(8)]
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))

    def loved(pictures):
        """Warm pots: more red than blue around the middle."""
        middle = pictures[:, :, 48:96, 40:88].mean((2, 3))
        return middle[:, 0] - middle[:, 2]

    warm = loved(drawn(old, 0, 160)[0])
    truths = [{"loved": int(each > warm.median()), "of": 1} for each in warm]
    data = data_of(app, tmp_path, [({"input": seed}, truth) for seed, truth in enumerate(truths)])
    run = Run(tmp_path, 1)
    run.previous = shipped("teapot")
    new = train.train(data, run).eval()
    before, after = drawn(old, 5000, 96), drawn(new, 5000, 96)
    assert torch.equal(before[0], after[0]), "the same seed stays the same pot"
    best = [loved(pictures[score.argsort(descending=True)[:24]]).mean() for pictures, score in (before, after)]
    assert best[1] > best[0]


def test_without_words_a_teapot_stays_as_it_is(tmp_path):
    app, train = starter("teapot")
    run = Run(tmp_path, 1)
    run.previous = shipped("teapot")
    net = train.train(data_of(app, tmp_path, []), run)
    assert all(torch.equal(value, run.previous[name]) for name, value in net.state_dict().items())
