"""Night sky: stars that whirl over a sleeping village, thick oil paint in short curved strokes."""

from __future__ import annotations

import numpy as np

from .brush import Brush, Canvas, grid, noise, over, ramp, smooth

SKY = [(0.03, 0.06, 0.22), (0.06, 0.15, 0.42), (0.12, 0.30, 0.62), (0.27, 0.52, 0.76), (0.60, 0.78, 0.82)]
GLOW = [(0.30, 0.52, 0.70), (0.60, 0.74, 0.55), (0.95, 0.84, 0.35), (1.0, 0.94, 0.66)]
STARS = [  # x, y, size, of the picture's side
    (0.30, 0.12, 0.050), (0.56, 0.09, 0.040), (0.20, 0.29, 0.038), (0.70, 0.36, 0.040), (0.42, 0.53, 0.045),
    (0.95, 0.45, 0.035), (0.09, 0.55, 0.035), (0.84, 0.16, 0.080), (0.62, 0.60, 0.030),
]  # fmt: skip
WHIRLS = [(0.44, 0.32, 0.17, 1.0), (0.66, 0.47, 0.11, -0.9), (0.25, 0.45, 0.09, 0.8)]


def picture(side: int, seed: int = 1) -> np.ndarray:
    """float32 [side, side, 3] in 0..1."""
    rng = np.random.default_rng(seed)
    x, y = grid(side)
    unit = side / 512
    wanted, angle = sky(rng, side, x, y)
    wanted, angle, land = village(rng, side, x, y, wanted, angle)
    # How fast the direction turns along itself is the curvature of a stroke there.
    across_y, across_x = np.gradient(np.exp(2j * angle).astype(np.complex64))
    along = across_x * np.cos(angle) + across_y * np.sin(angle)
    bend = np.clip((along / np.exp(2j * angle)).imag / 2, -0.06, 0.06).astype(np.float32)
    canvas = Canvas(wanted * 0.6, rng)
    canvas.cover(Brush(40 * unit, 9 * unit, jitter=0.08), wanted, angle, bend)
    canvas.cover(Brush(30 * unit, 6.5 * unit, jitter=0.11), wanted, angle, bend)
    canvas.cover(Brush(20 * unit, 4.5 * unit, jitter=0.14), wanted, angle, bend, noise(rng, side, 50 * unit) + 0.9)
    return canvas.lit(0.55, shine=0.25)


def sky(rng: np.random.Generator, side: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(colours [side, side, 3], stroke direction [side, side]) of a sky full of whirls and stars."""
    wave = 0.10 * np.sin(7 * x + 1.5) + 0.04 * np.sin(15 * x)
    flow_x, flow_y = np.full_like(x, 0.35), 0.35 * (0.7 * np.cos(7 * x + 1.5) + 0.6 * np.cos(15 * x))
    tone = 0.36 + 0.20 * np.sin(40 * (y + wave)) + 0.10 * noise(rng, side, side / 20)
    for cx, cy, size, turn in WHIRLS:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-4
        pull = np.exp(-((r / size) ** 2) / 1.2) * 3
        flow_x, flow_y = flow_x - turn * pull * dy / r, flow_y + turn * pull * dx / r
        spiral = 0.5 + 0.5 * np.sin(2 * np.arctan2(dy, dx) * turn - 60 * r * (0.13 / size))
        near = np.exp(-((r / size) ** 2))
        tone = tone * (1 - near) + near * (0.25 + 0.70 * spiral)
    colour = ramp(np.clip(tone, 0, 1), SKY)
    for cx, cy, size in STARS:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-4
        pull = np.exp(-((r / (2.0 * size)) ** 2)) * 6
        flow_x, flow_y = flow_x - pull * dy / r, flow_y + pull * dx / r
        rings = 0.12 * np.cos(r * 2 * np.pi / (size * 0.55))
        warmth = np.clip(1.15 - r / (1.7 * size) + rings, 0, 1)
        colour = over(colour, ramp(warmth, GLOW), smooth(2.1 * size, 1.1 * size, r))
    cx, cy, size = STARS[7]
    moon = (np.hypot(x - cx, y - cy) < size * 0.62) & (np.hypot(x - cx + 0.028, y - cy - 0.008) > size * 0.46)
    colour = over(colour, (0.98, 0.66, 0.14), moon.astype(np.float32))
    return colour, np.arctan2(flow_y, flow_x).astype(np.float32)


def village(rng, side, x, y, colour, angle) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hills, a few lit houses and a cypress before the sky; (colours, directions, land in 0..1 [side, side])."""
    ridge = 0.70 - 0.09 * np.sin(5.2 * x + 4.0) - 0.03 * np.sin(13 * x)
    slope = -0.09 * 5.2 * np.cos(5.2 * x + 4.0) - 0.39 * np.cos(13 * x)
    hills = smooth(0.0, 0.008, y - ridge)
    stripes = 0.5 + 0.5 * np.sin((y - ridge) * 75 + 2 * noise(rng, side, side / 14))
    far = [(0.04, 0.10, 0.26), (0.08, 0.24, 0.44), (0.20, 0.44, 0.55)]
    colour = over(colour, ramp(stripes, far), hills)
    angle = np.where(hills > 0.5, np.arctan(slope), angle)
    ground = 0.83 + 0.03 * np.sin(4 * x + 1)
    fields = smooth(0.0, 0.008, y - ground)
    near = [(0.03, 0.09, 0.13), (0.10, 0.24, 0.20), (0.32, 0.44, 0.22)]
    rows = 0.5 + 0.5 * np.sin((y - ground) * 90 + 9 * x + noise(rng, side, side / 20))
    colour = over(colour, ramp(rows, near), fields)
    angle = np.where(fields > 0.5, 0.35 * np.sin(9 * x), angle)
    for _ in range(13):
        left, wide, tall = rng.uniform(0.30, 0.95), rng.uniform(0.04, 0.07), rng.uniform(0.03, 0.05)
        foot = 0.83 + rng.uniform(0.0, 0.09)
        wall = (abs(x - left) < wide / 2) & (y < foot) & (y > foot - tall)
        roof = (abs(x - left) < (y - foot + 1.8 * tall) * wide / tall * 0.8) & (y <= foot - tall)
        colour = over(colour, rng.choice([(0.20, 0.34, 0.55), (0.35, 0.48, 0.58), (0.12, 0.22, 0.42)]), wall * 1.0)
        colour = over(colour, rng.choice([(0.62, 0.30, 0.16), (0.10, 0.14, 0.28), (0.40, 0.24, 0.24)]), roof * 1.0)
        pane = (abs(x - left) < 0.008) & (abs(y - foot + tall * 0.45) < 0.009)
        colour = over(colour, (1.0, 0.84, 0.30), pane * 1.0)
        angle = np.where(wall, np.pi / 2, angle)
    lick = 0.016 * np.sin(15 * y) + 0.005 * np.sin(40 * y + 1)
    across = np.abs(x - 0.115 - lick)
    tree = smooth(0.004, -0.004, across - 0.085 * np.clip((y - 0.20) / 0.8, 0, 1) ** 0.7)
    bark = 0.5 + 0.5 * np.sin(130 * (x - lick) + noise(rng, side, side / 25))
    colour = over(colour, ramp(bark, [(0.02, 0.05, 0.07), (0.06, 0.15, 0.12), (0.20, 0.27, 0.12)]), tree)
    angle = np.where(tree > 0.5, np.pi / 2 - 0.24 * np.cos(15 * y) - 0.3 * np.sign(x - 0.115 - lick), angle)
    return colour, angle.astype(np.float32), np.maximum(hills, tree)
