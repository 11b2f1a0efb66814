"""Candidate: what is tried on rows and told of them, also where numbers are none and photos go meanwhile."""

from types import SimpleNamespace

import numpy
import pytest

from teahouse.errors import TrainingFailed
from teahouse.model import familiar
from teahouse.testing import tiny_app
from teahouse.training import candidate
from teahouse.training.data import Pantry, TrainRow


class Stub(Pantry):
    """Rows whose picture is their number; those in `gone` were erased."""

    def __init__(self, gone=()):
        self.gone = set(gone)
        self._fields, self._output = tiny_app().fields, tiny_app().output

    def has(self, row):
        return row.row not in self.gone

    def given(self, row, name):
        return row.row

    def arrays(self, rows):
        return {"input": numpy.array([[float(row.row)] for row in rows], dtype=numpy.float32)}


def rows(n, source="maker", start=0):
    return [TrainRow(str(i), {"input": {}}, {"label": "warm"}, "train", source) for i in range(start, start + n)]


def data_of(train, gone=()):
    side = SimpleNamespace(rows=train)
    return SimpleNamespace(train=side, validation=SimpleNamespace(rows=[]), pantry=Stub(gone))


def app_with(evaluate=None):
    app = tiny_app()
    if evaluate:
        app.hooks["evaluate"] = evaluate
    return app


def answers(value=0.5):
    return SimpleNamespace(outputs=lambda arrays: numpy.full((len(arrays["input"]), 2), value))


def test_a_metric_that_is_no_number_becomes_none():
    app = app_with(lambda outputs, targets: {"loss": float("nan"), "right": 0.5})
    found = candidate._metrics(app, answers(), data_of(rows(5)), rows(5))
    assert (found["loss"], found["right"]) == (None, 0.5)


def test_a_net_that_answers_no_numbers_is_told_in_words():
    with pytest.raises(TrainingFailed, match="learning rate"):
        candidate._metrics(app_with(), answers(float("nan")), data_of(rows(5)), rows(5))


def test_rows_whose_photo_was_erased_are_neither_tried_nor_shown():
    seen = []
    app = app_with(lambda outputs, targets: seen.append((len(outputs), len(targets))) or {})
    some = rows(70)
    data = data_of(some, gone={"3", *(str(i) for i in range(32, 64))})
    candidate._metrics(app, answers(), data, some)
    assert seen == [(37, 37)]
    assert [example.inputs["input"] for example in candidate._examples(data, some[:5])] == ["0", "1", "2", "4"]


def test_a_page_opens_with_the_example_that_is_answered_right_and_most_surely():
    said = {"a": ("bee", 0.99), "b": ("ant", 0.6), "c": ("ant", 0.9), "d": ("bee", 0.8)}

    def predict(one):
        label, sure = said[one]
        return {"label": label, "scores": {label: sure}}

    ants = [{"label": "ant"}] * 4
    assert candidate._best_first(list("abcd"), ants, predict) == ["c", "a", "b", "d"]
    assert candidate._best_first(["a", "d"], ants[:2], predict) == ["a", "d"], "none is right"
    assert candidate._best_first([], [], predict) == []


def test_what_is_familiar_is_told_from_the_makers_rows_alone_over_all_of_them(tmp_path, monkeypatch):
    fitted = []

    def fit(images, embeddings):
        fitted.extend(int(number) for number in images.ravel())
        return {"threshold": numpy.array([1.0])}

    monkeypatch.setattr(familiar, "fit", fit)
    some = [*rows(1150), *rows(500, "visitor", 5000)]
    assert candidate._familiar(app_with(), data_of(some, gone={"0"}), tmp_path)["threshold"] == 1.0
    assert len(fitted) == candidate.FAMILIAR and fitted[0] == 1 and fitted[-1] == 1149
    assert max(numpy.diff(fitted)) <= 3
    few = [*rows(familiar.LEAST - 1), *rows(500, "visitor", 5000)]
    assert candidate._familiar(app_with(), data_of(few), tmp_path) is None
