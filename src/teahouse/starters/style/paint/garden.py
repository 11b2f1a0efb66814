"""Summer garden: a river bank in summer, laid in small touches of unmixed colour on a pale ground."""

from __future__ import annotations

import numpy as np

from .brush import Brush, Canvas, blur, grid, noise, over, ramp, smooth


def picture(side: int, seed: int = 2) -> np.ndarray:
    """float32 [side, side, 3] in 0..1."""
    rng = np.random.default_rng(seed)
    unit = side / 512
    wanted = garden(rng, side)
    canvas = Canvas(np.full((side, side, 3), (0.93, 0.89, 0.80), np.float32), rng)
    for size, share in ((8.5, 1.0), (6.8, 1.3), (5.2, 0.8)):
        touches(canvas, wanted, size * unit, share)
    return canvas.lit(0.30)


def touches(canvas: Canvas, wanted: np.ndarray, size: float, share: float) -> None:
    """Round touches everywhere. Each leans to one pure colour: most to a neighbour of the wanted one, some to its
    opposite, so that colours mix in the eye (Chevreul's contrast, as Seurat used it)."""
    rng, side = canvas.rng, wanted.shape[0]
    brush = Brush(size * 1.15, size, bristle=0.03, jitter=0.03, spread=0.15)
    for x, y in rng.uniform(0, side, (int(share * 0.9 * (side / size) ** 2), 2)):
        colour = wanted[int(y), int(x)]
        grey = colour @ np.array((0.3, 0.59, 0.11), np.float32)
        pull = rng.standard_normal(3) * 0.11
        pull -= pull.mean()
        strength = 1.55 if rng.random() < 0.86 else -0.55
        touch = grey + (colour - grey) * strength + pull
        touch += 0.05 * rng.standard_normal()
        canvas.stroke(brush, (x, y), rng.uniform(0, np.pi), 0.0, np.clip(touch, 0.02, 1))


def garden(rng: np.random.Generator, side: int) -> np.ndarray:
    """The scene before it is painted, [side, side, 3]: sky, far bank, river, meadow, trees, a parasol, two sails."""
    x, y = grid(side)
    colour = ramp(y / 0.36, [(0.42, 0.62, 0.86), (0.66, 0.80, 0.90), (0.97, 0.90, 0.76), (0.98, 0.82, 0.68)])
    puff = smooth(0.3, 1.3, noise(rng, side, side / 9, 3) + 1.2 * np.exp(-(((y - 0.16) / 0.10) ** 2)))
    colour = over(colour, (0.99, 0.95, 0.92), puff * 0.8)
    bank = 0.34 + 0.012 * np.sin(17 * x) + 0.02 * np.sin(5 * x)
    far = 0.5 + 0.3 * noise(rng, side, side / 30)
    trees = ramp(far, [(0.20, 0.34, 0.46), (0.36, 0.56, 0.42), (0.66, 0.72, 0.42)])
    colour = over(colour, trees, smooth(0, 0.01, y - bank))
    ripple = np.sin(y * 260 + 3 * noise(rng, side, side / 12)) * 0.25 + 0.5 + (y - 0.5) * -0.9
    water = ramp(ripple, [(0.12, 0.24, 0.56), (0.26, 0.46, 0.74), (0.55, 0.72, 0.84), (0.95, 0.86, 0.74)])
    colour = over(colour, water, smooth(0, 0.006, y - 0.415))
    for cx, foot, tall in ((0.33, 0.45, 0.15), (0.50, 0.43, 0.09)):
        sail = (x > cx) & (x - cx < (y - foot + tall) * 0.55) & (y < foot)
        glint = (abs(x - cx - 0.03) < 0.03) & (y > foot + 0.015) & (y < foot + tall * 0.7)
        hull = (abs(x - cx - 0.03) < 0.065) & (abs(y - foot - 0.006) < 0.010)
        colour = over(colour, (1.0, 0.95, 0.86), sail * 1.0)
        colour = over(colour, (0.86, 0.86, 0.84), glint * 0.55)
        colour = over(colour, (0.42, 0.16, 0.22), hull * 1.0)
    shore = 0.50 + 0.34 * (1 - x) ** 1.6 + 0.02 * np.sin(9 * x)
    lawn = smooth(0, 0.008, y - shore)
    sun = np.clip(0.72 - 0.34 * smooth(0.5, 1.4, noise(rng, side, side / 7) + 1.6 * x), 0, 1)
    green = ramp(sun, [(0.07, 0.22, 0.26), (0.16, 0.42, 0.26), (0.48, 0.66, 0.24), (0.86, 0.84, 0.36)])
    colour = over(colour, green, lawn)
    flowers = smooth(1.2, 1.7, noise(rng, side, side / 60)) * lawn * smooth(0.55, 0.75, y)
    bloom = rng.choice(5, (side, side))
    pick = np.array([(0.93, 0.30, 0.30), (0.98, 0.72, 0.16), (0.96, 0.62, 0.76), (0.62, 0.30, 0.66), (1.0, 0.95, 0.9)])
    colour = over(colour, blur(pick[bloom], 0.5), flowers)
    colour = parasol(tree(rng, side, colour, x, y), x, y)
    return np.clip(colour, 0, 1)


def tree(rng, side: int, colour: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A big tree on the right with violet shade below it."""
    shade = smooth(1.0, 0.5, np.hypot((x - 0.80) / 0.34, (y - 0.82) / 0.07))
    colour = over(colour, (0.20, 0.20, 0.46), shade * 0.75)
    trunk = smooth(0.008, 0.0, np.abs(x - 0.83 - 0.03 * np.sin(6 * y)) - 0.022 - 0.05 * np.clip(y - 0.72, 0, 1))
    colour = over(colour, (0.28, 0.16, 0.26), trunk * smooth(0.82, 0.81, y) * smooth(0.2, 0.3, y))
    crown = 1 - np.hypot((x - 0.84) / 0.30, (y - 0.24) / 0.29) + 0.13 * noise(rng, side, side / 12, 3)
    leaf = np.clip(0.45 + 0.9 * (0.72 - x) + 0.7 * (0.26 - y) + 0.22 * noise(rng, side, side / 22, 2), 0, 1)
    leaves = ramp(leaf, [(0.08, 0.12, 0.34), (0.08, 0.32, 0.30), (0.30, 0.56, 0.22), (0.80, 0.78, 0.26)])
    return over(colour, leaves, smooth(0, 0.05, crown))


def parasol(colour: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A woman in a long dress under an orange parasol, seen from afar."""
    colour = over(colour, (0.16, 0.22, 0.36), smooth(1, 0.6, np.hypot((x - 0.45) / 0.14, (y - 0.93) / 0.02)) * 0.8)
    skirt = (y > 0.72) & (y < 0.93) & (abs(x - 0.40) < 0.018 + 0.30 * np.clip(y - 0.74, 0, 1))
    folds = ramp(0.5 + 0.5 * np.sin((x - 0.40) * 170), [(0.42, 0.14, 0.40), (0.74, 0.32, 0.52), (0.95, 0.66, 0.70)])
    colour = over(colour, folds, skirt * 1.0)
    colour = over(colour, (0.30, 0.16, 0.38), ((abs(x - 0.40) < 0.022) & (abs(y - 0.705) < 0.04)) * 1.0)
    colour = over(colour, (0.96, 0.78, 0.62), smooth(0.021, 0.017, np.hypot(x - 0.40, y - 0.648)))
    dome = (np.hypot((x - 0.42) / 0.12, (y - 0.635) / 0.085) < 1) & (y < 0.625)
    ribs = ramp(0.5 + 0.45 * np.sin(np.arctan2(y - 0.635, x - 0.42) * 14), [(0.82, 0.22, 0.10), (0.98, 0.62, 0.16)])
    return over(colour, ribs, dome * 1.0)
