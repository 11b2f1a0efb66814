"""From bytes to answer within one process."""

import numpy
import pytest

from teahouse.engine.answering import Answerer, alike
from teahouse.errors import InputError, ReleaseBroken
from teahouse.testing import expected, photo

from .conftest import Releases, mood


def test_an_answer_is_what_was_worked_out_by_hand(releases: Releases) -> None:
    answerer = Answerer(releases.folder / releases.tiny())
    for seed in range(5):
        given = photo("warm", seed=seed)
        assert alike(answerer.answer({"input": given}).output, expected(given), 1e-4)
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
    assert alike(given, wanted, 0.02) is same
