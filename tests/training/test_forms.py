"""The faster form of a candidate: built and judged on the maker's own inputs, sealed with it or told why not."""

import json

import numpy
import pytest

from teahouse import App, Choice, Image, Labels, Number, Seed, ids
from teahouse.engine.answering import Answerer
from teahouse.errors import ReleaseBroken
from teahouse.model import bundle, forms
from teahouse.testing import photo
from teahouse.training import candidate, run
from teahouse.training import forms as own
from teahouse.training.data import Pantry, TrainingData, TrainRow

SIDE = 48


@pytest.fixture
def fast_or_not(monkeypatch):
    """How fast a form is differs from machine to machine: here none is left out for that."""
    monkeypatch.setattr(forms, "WORTH", 0.0)
    monkeypatch.setattr(forms, "SLOW", float("inf"))
    monkeypatch.setattr(forms, "FAST_MS", 0.0)


def an_app(**more):
    given = {"name": "warmth", "title": "Warm or cold?", "input": Image(size=SIDE), "output": Labels("warm", "cold")}
    return App(**{**given, **more})


def laid_out(folder, app, counts):
    """A run folder with so many photos of each source and side; the rows that its training sees. Visitors' photos are
    green, and nobody else's are."""
    blobs, rows = {}, []
    for (source, split), n in counts.items():
        for number in range(n):
            label = ("warm", "cold")[number % 2]
            data = photo((20, 200, 20) if source == "visitor" else label, len(rows), 64)
            blobs[ids.sha256(data)] = data
            inputs = {"input": {"blob": ids.sha256(data)}}
            row = {"row": f"{source}-{split}-{number}", "inputs": inputs, "truth": {"label": label}, "split": split}
            rows.append({**row, "source": source})
    source = folder / "source"
    source.mkdir(parents=True)
    (source / "app.py").write_text("")
    plan = run.Plan("0" * 36, app.name, "train", source, 7, run.Limits(), tuple(rows), blobs.get)
    run.prepare(folder / "run", plan)
    return TrainingData(folder / "run", app.fields, app.output, 7)


MIXED = {("maker", "train"): 70, ("maker", "validation"): 10, ("visitor", "train"): 60, ("visitor", "validation"): 9}


def green(batch):
    """How many photos of a batch are a visitor's."""
    red, green_, blue = batch["input"].mean((2, 3)).T
    return int(((green_ > red + 0.2) & (green_ > blue + 0.2)).sum())


def test_no_visitors_photo_builds_a_form_or_judges_it(tmp_path):
    app = an_app()
    data = laid_out(tmp_path, app, MIXED)
    assert green(data.pantry.arrays(data.train.rows)) == 60
    found = own.of_rows(app, data.pantry, data.train.rows, data.validation.rows)
    given = found.given()
    built, judged = list(given.calibration()), list(given.judging())
    assert sum(map(green, [*built, *judged])) == 0
    assert sum(len(batch["input"]) for batch in built) == 70, "those that the training saw"
    assert sum(len(batch["input"]) for batch in judged) == given.rows == 1000


def test_real_rows_come_first_and_copies_of_them_are_none_of_them(tmp_path):
    app = an_app()
    data = laid_out(tmp_path, app, MIXED)
    found = own.of_rows(app, data.pantry, data.train.rows, data.validation.rows)
    first = data.pantry.arrays([row for row in data.validation.rows if row.source == "maker"])["input"]
    assert numpy.array_equal(numpy.stack([found.at(number)["input"] for number in range(10)]), first)
    assert numpy.array_equal(found.at(85)["input"], found.at(85)["input"]), "the same each time"
    assert not numpy.array_equal(found.at(85)["input"], found.at(5)["input"])
    assert 0 <= found.at(85)["input"].min() and found.at(85)["input"].max() <= 1


def test_of_many_rows_some_from_all_over_them_are_taken(tmp_path):
    app = an_app()
    rows = [TrainRow(str(n), {"input": {"blob": "b"}}, {"label": "warm"}, "train", "maker") for n in range(5000)]
    seen = []

    class Stub(Pantry):
        def has(self, row):
            return True

        def arrays(self, rows, cut=None):
            seen.extend(int(row.row) for row in rows)
            return {"input": numpy.zeros((len(rows), 3, 2, 2), numpy.float32)}

    given = own.of_rows(app, Stub(tmp_path, app.fields, app.output), rows[1000:], rows[:1000]).given()
    for _ in given.judging():
        pass
    assert len(seen) == len(set(seen)) == given.rows == own.MOST
    assert seen[:1000] == list(range(1000)), "what the training did not see comes first"
    assert seen[-1] == 4999


def test_photos_that_keep_their_shape_are_judged_in_pieces_with_all_that_can_be_chosen():
    fields = {"photo": Image(size=512, fit="keep"), "style": Choice("sky", "wood", start="wood"), "much": Number(0, 1)}
    app = an_app(input=fields, output=Image())
    found = own.of_files(app, [{"photo": photo("warm", seed, 400)} for seed in range(5)])
    assert found.lack == ""
    batches = list(found.given().judging())
    assert {batch["photo"].shape[1:] for batch in batches} == {(3, own.PIECE, own.PIECE)}
    assert {int(style) for batch in batches for style in batch["style"]} == {0, 1}
    assert len({float(much) for batch in batches for much in batch["much"]}) > 100
    pieces = {batch["photo"][0].tobytes() for batch in found.given().calibration()}
    assert len(pieces) == len(list(found.given().calibration())), "another piece each time"
    timed = found.given().one()
    assert timed["photo"].shape == (1, 3, 400, 400) and timed["style"].shape == (1,), "a whole photo"


def test_why_there_is_nothing_to_build_with_is_told():
    few = own.of_files(an_app(), [{"input": photo("warm", seed)} for seed in range(6)])
    assert "32 photos" in few.lack and "there are 6" in few.lack
    no_picture = an_app(input=Number(0, 1), output=Number(0, 1))
    assert "see or make pictures" in own.of_files(no_picture, []).lack
    seeds = own.of_files(an_app(input=Seed(8), output=Image(size=32)), [])
    assert seeds.lack == "" and seeds.given().rows == 1000
    drawn = numpy.concatenate([batch["input"] for batch in seeds.given().judging()])
    assert drawn.shape == (1000, 8) and len(numpy.unique(drawn[:, 0])) > 990


NET = """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 96, 3, padding=1)
        self.second = torch.nn.Conv2d(96, 96, 3, padding=1)
        self.last = torch.nn.Linear(96, 2)

    def forward(self, photos):
        seen = torch.relu(self.second(torch.relu(self.first(photos * 4 - 2))))
        return self.last(seen.mean((2, 3)))
"""


def trained(data, epochs):
    """A small real net, fitted to the rows; without an epoch it knows nothing, and says nearly the same of all."""
    import torch

    names = {"torch": torch}
    exec(NET, names)  # noqa: S102
    torch.manual_seed(3)
    net = names["Net"]()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(epochs):
        for photos, labels in data.train.batches(20):
            loss = torch.nn.functional.cross_entropy(net(photos), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


@pytest.mark.torch
@pytest.mark.slow
def test_a_candidate_is_sealed_with_an_equal_form_that_answers_its_examples(tmp_path, fast_or_not):
    pytest.importorskip("onnxscript")
    app = an_app()
    data = laid_out(tmp_path, app, MIXED)
    (tmp_path / "run" / "code" / "app.py").write_text("")
    value = candidate.make(app, tmp_path / "run", trained(data, 4), data)
    folder = tmp_path / "run" / "candidate"
    manifest = bundle.verify(folder, value["release"])
    assert [form["name"] for form in manifest.forms] == ["fp32", "int8"] and manifest.left_out == []
    form = manifest.forms[1]
    assert form["rows"] == 1000 and form["flips"] <= 3 and form["tolerance"] >= manifest.tolerance
    whole, fast = Answerer(folder), Answerer(folder, form="int8")
    fast.try_examples()
    given = [{"input": photo(label, seed)} for label in ("warm", "cold") for seed in range(500, 520)]
    assert [whole.answer(one).output["label"] for one in given] == [fast.answer(one).output["label"] for one in given]
    told = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    assert [one["name"] for one in told if "form" in one["name"]] == ["building-form", "built-form"]


def test_a_form_that_tips_one_of_the_examples_is_left_out(tmp_path):
    app = an_app()
    (tmp_path / forms.INT8).write_bytes(b"net")

    def outputs(file):
        return lambda batch: numpy.array([[1.0, 0.0] if file == forms.FP32 else [0.0, 1.0]])

    built = forms.Tried({"name": "int8", "file": forms.INT8, "flips": 1, "rows": 1000})
    shown = [{"input": photo("warm", seed)} for seed in range(3)]
    tried = own.held(app, tmp_path, built, shown, outputs)
    assert tried.form is None and "own examples" in tried.why and not (tmp_path / forms.INT8).exists()


BUILT = forms.Tried({"name": "int8", "file": forms.INT8, "flips": 0, "rows": 1000})


def test_a_form_of_wide_numbers_is_sealed_with_a_tolerance_of_their_own_size(tmp_path):
    """A few off in a thousand is one answer, and far more than two that share out 1 may differ."""
    from teahouse.model import shape

    app = an_app(output=Number(0, 1000))

    def outputs(file):
        return lambda batch: numpy.array([[500.0 if file == forms.FP32 else 503.0]])

    tried = own.held(app, tmp_path, BUILT, [{"input": photo("warm")}], outputs)
    assert tried.form["tolerance"] == 3.02
    written = {"app": "warmth", "title": "Warm", "fields": [], "output": app.output.json(), **tried.facts()}
    assert shape.from_json(written).forms[1]["tolerance"] == 3.02
    with pytest.raises(ReleaseBroken, match="no form to run"):
        shape.from_json({**written, "output": Labels("warm", "cold", name="output").json()})


@pytest.mark.parametrize("at", ["made", "asked"])
def test_a_form_that_can_not_be_tried_costs_no_training_and_tells_no_path(tmp_path, at):
    """Whatever breaks is left out in few words of ours: an error of a library names files of the maker's machine."""

    def broken(*_):
        raise ValueError(f"Load model from {tmp_path}/model.int8.onnx failed" + "!" * 2000)

    def outputs(file):
        return broken() if at == "made" else broken

    (tmp_path / forms.INT8).write_bytes(b"net")
    shown = [{"input": photo("warm", seed)} for seed in range(40)]
    (tmp_path / forms.FP32).write_bytes(b"x" * forms.SMALL)
    for tried in (
        own.held(an_app(), tmp_path, BUILT, shown, outputs),
        own.int8(an_app(), tmp_path, own.of_files(an_app(), shown), outputs, 5),
    ):
        assert tried.form is None and "(ValueError)" in tried.why and str(tmp_path) not in tried.why
        assert not (tmp_path / forms.INT8).exists()


def test_a_long_reason_is_cut_to_what_a_release_may_say():
    (left,) = forms.Tried(None, "why " * 1000).facts()["left_out"]
    assert 100 < len(left["why"]) < 1000
