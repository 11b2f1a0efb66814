"""From bytes to answer within one process."""

import io

import numpy
import pytest
from PIL import Image as Pillow

from teahouse.engine.answering import Answerer
from teahouse.errors import InputError, ReleaseBroken
from teahouse.model.forms import apart
from teahouse.testing import expected, photo

from .conftest import Releases, mood


def test_an_answer_is_what_was_worked_out_by_hand(releases: Releases) -> None:
    answerer = Answerer(releases.folder / releases.tiny())
    for seed in range(5):
        given = photo("warm", seed=seed)
        assert apart(answerer.answer({"input": given}).output, expected(given)) <= 1e-4
    answerer.try_examples()


def test_inputs_of_another_name_and_kind_are_refused(releases: Releases) -> None:
    answerer = Answerer(releases.folder / releases.tiny())
    for given in ({}, {"photo": photo("warm")}, {"input": photo("warm"), "more": 1}, {"input": 3}, {"input": b""}):
        with pytest.raises(InputError):
            answerer.answer(given)


def test_the_makers_function_stands_between_input_and_answer(releases: Releases) -> None:
    answerer = Answerer(releases.folder / releases.moody())
    assert answerer.batch == 1
    assert answerer.answer({"input": photo("cold")}).output["label"] == "cold"
    with pytest.raises(ValueError, match="not today"):
        answerer.answer({"input": mood("raise")})
    assert not list(answerer.folder.rglob("__pycache__")), "a compiled file would not be the release any more"


def test_what_the_release_was_not_trained_on_is_told(releases: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    familiar = pytest.importorskip("teahouse.model.familiar")
    from safetensors.numpy import save

    monkeypatch.setattr(familiar, "distance", lambda known, image: float(known["mean"][0] + image.mean()))
    source = releases.folder.parent / "known"
    from teahouse.model import bundle, shape
    from teahouse.testing import tiny_release

    tiny_release(source)
    (source / "familiar.safetensors").write_bytes(save({"mean": numpy.zeros(1, numpy.float32)}))
    written = shape.to_json(bundle.read(source)) | {"familiar": {"threshold": 0.6, "file": "familiar.safetensors"}}
    bundle.seal(source, shape.from_json(written))
    answerer = Answerer(source)
    assert answerer.answer({"input": photo("warm")}).familiar is True
    assert answerer.answer({"input": photo((250, 250, 250))}).familiar is False


def test_a_hook_without_code_is_a_broken_release(releases: Releases) -> None:
    with pytest.raises(ReleaseBroken, match="not whole"):
        Answerer(releases.folder / releases.tiny(hooks=["predict"]))


def test_a_picture_that_is_not_the_examples_is_a_broken_release(releases: Releases) -> None:
    source = releases.folder.parent / "painted"
    from teahouse.model import bundle, shape
    from teahouse.testing import picture_release

    picture_release(source)
    written = shape.to_json(bundle.read(source))
    for change in ({"mean": [0.9, 0.1, 0.1]}, {"width": 60}):
        examples = [dict(one) for one in written["examples"]]
        examples[0]["expected"] = {**examples[0]["expected"], **change}
        bundle.seal(source, shape.from_json({**written, "examples": examples}))
        with pytest.raises(ReleaseBroken, match="own examples"):
            Answerer(source).try_examples()


def test_the_makers_function_hands_on_the_models_score(releases: Releases) -> None:
    from teahouse.model import bundle, shape
    from teahouse.testing import blueness, seed_release

    source = releases.folder.parent / "hooked"
    seed_release(source)
    (source / "code").mkdir()
    (source / "code" / "app.py").write_text(HOOKED)
    written = shape.to_json(bundle.read(source)) | {"code": True, "hooks": ["predict"], "examples": []}
    bundle.seal(source, shape.from_json(written))
    answer = Answerer(source).answer({"input": 5})
    assert answer.score == pytest.approx(blueness(5), abs=1e-5)
    assert (answer.output["width"], answer.output["height"]) == (64, 32)


@pytest.mark.parametrize("size", [(1, 1), (8192, 32), (32, 8192), (6000, 4000), (33, 700)])
def test_a_photo_of_any_size_and_orientation_is_answered_in_its_shape(releases: Releases, size: tuple) -> None:
    out = io.BytesIO()
    Pillow.new("RGB", size, (200, 90, 40)).save(out, "JPEG", quality=80)
    answer = Answerer(releases.folder / releases.of_kind("picture")).answer({"input": out.getvalue()})
    width, height = answer.output["width"], answer.output["height"]
    assert 32 <= min(width, height) <= max(width, height) <= 512 and width % 4 == height % 4 == 0
    assert (width > height) == (size[0] > size[1])


HOOKED = """
import numpy
from teahouse import App, Image, Seed

app = App(title="x", name="colour", input=Seed(8), output=Image())

@app.predict
def predict(model, inputs):
    return numpy.concatenate([model(**inputs)] * 2, 2)
"""


@pytest.mark.parametrize(
    ("given", "wanted", "same"),
    [
        ({"label": "a", "scores": {"a": 0.51}}, {"label": "a", "scores": {"a": 0.5}}, True),
        ({"label": "a", "scores": {"a": 0.53}}, {"label": "a", "scores": {"a": 0.5}}, False),
        ({"label": "b"}, {"label": "a"}, False),
        ({"label": "a", "more": 1}, {"label": "a"}, False),
        ([1, 2], [1, 2.01], True),
        ([1], [1, 2], False),
        (float("nan"), 0.5, False),
        ("1", 1, False),
        (None, None, True),
        (1, True, True),
    ],
)
def test_outputs_are_alike_within_the_tolerance(given: object, wanted: object, same: bool) -> None:
    assert (apart(given, wanted) <= 0.02) is same


def test_how_a_photo_looks_is_told_with_the_answer(releases: Releases) -> None:
    answerer = Answerer(releases.folder / releases.tiny())
    told = answerer.answer({"input": photo((20, 20, 20), side=200)}).look
    assert told is not None and told["side"] == 200 and told["brightness"] < 0.15 and told["blur"] > 0
