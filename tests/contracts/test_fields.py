"""One suite for every kind of field, as something that goes in and as something that comes out."""

import io
import json
from pathlib import Path

import numpy
import pytest
from PIL import Image as Pillow

from teahouse import App, Choice, Image, Labels, Number, Seed, Text
from teahouse.errors import DeclarationError, InputError
from teahouse.spec.fields import Feedback, Field, Picture, field_from_json, kinds

DOCS = Path(__file__).parents[2] / "docs"


def photo(width=60, height=40):
    out = io.BytesIO()
    noise = numpy.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=numpy.uint8)
    Pillow.fromarray(noise).save(out, "JPEG")
    return out.getvalue()


# (field, what it takes, what it refuses)
INPUTS = [
    (Image(size=32), photo(), b"not a picture"),
    (Image(size=64, fit="keep", label="your photo"), photo(), b""),
    (Labels("a", "b"), {"label": "a"}, {"label": "z"}),
    (Seed(9, truncation=0.8), 7, "seven"),
    (Seed(), 2**32 - 1, 2**32),
    (Seed(), 0, True),
    (Number(0, 1, step=0.05, start=0.7, label="strength"), 0.25, 1.5),
    (Number(-3, 3), -3, float("nan")),
    (Number(0, 1), 1, "0.5"),
    (Choice("night sky", "woodblock", start="woodblock", label="style"), "night sky", "night"),
    (Choice("a", "b", pictures="styles"), "b", 1),
    (Text(most=5, label="your name"), "Zoë\nT", "Zoë\nTea"),
    (Text(), "", "a\x00b"),
    (Text(), "🫖 " * 50, 3),
]
# (field, a row of the model's, a word that states a truth, that truth)
OUTPUTS = [
    (Labels("a", "b"), numpy.array([0.5, 2.0]), Feedback("correct", "a"), {"label": "a"}),
    (Image(size=32), numpy.full((3, 32, 32), 0.5), Feedback("rate", "love"), {"rate": "love"}),
    (Number(0, 10), numpy.array([2.5], numpy.float32), Feedback("correct", 3), {"number": 3}),
    (Text(most=6), numpy.array([84, 101, 97, 0, 0, 0]), Feedback("correct", "tea"), {"text": "tea"}),
]
for field, *_ in OUTPUTS:
    field.name = "output"


def named(part):
    return f"{part.kind}-{part.name}" if hasattr(part, "kind") and hasattr(part, "name") else ""


@pytest.mark.parametrize("field", [row[0] for row in INPUTS + OUTPUTS], ids=named)
def test_a_field_tells_all_about_itself(field):
    assert isinstance(field, Field)
    assert field.label and field.json()["label"] == field.label
    assert isinstance(field.kind, str) and isinstance(field.name, str) and isinstance(field.binary, bool)
    assert field.feedback <= {"agree", "correct", "choose", "rate", "comment"}
    json.dumps(field.schema()), json.dumps(field.json())


@pytest.mark.parametrize(
    "field",
    [row[0] for row in INPUTS + OUTPUTS] + [Image(size=(48, 32), fit="pad", normalize="imagenet")],
    ids=named,
)
def test_a_declared_field_survives_its_json(field):
    assert field_from_json(json.loads(json.dumps(field.json()))).json() == field.json()


@pytest.mark.parametrize(("field", "good", "bad"), INPUTS, ids=named)
def test_an_input_is_checked_becomes_a_tensor_and_has_a_near_key(field, good, bad):
    field.check(good)
    with pytest.raises(InputError):
        field.check(bad)
    tensor = numpy.asarray(field.tensor(good))
    assert tensor.dtype in (numpy.float32, numpy.int64)
    assert (numpy.asarray(field.tensor(good)) == tensor).all()
    assert len(numpy.stack([tensor, tensor])) == 2, "rows of one shape stack to a batch"
    assert field.near(good) == field.near(good) and isinstance(field.near(good), bytes)


@pytest.mark.parametrize("field", [row[0] for row in OUTPUTS], ids=named)
def test_a_kind_that_answers_may_be_declared_as_output(field):
    assert App(title="x", input=Image(), output=field).output is field


@pytest.mark.parametrize("field", [Seed(), Choice("a", "b")], ids=named)
def test_what_only_goes_in_is_no_output(field):
    with pytest.raises(DeclarationError, match="goes in"):
        App(title="x", input=Image(), output=field)
    with pytest.raises(InputError):
        field.value(numpy.zeros(2))
    assert field.feedback == frozenset() and field.truth(Feedback("rate", "love"), None) is None


@pytest.mark.parametrize(("field", "row", "word", "truth"), OUTPUTS, ids=named)
def test_an_output_is_json_or_a_picture(field, row, word, truth):
    value = field.value(row)
    assert isinstance(value, Picture) or json.dumps(value)


@pytest.mark.parametrize(("field", "row", "word", "truth"), OUTPUTS, ids=named)
def test_a_word_states_a_truth_or_none(field, row, word, truth):
    value = field.value(row)
    output = None if isinstance(value, Picture) else value
    assert word.kind in field.feedback
    assert field.truth(word, output) == truth
    assert numpy.isfinite(numpy.asarray(field.tensor(truth), dtype=numpy.float64)).all(), "a truth is a target"
    for kind, value in (("agree", False), ("rate", 1), ("comment", "nice"), ("choose", True)):
        assert field.truth(Feedback(kind, value), output) is None


@pytest.mark.parametrize(
    ("field", "row"),
    [
        (Image(), numpy.zeros((1, 8, 8))),
        (Image(), numpy.full((3, 8, 8), numpy.nan)),
        (Image(), numpy.zeros((3, 8, 0))),
        (Number(0, 1), numpy.zeros(2)),
        (Number(0, 1), numpy.array([numpy.inf])),
    ],
    ids=named,
)
def test_a_row_that_is_no_answer_is_refused(field, row):
    with pytest.raises(InputError):
        field.value(row)


def test_every_kind_has_its_page():
    page = (DOCS / "fields.md").read_text("utf-8")
    for kind in (Choice, Image, Labels, Number, Seed, Text):
        assert f"## {kind.__name__}\n" in page
        assert kinds()[kind.kind] is kind


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
