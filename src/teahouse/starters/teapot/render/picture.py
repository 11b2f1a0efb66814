"""Layers and palette become a picture."""

import numpy as np

from .layers import EDGES, LAYERS, REACH, fields
from .pot import LATENTS, PALETTE, Array, pots


def draws(seed: int, count: int) -> Array:
    """`count` descriptions of pots, float32 [count, 48], standard normal."""
    return np.random.default_rng(seed).standard_normal((count, LATENTS)).astype(np.float32)


def layers(z: Array, side: int) -> Array:
    """What the pots of z [B, 48] are made of, spout left: float32 [B, 19, S, S], see `fields`."""
    return fields(pots(z), side)


def rendered(z: Array, side: int = 128) -> Array:
    """The pots of z [B, 48] as pictures, float32 [B, 3, S, S] in 0..1; the first number's sign turns the spout."""
    described = pots(z)
    made = compose(fields(described, side), described.palette, described.gloss)
    return np.where(z[:, 0, None, None, None] > 0, made[..., ::-1], made)


def render(seed: int, side: int = 128) -> Array:
    """One pot, uint8 [side, side, 3]. The same seed is the same pot at every size."""
    picture = rendered(draws(seed, 1), side)[0]
    return (picture.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)


def compose(planes: Array, palette: Array, gloss: Array) -> Array:
    """Layers over one another, back to front: [B, 19, S, S], [B, 10, 3], gloss [B, 1, 1] -> [B, 3, S, S]."""
    side = planes.shape[-1]
    share = {name: np.clip(planes[:, n] * (REACH * side / 2) + 0.5, 0, 1)[:, None] for n, name in enumerate(EDGES)}
    smooth = {name: planes[:, LAYERS.index(name)][:, None] for name in LAYERS[len(EDGES) :]}
    colour = {name: palette[:, n, :, None, None] for n, name in enumerate(PALETTE)}
    picture = colour["wall"] * np.ones_like(smooth["shine"])
    for name in ("disc", "table", "mat"):
        picture = picture + share[name] * (colour[name] - picture)
    picture = picture * smooth["ground_light"]
    picture = picture + share["handle"] * (colour["handle"] * smooth["handle_light"] - picture)
    picture = picture + share["spout"] * (colour["body"] * smooth["spout_light"] - picture)
    picture = picture + share["hole"] * (colour["body"] * 0.25 - picture)
    picture = picture + share["foot"] * (colour["glaze"] * 0.8 * smooth["body_light"] - picture)
    ware = colour["body"] + share["glaze"] * (colour["glaze"] - colour["body"])
    ware = ware + share["accent"] * (colour["accent"] - ware)
    picture = picture + share["body"] * (ware * smooth["body_light"] - picture)
    for name in ("lid", "knob"):
        picture = picture + share[name] * (colour[name] * smooth["body_light"] - picture)
    return np.clip(picture + gloss[:, None] * smooth["shine"] * (1.1 - picture), 0, 1)
