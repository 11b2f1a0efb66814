"""Vessels that are no teapots: jugs and kettles in the teapot renderer's manner, to be shuffled among teapots.

Only for judging by eye: `vessels(seed, count)`. Run it to write them: python benchmarks/vessels.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from teahouse.starters.teapot.render import draws, pots
from teahouse.starters.teapot.render.layers import EDGES, LAYERS, REACH, _ellipse, _tube, fields, grid, lit, profile
from teahouse.starters.teapot.render.picture import compose
from teahouse.starters.teapot.render.pot import PALETTE, Pots

Array = np.ndarray


def vessels(seed: int, count: int, side: int = 128) -> tuple[Array, list[str]]:
    """Pictures, float32 [count, 3, side, side] in 0..1, and what each is: jug and kettle in turn."""
    z = draws(seed, count)
    x, y = grid(side)
    made = np.zeros((count, 3, side, side), np.float32)
    for first, change in enumerate((_jug, _kettle)):
        p = pots(z[first::2])
        if change is _kettle:
            _steel(p)
        planes = fields(p, side)
        change(p, x - p.centre, y, planes)
        parts = planes[:, [LAYERS.index(name) for name in ("handle", "spout", "body", "lid", "knob")]]
        planes[:, LAYERS.index("shine")] *= parts.max(1) > 0
        made[first::2] = compose(planes, p.palette, p.gloss)
    made = np.where(z[:, 0, None, None, None] > 0, made[..., ::-1], made)
    return made, [("jug", "kettle")[number % 2] for number in range(count)]


def _steel(p: Pots) -> None:
    """A kettle is of metal, wide at the bottom, with nothing painted on it; its handle and knob are dark."""
    p.measures |= {
        "bottom": 0 * p.bottom + 0.94,
        "top": 0 * p.top + 0.5,
        "skew": p.skew * 1.2,
        "height": p.height * 0.9,
    }
    p.measures |= {"drip": 0 * p.drip - 0.3, "band": 0 * p.band - 0.05, "dot": 0 * p.dot - 0.05}
    p.measures |= {"flower": 0 * p.flower - 0.05, "foot": 0 * p.foot + 0.02, "ground": p.ground - 0.08}
    steel = (0.8 + 0.12 * p.palette[:, 4]) * np.array([0.8, 0.82, 0.84], np.float32)
    for name in ("body", "glaze", "lid"):
        p.palette[:, PALETTE.index(name)] = steel
    for name in ("handle", "knob"):
        p.palette[:, PALETTE.index(name)] = 0.16 + 0.1 * p.palette[:, 4]


def _set(planes: Array, name: str, plane: Array) -> None:
    number = LAYERS.index(name)
    planes[:, number] = np.clip(plane / REACH, -1, 1) if name in EDGES else plane


def _jug(p: Pots, x: Array, y: Array, planes: Array) -> None:
    """No lid, no knob, no tube: an open rim that one looks into, and a lip drawn out to the left."""
    high = p.ground + p.foot + p.height
    rim = p.radius * p.top + 0.01
    for name in ("lid", "knob"):
        _set(planes, name, np.full_like(planes[:, 0], -1))
    lip = np.minimum(0.13 * (1 - np.abs(y - high + 0.02) / 0.16) + 0.02, y - high + 0.16)
    lip = np.minimum(np.minimum(lip, high + 0.045 - y), np.minimum(-x - rim * 0.6, x + rim + 0.16 - (high - y) * 0.9))
    _set(planes, "spout", lip)
    _set(planes, "hole", np.full_like(lip, -1))
    # The opening takes the lid's place, in the shade.
    _set(planes, "lid", _ellipse(x, y - high - 0.005, rim, rim * 0.17))
    inside = planes[:, LAYERS.index("lid")] > 0
    light = planes[:, LAYERS.index("body_light")]
    planes[:, LAYERS.index("body_light")] = np.where(inside, 0.45 + 0.5 * (high - y + 0.05), light)
    planes[:, LAYERS.index("shine")] *= ~inside


def _kettle(p: Pots, x: Array, y: Array, planes: Array) -> None:
    """A short straight spout set high, and a tall bail over the lid in place of the ear."""
    base, high = p.ground + p.foot, p.ground + p.foot + p.height
    turn = np.linspace(0.04 * np.pi, 0.96 * np.pi, 15, dtype=np.float32)[None, :]
    wide = 0.86 * p.radius[:, 0]
    tall = 0.36 + p.lid_height[:, 0]
    line = np.stack([wide * np.cos(turn), high[:, 0] - 0.1 + tall * np.sin(turn) ** 0.6], -1)
    inside, nx, ny, nz = _tube(x, y, line, np.broadcast_to(p.handle_wide[:, 0] * 0.8, line.shape[:2]))
    _set(planes, "handle", inside)
    _set(planes, "handle_light", lit(nx, ny, nz))
    at = base + 0.62 * p.height
    start = np.concatenate([-profile(p, at)[:, 0] + 0.06, at[:, 0]], -1)
    tip = start + np.array([-0.3, 0.24], np.float32)
    line = np.stack([start, tip], 1)
    radii = np.broadcast_to(np.array([0.12, 0.06], np.float32), line.shape[:2])
    inside, nx, ny, nz = _tube(x, y, line, radii)
    _set(planes, "spout", np.minimum(inside, tip[:, 1, None, None] + 0.01 - y))
    _set(planes, "spout_light", lit(nx, ny, nz))
    _set(planes, "hole", np.full_like(inside, -1))


def main() -> None:
    """Write 32 of them as PNG files."""
    from PIL import Image

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made, names = vessels(11, 32)
    for number, (picture, name) in enumerate(zip(made, names, strict=True)):
        pixels = (picture.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}-{name}.png")


if __name__ == "__main__":
    main()
