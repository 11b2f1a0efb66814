"""The tea renderer: same arguments, same picture; labels and domains look different; fast enough to draw data with."""

import functools
import time

import numpy as np
import pytest

from teahouse.starters.tea.render import LABELS, render

small = functools.cache(functools.partial(render, size=48))  # several tests look at the same pictures


def middle(picture: np.ndarray) -> np.ndarray:
    """The mean colour of where the tea mostly is."""
    near, far = len(picture) * 3 // 8, len(picture) * 5 // 8
    return picture[near:far, near:far].reshape(-1, 3).astype(float).mean(0)


def means(label: str, domain: str, count: int = 40) -> np.ndarray:
    return np.array([middle(small(seed, label, domain)) for seed in range(count)])


@pytest.mark.parametrize("size", [64, 96, 128])
@pytest.mark.parametrize("domain", ["day", "candle"])
def test_a_picture_has_the_size_that_was_asked_for(size, domain):
    picture = render(3, "green", domain, size)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8 and picture.flags.c_contiguous


def test_the_same_arguments_give_the_same_picture():
    first, other = render(7, "oolong", "day", 96), render(8, "oolong", "day", 96)
    assert np.array_equal(first, render(7, "oolong", "day", 96))
    assert not np.array_equal(first, other)


def test_nothing_is_taken_from_the_global_random_numbers():
    np.random.seed(1)
    first = render(5, "green", "candle", 64)
    np.random.seed(2)
    assert np.array_equal(first, render(5, "green", "candle", 64))


def test_one_seed_is_one_scene_at_every_size():
    small, large = render(11, "green", "day", 64).astype(float), render(11, "green", "day", 128).astype(float)
    shrunk = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.9


def test_label_and_domain_change_the_picture():
    pictures = {(label, domain): render(1, label, domain, 64) for label in LABELS for domain in ("day", "candle")}
    assert len({picture.tobytes() for picture in pictures.values()}) == 4


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError):
        render(1, "coffee", "day", 32)
    with pytest.raises(ValueError):
        render(1, "green", "noon", 32)


def test_oolong_is_warmer_than_green_on_average_but_colour_does_not_decide():
    green, oolong = means("green", "day", 100), means("oolong", "day", 100)
    warm = [colour[:, 0] - colour[:, 1] for colour in (green, oolong)]
    assert warm[1].mean() > warm[0].mean()
    best = max((np.mean(warm[1] > edge) + np.mean(warm[0] <= edge)) / 2 for edge in np.concatenate(warm))
    assert best <= 0.9


def test_candle_light_is_darker_and_warmer_than_day():
    day, candle = (np.concatenate([means(label, domain, 20) for label in LABELS]) for domain in ("day", "candle"))
    assert candle.mean() < day.mean()
    assert (candle[:, 0] / candle[:, 2]).mean() > (day[:, 0] / day[:, 2]).mean()


def test_pictures_are_neither_black_nor_burnt_out():
    for domain, darkest in (("day", 40), ("candle", 8)):
        for seed in range(30):
            picture = small(seed, LABELS[seed % 2], domain)
            assert darkest < picture.mean() < 248 and picture.std() > 4


def test_a_picture_takes_milliseconds():
    render(0, "green", "day", 128)
    start = time.process_time()
    for seed in range(10):
        render(seed, LABELS[seed % 2], "day", 128)
    assert (time.process_time() - start) / 10 < 0.15  # about 0.015 on a free core
