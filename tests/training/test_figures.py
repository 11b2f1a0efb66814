"""A release's own figures: of the photos that it learned from, and of its answers on those that it did not see."""

import json

import numpy
import pytest

from teahouse import ids
from teahouse.testing import photo, tiny_app
from teahouse.training import figures
from teahouse.training.data import TrainingData


@pytest.fixture
def lay_out(tmp_path):
    """A run folder with so many photos to train from and to watch with, every third of a visitor."""

    def make(train, validation, side=64):
        (tmp_path / "photos").mkdir(exist_ok=True)
        lines = []
        for number in range(train + validation):
            data = photo((60, 60, 60 + number % 120), seed=number, side=side)
            (tmp_path / "photos" / ids.sha256(data)).write_bytes(data)
            row = {"row": f"r{number}", "inputs": {"input": {"blob": ids.sha256(data)}}, "truth": {"label": "cold"}}
            source, split = "maker" if number % 3 else "visitor", "train" if number < train else "validation"
            lines.append(json.dumps({**row, "split": split, "source": source}))
        (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
        app = tiny_app()
        return TrainingData(tmp_path, app.fields, app.output, seed=7)

    return make


def always_cold(arrays):
    return numpy.tile(numpy.float32([0.0, 2.0]), (len(arrays["input"]), 1))


def test_photos_are_told_by_their_deciles_and_visitors_are_among_them(lay_out):
    data = lay_out(60, 0)
    told = figures.of_photos(tiny_app(), data.pantry, data.train.rows)
    assert set(told) == {"brightness", "blur", "side"} and told["brightness"]["n"] == 60
    assert told["side"]["edges"] == [64] and 0.2 < told["brightness"]["mean"] < 0.5
    assert len(told["brightness"]["edges"]) == 9


def test_a_photo_that_was_erased_meanwhile_is_left_out(lay_out, tmp_path):
    data = lay_out(40, 0)
    (tmp_path / "photos" / data.train.rows[3].inputs["input"]["blob"]).unlink()
    assert figures.of_photos(tiny_app(), data.pantry, data.train.rows)["brightness"]["n"] == 39


def test_answers_are_told_on_rows_that_it_did_not_see(lay_out):
    data = lay_out(10, 40)
    told = figures.of_answers(tiny_app(), data.pantry, data.validation.rows, always_cold)
    assert told["confidence"]["mean"] == pytest.approx(0.8808, abs=1e-3) and told["confidence"]["n"] == 40
    assert told["labels"]["shares"]["cold"] > 0.98 and told["labels"]["shares"]["warm"] < 0.02


def test_few_rows_and_makers_of_pictures_tell_nothing(lay_out):
    data = lay_out(10, 5)
    assert figures.of_photos(tiny_app(), data.pantry, data.train.rows) == {}
    assert figures.of_answers(tiny_app(), data.pantry, data.validation.rows, always_cold) == {}
    assert figures.of_photos(tiny_app(kind="seed"), data.pantry, data.train.rows) == {}
    assert figures.of_answers(tiny_app(kind="picture"), data.pantry, data.validation.rows, always_cold) == {}


def test_of_many_rows_some_are_taken_from_all_over(lay_out, monkeypatch):
    data = lay_out(50, 0)
    monkeypatch.setattr(figures, "MOST", 35)
    assert figures.of_photos(tiny_app(), data.pantry, data.train.rows)["blur"]["n"] == 35
    taken = figures.evenly(data.train.rows, 5)
    assert taken[0] is data.train.rows[0] and taken[-1] is data.train.rows[-1]
