"""One suite for every kind of field: the built-in ones, a picture that a model makes, and an input that is drawn."""

import io
import json

import numpy
import pytest
from PIL import Image as Pillow

from teahouse import Image, Labels
from teahouse.errors import InputError
from teahouse.spec.fields import Feedback, Field, Picture, field_from_json


class Seed:
    """A tiny kind for this suite: an input that is drawn, not given."""

    kind, binary, feedback = "seed", False, frozenset({"rate"})

    def __init__(self, name="input"):
        self.name = name

    def json(self):
        return {"kind": self.kind, "name": self.name}

    def schema(self):
        return {"type": "integer", "minimum": 0}

    def check(self, given):
        if isinstance(given, bool) or not isinstance(given, int) or given < 0:
            raise InputError("A seed is a whole number.", "", "Send 7.")

    def tensor(self, given):
        return numpy.random.default_rng(given).standard_normal(8, dtype=numpy.float32)

    def value(self, row):
        return [round(float(number), 4) for number in row]

    def truth(self, feedback, output):
        return None

    def near(self, given):
        return given.to_bytes(8, "big")


def photo():
    out = io.BytesIO()
    Pillow.fromarray(numpy.random.default_rng(3).integers(0, 255, (40, 60, 3), dtype=numpy.uint8)).save(out, "JPEG")
    return out.getvalue()


INPUTS = [
    (Image(size=32), photo(), b"not a picture"),
    (Seed(), 7, "seven"),
    (Labels("a", "b"), {"label": "a"}, {"label": "z"}),
]
OUTPUTS = [
    (Labels("a", "b"), numpy.array([0.5, 2.0])),
    (Image(size=32, name="output"), numpy.full((3, 32, 32), 0.5)),
    (Seed("output"), numpy.zeros(3)),
]


@pytest.mark.parametrize("field", [row[0] for row in INPUTS + OUTPUTS], ids=lambda field: f"{field.kind}-{field.name}")
def test_a_field_tells_all_about_itself(field):
    assert isinstance(field, Field)
    assert isinstance(field.kind, str) and isinstance(field.name, str) and isinstance(field.binary, bool)
    assert field.feedback <= {"agree", "correct", "choose", "rate", "comment"}
    json.dumps(field.schema()), json.dumps(field.json())


@pytest.mark.parametrize(
    "field", [Image(size=(48, 32), fit="pad", normalize="imagenet"), Labels("a", "b", name="output")]
)
def test_a_declared_field_survives_its_json(field):
    assert field_from_json(json.loads(json.dumps(field.json()))).json() == field.json()


@pytest.mark.parametrize(("field", "good", "bad"), INPUTS, ids=lambda part: getattr(part, "kind", ""))
def test_an_input_is_checked_becomes_a_tensor_and_has_a_near_key(field, good, bad):
    field.check(good)
    with pytest.raises(InputError):
        field.check(bad)
    tensor = numpy.asarray(field.tensor(good))
    assert tensor.dtype in (numpy.float32, numpy.int64)
    assert (numpy.asarray(field.tensor(good)) == tensor).all()
    assert field.near(good) == field.near(good) and isinstance(field.near(good), bytes)


@pytest.mark.parametrize(("field", "row"), OUTPUTS, ids=lambda part: getattr(part, "kind", ""))
def test_an_output_is_json_or_a_picture(field, row):
    value = field.value(row)
    assert isinstance(value, Picture) or json.dumps(value)


@pytest.mark.parametrize(("field", "row"), OUTPUTS, ids=lambda part: getattr(part, "kind", ""))
def test_a_word_states_a_truth_or_none(field, row):
    value = field.value(row)
    for feedback in (
        Feedback("agree", True),
        Feedback("agree", False),
        Feedback("rate", 1),
        Feedback("comment", "nice"),
    ):
        truth = field.truth(feedback, None if isinstance(value, Picture) else value)
        assert truth is None or json.dumps(truth)


def test_labels_agree_and_correct_state_the_label():
    field = Labels("green", "oolong")
    output = field.value([2.0, -1.0])
    assert output["label"] == "green" and sum(output["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert field.truth(Feedback("agree", True), output) == {"label": "green"}
    assert field.truth(Feedback("agree", False), output) is None
    assert field.truth(Feedback("correct", "oolong"), output) == {"label": "oolong"}
    with pytest.raises(InputError, match='"oolong"'):
        field.truth(Feedback("correct", "olong"), output)


@pytest.mark.parametrize("row", [[1.0], [float("nan"), 0.0], [float("inf"), 0.0]])
def test_labels_refuses_a_row_that_is_no_answer(row):
    with pytest.raises(InputError):
        Labels("a", "b").value(row)


def test_the_kinds_are_looked_for_once(monkeypatch):
    from teahouse.spec import fields

    asked = []
    monkeypatch.setattr(fields, "entry_points", lambda **_: asked.append(1) or [])
    fields.kinds.cache_clear()
    try:
        assert fields.kinds() is fields.kinds() and asked == [1]
    finally:
        fields.kinds.cache_clear()
