"""Familiar: what is like the training rows passes, what is not is told; the threshold is honest and the file small."""

import math

import numpy as np
import pytest
from safetensors.numpy import load, save

from teahouse.model import familiar

GRID = np.stack(np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 64)))


def disc(rng: np.random.Generator) -> np.ndarray:
    """A soft disc of one colour on a ground of another."""
    x, y = rng.normal(0, 0.2, 2)
    inside = 1 / (1 + np.exp(20 * (np.hypot(GRID[0] - x, GRID[1] - y) - rng.uniform(0.3, 0.6))))
    ground, colour = rng.uniform(0.2, 0.6, (2, 3, 1, 1))
    image = ground + inside * (colour * 0.8 + 0.3 - ground) + rng.normal(0, 0.02, (3, 64, 64))
    return image.clip(0, 1).astype(np.float32)


def stripes(rng: np.random.Generator) -> np.ndarray:
    """Stripes in any direction, with the discs' colours."""
    turn = rng.uniform(0, math.pi)
    wave = 0.5 + 0.5 * np.sin(rng.uniform(12, 40) * (GRID[0] * math.cos(turn) + GRID[1] * math.sin(turn)))
    ground, colour = rng.uniform(0.2, 0.6, (2, 3, 1, 1))
    image = ground + wave * (colour * 0.8 + 0.3 - ground) + rng.normal(0, 0.02, (3, 64, 64))
    return image.clip(0, 1).astype(np.float32)


def many(draw, seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([draw(rng) for _ in range(count)])


def unfamiliar(params: dict, images: np.ndarray) -> float:
    return float(np.mean([familiar.distance(params, image) > params["threshold"][0] for image in images]))


@pytest.fixture(scope="module")
def discs() -> dict:
    return familiar.fit(many(disc, 1, 300))


def test_fresh_photos_of_the_same_kind_are_familiar(discs):
    assert unfamiliar(discs, many(disc, 2, 300)) <= 0.04


def test_photos_of_another_kind_are_unfamiliar(discs):
    assert unfamiliar(discs, many(stripes, 3, 60)) >= 0.95
    assert unfamiliar(discs, np.random.default_rng(4).uniform(0, 1, (20, 3, 64, 64)).astype(np.float32)) == 1


def test_another_size_of_the_same_photos_is_still_familiar(discs):
    assert unfamiliar(discs, many(disc, 5, 100).repeat(2, 2).repeat(2, 3)) <= 0.05


def test_the_threshold_is_measured_on_rows_that_were_left_out(discs):
    own = [familiar.distance(discs, image) for image in many(disc, 1, 300)]
    assert discs["threshold"][0] > np.quantile(own, 0.99)


def test_thirty_rows_are_enough_and_fewer_call_nothing_unfamiliar():
    assert unfamiliar(familiar.fit(many(disc, 6, 30)), many(disc, 7, 100)) <= 0.15
    few = familiar.fit(many(disc, 6, 29))
    assert np.isinf(few["threshold"]).all() and unfamiliar(few, many(stripes, 3, 5)) == 0


def test_embeddings_are_looked_at_too():
    images, rng = many(disc, 8, 120), np.random.default_rng(9)
    params = familiar.fit(images, rng.normal(0, 1, (120, 16)).astype(np.float32))
    image = disc(np.random.default_rng(10))
    usual, odd = (familiar.distance(params, image, np.full(16, value, np.float32)) for value in (0.1, 9.0))
    assert usual < odd and odd > params["threshold"][0]


def test_what_is_kept_is_small_and_survives_a_file(discs):
    assert sum(value.nbytes for value in discs.values()) <= 300_000
    again = load(save(discs))
    image = disc(np.random.default_rng(11))
    assert familiar.distance(again, image) == familiar.distance(discs, image)


@pytest.mark.parametrize("image", [np.zeros((3, 96, 96)), np.ones((3, 40, 90)), np.full((1, 64, 64), 0.5)])
def test_flat_and_grey_pictures_have_a_distance(discs, image):
    assert math.isfinite(familiar.distance(discs, image.astype(np.float32)))


def test_equal_rows_do_not_break_the_fit():
    params = familiar.fit(np.full((40, 3, 32, 32), 0.5, np.float32))
    assert math.isfinite(familiar.distance(params, np.full((3, 32, 32), 0.5, np.float32)))
