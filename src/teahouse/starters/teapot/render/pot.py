"""What a teapot is like: 48 Gaussian numbers become measures and colours.

Scene units: the picture spans -1..1 in x and y (y up). Every pot is described with its spout on the left."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
LATENTS = 48
# The colours of a palette, in this order.
PALETTE = ("wall", "disc", "table", "mat", "body", "glaze", "accent", "lid", "knob", "handle")

WARES = (
    "1f6f78 3d9a97 8fbfa3 5c8a5a 7d8a3c d9a93a e08b3e d4663a b8473c c45c6e d98a9c a06a9c 6b5a94 3f5fa8 2f7fb8 5fa6c8 "
    "e9dcc4 7a4f3a 34495a"
)
GLAZES = "f2e8d5 f6efe2 e8c9a0 2f4a6a 24506a 7a3b34 5a3f33 efd27a dfe9e2 c9d8e6 f3d9d2 35514a"
ACCENTS = "fbf4e6 f4e3b8 e2b24a 2d3f58 fbeee8 d9694f fdf8ee 3b5a55"
WALLS = "f6ead6 f3dcd2 dcebdf d5e6ee e6dfef f1e3c2 e4e6e4 f7e9b8 cfe3df f0d5d9"
TABLES = "d8b48c b98d63 e9d3b6 c8b7a2 a9b8a6 b7a7b8 93a9b5 dfc3b0 c9a27e f0e4d0"


@dataclass
class Pots:
    """Measures of B pots, each float32 [B, 1, 1], by name; palette float32 [B, 10, 3] in 0..1 (screen colours)."""

    measures: dict[str, Array]
    palette: Array

    def __getattr__(self, name: str) -> Array:
        try:
            return self.__dict__["measures"][name]
        except KeyError:
            raise AttributeError(name) from None


def pots(z: Array) -> Pots:
    """The pots of z, float32 [B, 48], standard normal."""
    z = np.asarray(z, np.float32)
    one = {name: value.astype(np.float32)[:, None, None] for name, value in _measures(z).items()}
    return Pots(one, _palette(z))


def share(z: Array) -> Array:
    """The share of a Gaussian that lies below z (a logistic curve, which is within a hundredth of it)."""
    return 1 / (1 + np.exp(-1.702 * z))


def _measures(z: Array) -> dict[str, Array]:
    def between(number: int, low: float, high: float) -> Array:
        return low + (high - low) * share(z[:, number])

    m = {
        "radius": between(1, 0.35, 0.52),
        "height": between(2, 0.56, 0.9),
        "power": between(3, 1.8, 3.4),
        "skew": between(4, 0.72, 1.35),
        "top": between(5, 0.45, 0.78),
        "bottom": between(6, 0.5, 0.8),
        "lid_height": between(7, 0.09, 0.24),
        "lid_power": between(8, 1.6, 2.8),
        "knob": between(9, 0.06, 0.1),
        "knob_tall": between(10, 0.75, 1.45),
        "knob_lift": between(11, 0.55, 1.0),
        "foot": between(12, 0.03, 0.08),
        "foot_wide": between(13, 0.82, 1.06),
    }
    m |= {
        "spout_at": between(14, 0.26, 0.46),
        "spout_wide": between(15, 0.095, 0.15),
        "spout_reach": between(16, 0.27, 0.42),
        "spout_tip": between(17, 0.78, 1.12),
        "spout_leaves": between(18, -0.2, 0.9),
        "spout_ends": between(19, 0.65, 1.45),
        "tip_wide": between(20, 0.045, 0.066),
        "handle_top": between(21, 0.72, 0.92),
        "handle_low": between(22, 0.12, 0.32),
        "handle_reach": between(23, 0.22, 0.36),
        "handle_wide": between(24, 0.042, 0.062),
        "handle_power": between(25, 1.8, 3.0),
        "handle_ear": between(26, -0.06, 0.14),
    }
    flower = share(5 * (z[:, 35] - 0.75))
    m |= {
        "drip": -0.25 + 0.95 * share(1.8 * z[:, 27]),
        "drip_deep": between(28, 0.01, 0.12),
        "drip_turn": 1.6 * z[:, 29],
        "drip_turn_too": 1.6 * z[:, 30],
        "band": -0.05 + 0.085 * share(3.5 * z[:, 31] - 0.6) * (1 - flower),
        "band_at": between(32, 0.36, 0.66),
        "dot": -0.05 + 0.105 * share(4 * z[:, 33] - 0.8) * (1 - flower),
        "dot_tall": between(34, 0.75, 1.5),
        "flower": -0.05 + 0.26 * flower,
        "gloss": between(47, 0.25, 0.75),
    }
    total = m["foot"] + m["height"] + m["lid_height"] + 1.5 * m["knob"]
    m["ground"] = -0.08 - 0.5 * total
    m["centre"] = 0.5 * (m["spout_reach"] - m["handle_reach"])
    m["horizon"] = m["ground"] + between(44, 0.06, 0.4)
    m["disc"] = -0.15 + 1.0 * share(1.7 * z[:, 45])
    m["mat"] = -0.1 + 0.95 * share(1.7 * z[:, 46] - 0.2)
    return m


def _ring(colours: str, at: Array) -> Array:
    """A colour of a closed ring, [B, 3]; `at` counts in turns. Most of the way is spent at the colours themselves."""
    known = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in colours.split()], np.float32) / 255
    place = (at % 1) * len(known)
    low = np.floor(place).astype(int)
    part = np.clip((place - low - 0.25) / 0.5, 0, 1)[:, None]
    part = part * part * (3 - 2 * part)
    return known[low % len(known)] * (1 - part) + known[(low + 1) % len(known)] * part


def luma(colour: Array) -> Array:
    """How light a colour is, [..., 3] -> [..., 1]."""
    return (colour * np.array([0.3, 0.59, 0.11], np.float32)).sum(-1, keepdims=True)


def _palette(z: Array) -> Array:
    def lighter(colour: Array, by: Array) -> Array:
        return np.clip(colour + by[:, None] * np.where(by[:, None] > 0, 1 - colour, colour), 0, 1)

    body = lighter(_ring(WARES, share(z[:, 37])), 0.1 * np.tanh(z[:, 38]))
    glaze = lighter(_ring(GLAZES, share(z[:, 39])), 0.1 * np.tanh(z[:, 40]))
    accent = _ring(ACCENTS, share(z[:, 41]))
    wall = _ring(WALLS, share(z[:, 42]))
    table = _ring(TABLES, share(z[:, 43]))
    # Where two neighbours are equally light, the second gives way: nothing shall be lost on its ground.
    near = np.exp(-(((luma(glaze) - luma(body)) / 0.15) ** 2))
    glaze = np.clip(glaze + near * np.where(luma(body) > 0.5, -0.28, 0.28), 0, 1)
    near = np.exp(-(((luma(accent) - luma(body)) / 0.18) ** 2))
    accent = np.clip(accent + near * np.where(luma(body) > 0.5, -0.35, 0.35), 0, 1)
    wall = wall * (1 - 0.16 * np.exp(-(((luma(wall) - luma(body)) / 0.25) ** 2)))
    mix = share(3 * z[:, 36] - 0.8)[:, None]
    lid = body * (1 - mix) + glaze * mix
    handle_mix = share(3 * z[:, 36] - 3.2)[:, None]
    handle = body * (1 - handle_mix) + glaze * handle_mix
    knob_mix = share(3 * z[:, 40] + 1)[:, None]
    knob = lid * (1 - knob_mix) + np.where(luma(lid) > 0.6, body, accent) * knob_mix
    disc = wall * 0.55 + 0.45 * np.clip(_ring(WALLS, share(z[:, 42]) + 0.38) * 1.06, 0, 1)
    mat = 0.5 * table + 0.5 * _ring(WARES, share(z[:, 39]) + 0.2)
    colours = (wall, disc, table, mat, body, glaze, accent, lid, knob, handle)
    return np.stack(colours, 1).astype(np.float32)
