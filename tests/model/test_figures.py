"""How numbers are spread in a training, and where a visitor's falls."""

import numpy
import pytest

from teahouse.errors import ReleaseBroken
from teahouse.model import figures, looks, shape
from teahouse.testing import tiny_app


def test_deciles_hold_about_a_tenth_each_and_the_shares_say_how_much():
    values = [i / 1000 for i in range(1000)]
    told = figures.spread("brightness", values)
    assert len(told["edges"]) == 9 and told["n"] == 1000 and told["mean"] == pytest.approx(0.4995)
    assert all(share == pytest.approx(0.1, abs=0.002) for share in told["shares"])
    assert figures.bin_of(told["edges"], 0.0) == 0 and figures.bin_of(told["edges"], 5.0) == 9


def test_what_is_always_the_same_makes_one_bin_of_all_and_one_of_what_never_was():
    told = figures.spread("side", [96.0] * 200)
    assert told["edges"] == [96] and told["shares"][0] > 0.99 and 0 < told["shares"][1] < 0.01
    assert figures.bin_of(told["edges"], 96) == 0 and figures.bin_of(told["edges"], 1024) == 1
    assert figures.are_sound({"side": told})


def test_few_values_and_values_that_are_none_tell_nothing():
    assert figures.spread("blur", [1.0] * 29) is None
    assert figures.spread("blur", [float("nan")] * 100) is None
    assert figures.shares_of(("a", "b"), ["a"] * 29) is None


def test_a_label_that_was_never_said_has_a_share_all_the_same():
    told = figures.shares_of(("a", "b"), ["a"] * 99)
    assert told["shares"]["a"] == pytest.approx(0.995) and told["shares"]["b"] == pytest.approx(0.005)


@pytest.mark.parametrize(
    "wrong",
    [
        {"brightness": 3},
        {"brightness": {"edges": [0.1], "shares": [0.5, 0.4, 0.1]}},
        {"brightness": {"edges": [0.2, 0.1], "shares": [0.3, 0.3, 0.4]}},
        {"brightness": {"edges": [0.1], "shares": [0.0, 1.0]}},
        {"brightness": {"edges": ["x"], "shares": [0.5, 0.5]}},
        {"labels": {"shares": [0.5, 0.5], "edges": [1]}},
        {"labels": {"shares": {"a": 0}}},
        {"blur": {"edges": [0.1], "shares": [0.5, 0.5], "n": 40}},
        {"blur": {"shares": {"a": 1}}},
    ],
)
def test_a_manifest_with_figures_that_can_not_be_counted_against_is_refused(wrong):
    app = tiny_app()
    given = {"app": app.name, "title": app.title, "fields": [], "output": app.output.json()}
    assert shape.from_json(given | {"figures": {}}).figures == {}
    with pytest.raises(ReleaseBroken):
        shape.from_json(given | {"figures": wrong})


def picture(side, light=0.5, noise=0.0, seed=0):
    made = numpy.full((3, side, side), light, numpy.float32)
    return (made + numpy.random.default_rng(seed).normal(0, noise, made.shape)).clip(0, 1).astype(numpy.float32)


def test_a_dark_photo_is_darker_a_smooth_one_less_sharp_and_the_side_is_the_one_that_was_sent():
    dark, bright = looks.look(picture(96, 0.1)), looks.look(picture(96, 0.9))
    assert dark["brightness"] == pytest.approx(0.1) and bright["brightness"] == pytest.approx(0.9)
    assert dark["blur"] == 0 and looks.look(picture(96, noise=0.2))["blur"] > 3
    assert looks.look(picture(96), 500)["side"] == 500 and looks.look(picture(96), 4000)["side"] == looks.MOST_SIDE


@pytest.mark.parametrize("shape_", [(3, 1, 1), (3, 2, 700), (1, 64, 64), (3, 700, 500)])
def test_pictures_of_any_shape_have_a_look(shape_):
    told = looks.look(numpy.zeros(shape_, numpy.float32))
    assert told == {"brightness": 0.0, "blur": 0.0, "side": max(shape_[1:])}
