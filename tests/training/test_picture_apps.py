"""Picture apps from declaration to sealed release: one paints photos of any size, one makes things from seeds."""

import io
import json

import pytest
from PIL import Image as Pillow

from teahouse import ids
from teahouse.engine.answering import Answerer
from teahouse.errors import TrainingFailed
from teahouse.model import bundle
from teahouse.testing import photo
from teahouse.training import run

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytestmark = [pytest.mark.torch, pytest.mark.slow]

PAINTER = """
from teahouse import App, Choice, Folder, Image, Number

app = App(
    title="What would a painter see?",
    input={
        "photo": Image(size=96, fit="keep", normalize="imagenet"),
        "style": Choice("sky", "wood", start="wood", pictures="styles"),
        "strength": Number(0, 1, start=0.5),
    },
    output=Image(),
    data=Folder("photos"),
)


@app.train
def train(data, run):
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.tint = nn.Embedding(2, 3)
            self.paint = nn.Conv2d(3, 3, 3, padding=1)
            nn.init.dirac_(self.paint.weight)

        def forward(self, photo, style, strength):
            made = torch.sigmoid(self.paint(photo) + self.tint(style)[:, :, None, None])
            return (made * strength[:, None, None, None] + 0.1 * photo).clamp(0, 1)

    net = Net()
    for _ in run.epochs(1):
        for inputs, targets in data.train.batches(4, crop=32):
            assert targets is None and inputs["photo"].shape[1:] == (3, 32, 32)
            loss = net(**inputs).mean()
            loss.backward()
            run.log(loss=loss)
    run.picture("now", net(inputs["photo"][:1], inputs["style"][:1], inputs["strength"][:1])[0])
    return net


@app.check
def it_keeps_the_shape(predict):
    row = predict.rows[0]
    assert predict(row.inputs).shape == row.arrays["photo"].shape
    assert predict({"photo": row.inputs["photo"], "style": "sky"}).shape == row.arrays["photo"].shape
"""

SEEDS = """
from teahouse import App, Image, Seed

app = App(title="This does not exist", input=Seed(6), output=Image(size=16))


@app.train
def train(data, run):
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.paint, self.like = nn.Linear(6, 3 * 16 * 16), nn.Linear(6, 1)
            nn.init.normal_(self.paint.weight)

        def forward(self, z):
            return torch.sigmoid(self.paint(z)).view(-1, 3, 16, 16), self.like(z)

    net = Net()
    for _ in run.epochs(1):
        for z, loved in data.train.batches(4):
            run.log(loss=((net(z)[1][:, 0] - loved) ** 2).nanmean())
    return net
"""


def a_photo(width, height, seed):
    out = io.BytesIO()
    Pillow.open(io.BytesIO(photo("warm", seed, side=64))).resize((width, height)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "apps" / "maker"
    folder.mkdir(parents=True)
    return folder


def plan(source, hook, **how):
    return run.Plan("0" * 36, "maker", hook, source, seed=3, **how)


def trained(folder, source, rows=(), photos=None):
    run.prepare(folder, plan(source, "train", rows=tuple(rows), photo=(photos or {}).get))
    return run.follow(folder).or_raise()


def test_a_painter_learns_from_photos_that_nobody_labelled(tmp_path, source):
    (source / "app.py").write_text(PAINTER)
    (source / "photos" / "more").mkdir(parents=True)
    for seed in range(4):
        (source / "photos" / f"{seed}.jpg").write_bytes(a_photo(80 - 16 * (seed % 2), 64, seed))
    (source / "photos" / "more" / "5.jpg").write_bytes(a_photo(48, 96, 5))
    (source / "styles").mkdir()
    (source / "styles" / "wood.jpg").write_bytes(photo("warm", 9, side=300))
    run.prepare(tmp_path / "gather", plan(source, "data"))
    assert run.follow(tmp_path / "gather").or_raise()["rows"] == 5
    lines = [json.loads(line) for line in (tmp_path / "gather" / "out" / "rows.jsonl").read_bytes().splitlines()]
    assert [line["truth"] for line in lines] == [{}] * 5
    photos = {line["blob"]: (tmp_path / "gather" / "out" / "photos" / line["blob"]).read_bytes() for line in lines}
    rows = [
        {"row": f"r{n}", "inputs": {"photo": {"blob": blob}}, "truth": {}, "split": "train", "source": "maker"}
        for n, blob in enumerate(photos)
    ]
    told = trained(tmp_path / "run", source, rows, photos)
    assert [one["name"] for one in told["checks"] if one["passed"]] == [
        "its pictures are whole", "its pictures are not constant", "its pictures are varied", "it_keeps_the_shape",
    ], told["checks"]  # fmt: skip
    assert told["parity"]["rows"] == 5 and told["parity"]["max_abs"] < 1e-3
    candidate = tmp_path / "run" / "candidate"
    manifest = bundle.read(candidate)
    assert manifest.familiar is None
    assert "examples/style-1.jpg" in manifest.files and "examples/style-0.jpg" not in manifest.files
    for example in manifest.examples:
        assert example["inputs"]["style"] == "wood" and example["inputs"]["strength"] == 0.5
        assert {example["inputs"]["photo"], example["expected"]["picture"]} <= set(manifest.files)
    answerer = Answerer(candidate)
    answerer.try_examples()
    for width, height in ((33, 200), (400, 90), (96, 96)):
        given = {"photo": a_photo(width, height, 1), "style": "sky", "strength": 1}
        answer = answerer.answer(given)
        assert max(answer.output["width"], answer.output["height"]) == 96
        assert (answer.output["width"] > answer.output["height"]) == (width > height)
        assert answer.familiar is None and answer.score is None
    shapes = [answerer.decode({"photo": a_photo(96, 64, n), "style": "sky", "strength": 0}) for n in range(3)]
    assert len({one.shapes for one in shapes}) == 1 and len(answerer.run(shapes)) == 3


def test_a_maker_of_things_from_seeds_needs_no_rows(tmp_path, source):
    (source / "app.py").write_text(SEEDS)
    told = trained(tmp_path / "run", source)
    assert all(one["passed"] for one in told["checks"]) and len(told["checks"]) == 3
    assert told["parity"]["rows"] == 16
    answerer = Answerer(tmp_path / "run" / "candidate")
    answerer.try_examples()
    assert isinstance(answerer.answer({"input": 7}).score, float)
    assert len(answerer.manifest.examples) == 8
    assert (tmp_path / "run" / "candidate" / answerer.manifest.examples[0]["expected"]["picture"]).is_file()
    assert "without rows" in (tmp_path / "run" / "candidate" / "card.md").read_text()


def test_words_on_seeds_reach_the_training(tmp_path, source):
    (source / "app.py").write_text(SEEDS)
    rows = [
        {
            "row": f"s{n}",
            "inputs": {"input": n},
            "truth": {"loved": n % 3, "of": 2},
            "split": "train",
            "source": "import",
        }
        for n in range(3)
    ]
    trained(tmp_path / "run", source, rows)
    logged = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    assert any(event["name"] == "log" and event["numbers"]["loss"] > 0 for event in logged)
    assert "words on 3" in (tmp_path / "run" / "candidate" / "card.md").read_text()


def test_one_picture_for_every_seed_is_told_as_a_failed_check(tmp_path, source):
    (source / "app.py").write_text(
        SEEDS.replace("nn.init.normal_(self.paint.weight)", "nn.init.zeros_(self.paint.weight)")
    )
    told = trained(tmp_path / "run", source)
    assert {one["name"]: one["passed"] for one in told["checks"]}["its pictures are varied"] is False


def test_an_app_of_seeds_has_no_photographs_as_data(source, tmp_path):
    (source / "app.py").write_text(
        SEEDS.replace("size=16)", "size=16), data=Folder('photos')").replace("Image,", "Folder, Image,")
    )
    run.prepare(tmp_path / "run", plan(source, "data"))
    result = run.follow(tmp_path / "run")
    with pytest.raises(TrainingFailed, match="photographs as data"):
        result.or_raise()


def test_many_photos_beside_the_code_are_data_and_few_are_code(source):
    (source / "app.py").write_text(SEEDS)
    for folder, count in (("photos", run.MOST_PHOTOS + 1), ("styles", 2)):
        (source / folder).mkdir()
        for number in range(count):
            (source / folder / f"{number}.jpg").write_bytes(b"x")
    found = {path.parent.name for path in run.code_files(source)}
    assert found == {"maker", "styles"}
    assert ids.is_digest(run.code_digest(source))
