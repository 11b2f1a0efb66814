"""Pictures: what is no picture, always the same one, or of one colour does not pass; examples are written down."""

import numpy
import pytest

from teahouse import App, Choice, Image, Number, Seed
from teahouse.spec import media
from teahouse.testing import photo
from teahouse.training import pictures, tries
from teahouse.training.data import TrainingData


def noise(count=16, side=24):
    return list(numpy.random.default_rng(0).random((count, 3, side, side), dtype=numpy.float32))


def blots(count=16):
    return [Image(size=32).tensor(tries.made_up_photo(number)) for number in range(count)]


def outcome(rows, given=None):
    told = pictures.looked_at(rows, list(range(len(rows))) if given is None else given)
    return {one["name"]: one["passed"] for one in told}, " ".join(one["words"] for one in told)


def test_pictures_that_are_pictures_pass():
    passed, words = outcome(blots())
    assert passed == {
        "its pictures are whole": True,
        "its pictures are not constant": True,
        "its pictures are varied": True,
    }
    assert words.strip() == ""


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([numpy.zeros((3, 4, 4), numpy.float32)], "8 pixels"),
        ([numpy.zeros((1, 16, 16), numpy.float32)], "shape"),
        ([numpy.full((3, 16, 16), numpy.nan, numpy.float32)], "NaN"),
        ([row * 2 - 1 for row in noise()], "sigmoid"),
        ([row * 255 for row in noise()], "0 to 1"),
    ],
)
def test_what_is_no_picture_is_told(rows, words):
    passed, told = outcome(rows)
    assert passed == {"its pictures are whole": False} and words in told


def test_pictures_of_one_colour_are_none():
    flat = [numpy.full((3, 16, 16), number / 16, numpy.float32) for number in range(16)]
    passed, words = outcome(flat)
    assert not passed["its pictures are not constant"] and "16 of 16" in words
    assert passed["its pictures are varied"]


def test_one_picture_for_all_inputs_is_not_varied():
    passed, words = outcome([noise()[0]] * 16)
    assert not passed["its pictures are varied"] and "120 of 120" in words
    assert outcome([noise()[0]] * 16, given=[1] * 16)[0]["its pictures are varied"], "for one input it is right"


def test_pictures_of_many_shapes_are_compared():
    assert all(outcome([*blots(4), *(row[:, :20] for row in blots(8)[4:])])[0].values())


@pytest.mark.parametrize(("side", "ending", "kept"), [(64, "png", 64), (300, "jpg", 300), (1400, "jpg", 1024)])
def test_an_example_keeps_its_picture_and_what_can_be_compared(tmp_path, side, ending, kept):
    (tmp_path / "examples").mkdir()
    row = numpy.zeros((3, side, side // 2), numpy.float32) + numpy.float32(0.25)
    told = pictures.write_example(tmp_path, 3, row)
    assert told["picture"] == f"examples/3-after.{ending}"
    assert (told["width"], told["height"]) == (side // 2, side)
    assert told["mean"] == pytest.approx([0.25] * 3, abs=0.01)
    assert media.open_image((tmp_path / told["picture"]).read_bytes()).size == (kept // 2, kept)


PAINTER = {
    "photo": Image(size=512, fit="keep"),
    "style": Choice("sky", "wood", start="wood"),
    "strength": Number(0, 1),
}


def data(folder, app):
    (folder / "rows.jsonl").write_text("")
    return TrainingData(folder, app.fields, app.output, seed=1)


def test_an_app_without_data_is_tried_on_its_samples(tmp_path):
    app = App(title="x", input=PAINTER, output=Image())
    rows = tries.rows_to_try(app, data(tmp_path, app), tmp_path)
    assert len(rows) == 16 and len({row.inputs["photo"] for row in rows}) == 4
    assert {row.inputs["style"] for row in rows} == {"sky", "wood"}
    (tmp_path / "samples").mkdir()
    for seed in range(3):
        (tmp_path / "samples" / f"cup-{seed}.jpg").write_bytes(photo("warm", seed))
    (tmp_path / "samples" / "note.txt").write_text("no picture")
    (tmp_path / "samples" / "torn-9.jpg").write_bytes(b"\xff\xd8\xff torn")
    rows = tries.rows_to_try(app, data(tmp_path, app), tmp_path)
    assert len({row.inputs["photo"] for row in rows}) == 3


def test_an_app_of_seeds_is_tried_on_sixteen_of_its_own(tmp_path):
    app = App(title="x", input=Seed(8), output=Image())
    rows = tries.rows_to_try(app, data(tmp_path, app), tmp_path)
    assert len({row.inputs["input"] for row in rows}) == 16


def test_an_app_whose_data_is_not_there_is_not_tried(tmp_path):
    from teahouse import Folder

    app = App(title="x", input=PAINTER, output=Image(), data=Folder("photos"))
    assert tries.rows_to_try(app, data(tmp_path, app), tmp_path) == []


def test_what_an_example_does_not_give_is_at_its_start_or_stands_in():
    app = App(title="x", input=PAINTER, output=Image())
    whole = tries.with_values(app, {"photo": b"p"}, 3)
    assert list(whole) == ["photo", "style", "strength"] and whole["style"] == "wood"
    assert whole["strength"] == tries.with_values(app, {}, 3)["strength"] != tries.with_values(app, {}, 4)["strength"]
    assert "photo" not in tries.with_values(app, {}, 3)
