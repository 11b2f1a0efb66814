"""Woodblock print: sea, mountain and sun in few inks, cut lines that follow every form, the grain of cherry wood."""

from __future__ import annotations

import numpy as np

from .brush import blur, grid, noise, over, smooth

PAPER = (0.95, 0.90, 0.77)
INK = (0.07, 0.11, 0.24)
BLUE = (0.10, 0.27, 0.50)
PALE = (0.47, 0.65, 0.70)
RED = (0.82, 0.25, 0.17)
OCHRE = (0.87, 0.66, 0.36)

WAVES = [  # foot, height, waves across, phase, ink
    (0.585, 0.020, 11, 0.3, PALE), (0.655, 0.035, 8, 2.2, BLUE), (0.755, 0.050, 5.5, 4.4, PALE),
    (0.875, 0.055, 4.5, 1.2, BLUE),
]  # fmt: skip


def picture(side: int, seed: int = 3) -> np.ndarray:
    """float32 [side, side, 3] in 0..1."""
    rng = np.random.default_rng(seed)
    x, y = grid(side)
    # A block is cut by hand: no line is quite straight.
    x = x + 0.0016 * noise(rng, side, side / 30)
    y = y + 0.0016 * noise(rng, side, side / 30)
    grain = wood(rng, side, x, y)
    colour = np.broadcast_to(np.float32(PAPER), (side, side, 3))
    colour = sky(colour, x, y, grain)
    colour = mountain(colour, x, y)
    colour = clouds(colour, x, y)
    for wave in WAVES:
        colour = sea(colour, x, y, wave)
    # Ink that the baren did not press everywhere, and the fibres of the paper.
    ink = np.clip(1 - colour.mean(-1) / np.mean(PAPER), 0, 1)
    worn = smooth(1.1, 2.2, noise(rng, side, side / 200) + 0.7 * grain) * ink * 0.5
    colour = over(colour, PAPER, worn)
    colour = colour * (1 + 0.055 * grain * np.minimum(ink * 2, 1))[..., None]
    fibre = blur(rng.standard_normal((side, side)).astype(np.float32), 0.8)
    return np.clip(colour * (1 + 0.05 * fibre)[..., None], 0, 1).astype(np.float32)


def wood(rng: np.random.Generator, side: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Grain of a plank, mean 0: bands along x that bend round a few knots."""
    level = y * 46 + 0.9 * np.sin(3 * x + 1) + 0.6 * noise(rng, side, side / 4)
    for cx, cy, size in ((0.27, 0.14, 0.05), (0.72, 0.28, 0.04), (0.90, 0.7, 0.06)):
        level += 5 * np.exp(-(((x - cx) / size / 1.8) ** 2) - ((y - cy) / size) ** 2)
    return np.sin(2 * np.pi * level) * 0.7 + 0.5 * np.sin(2 * np.pi * level * 2.7 + 1)


def cut(distance: np.ndarray, width: float) -> np.ndarray:
    """1 on a line, 0 off it: `distance` to it and `width` in parts of the picture's side."""
    return smooth(width * 0.5 + 0.0011, width * 0.5 - 0.0011, np.abs(distance))


def hatch(level: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Parallel lines, one each time `level` grows by 1, as broad as `weight` (0..1) of their spacing; tapered."""
    wave = np.abs((level % 1) - 0.5) * 2
    sharp = np.maximum(np.hypot(*np.gradient(level)) * 2, 1e-3)
    return np.clip((weight - wave) / sharp + 0.5, 0, 1) * (weight > 0.03)


def sky(colour, x, y, grain) -> np.ndarray:
    """A band of blue wiped thin towards the horizon (bokashi), engraved cirrus, a red sun with a ring of lines."""
    colour = over(colour, BLUE, smooth(0.20, 0.0, y + 0.006 * grain) * 0.95)
    colour = over(colour, PALE, smooth(0.42, 0.10, y + 0.006 * grain) * smooth(0.02, 0.22, y) * 0.75)
    colour = over(colour, OCHRE, smooth(0.36, 0.60, y) * 0.60)
    r = np.hypot(x - 0.74, y - 0.20)
    halo = hatch(r * 60, np.clip(0.55 - (r - 0.13) * 3.2, 0, 0.45)) * (r > 0.125)
    colour = over(colour, PAPER, halo * 0.8)
    colour = over(colour, RED, smooth(0.1135, 0.1115, r))
    return over(colour, INK, cut(r - 0.113, 0.005))


def mountain(colour, x, y) -> np.ndarray:
    """A volcano with snow, its flanks hatched along the fall line, and hills before it."""
    away = np.abs(x - 0.34)
    top = 0.20 + 0.62 * away**0.80 + 0.004 * np.sin(60 * x)
    body = smooth(-0.001, 0.001, y - top)
    snow = top + 0.085 + 0.035 * np.abs((x * 17) % 2 - 1) + 0.02 * np.abs((x * 41) % 2 - 1) - away * 0.25
    low = smooth(-0.001, 0.001, y - snow)
    colour = over(colour, PAPER, body)
    colour = over(colour, BLUE, low * body)
    colour = over(colour, RED, low * body * smooth(0.36, 0.60, y) * 0.85)
    fan = np.arctan2(x - 0.34, y - 0.06) * 44
    dark = np.clip(0.50 + 1.6 * (x - 0.34) - 0.8 * np.abs(y - 0.42), 0.12, 0.60)
    colour = over(colour, INK, hatch(fan, dark) * low * body)
    colour = over(colour, PALE, hatch(fan, 0.35 * (x > 0.34)) * (1 - low) * body)
    colour = over(colour, INK, cut(y - top, 0.0075))
    colour = over(colour, INK, cut(y - snow, 0.004) * body)
    for base, tall, rate, ink in ((0.54, 0.05, 7, OCHRE), (0.575, 0.04, 10, PALE)):
        ridge = base - tall * np.abs(np.sin(rate * x + base * 40))
        body = smooth(-0.001, 0.001, y - ridge)
        colour = over(colour, ink, body)
        colour = over(colour, INK, hatch((y - ridge) * 70, np.clip(0.42 - (y - ridge) * 5, 0, 0.5)) * body)
        colour = over(colour, INK, cut(y - ridge, 0.006))
    return colour


def clouds(colour, x, y) -> np.ndarray:
    """Two long flat clouds with rolled ends."""
    for cx, cy, half, thick in ((0.66, 0.385, 0.24, 0.022), (0.20, 0.115, 0.19, 0.020), (0.98, 0.09, 0.20, 0.018)):
        lobe = thick * (1 + 0.55 * np.sin(x * 46 + cx * 90))
        inside = np.hypot(np.maximum(np.abs(x - cx) - half, 0), (y - cy) * lobe.clip(thick) / lobe) - lobe
        colour = over(colour, PAPER, smooth(0.001, -0.001, inside))
        colour = over(colour, INK, cut(inside, 0.005))
        colour = over(colour, PALE, cut(inside + 0.010, 0.004) * (y > cy))
    return colour


def sea(colour, x, y, wave) -> np.ndarray:
    """One row of waves: a scalloped crest of foam, bands that follow it, deep ink in the hollows."""
    base, tall, rate, phase, ink = wave
    t = (x * rate + phase) % 1
    crest = base - tall * (1.15 * np.sin(np.pi * t) ** 1.5 + 0.22 * np.sin(2 * np.pi * t))
    depth = y - crest
    body = smooth(-0.001, 0.001, depth)
    colour = over(colour, ink, body)
    bands = hatch(depth * (1.05 / tall) + 0.25 + 0.15 * np.sin(2 * np.pi * t), np.clip(0.62 - depth * 2.2, 0.2, 0.62))
    colour = over(colour, PAPER if ink is PALE else PALE, bands * body)
    lines = hatch(depth * (4.2 / tall), np.clip(0.50 - 0.35 * np.cos(2 * np.pi * t) - depth * 1.5, 0.0, 0.55))
    colour = over(colour, INK, lines * (1 - bands) * body * 0.95)
    claw = np.abs((x * rate * 7 + phase) % 1 - 0.5) * 2
    foam = depth - tall * (0.34 - 0.26 * claw**2)
    colour = over(colour, PAPER, smooth(0.001, -0.001, foam) * body)
    colour = over(colour, INK, cut(foam, 0.005) * body)
    return over(colour, INK, cut(depth, 0.007))
