"""Watercolour: morning at a mountain lake, transparent washes that dry with dark edges on rough paper."""

from __future__ import annotations

import numpy as np

from .brush import grid, noise, smooth

PAPER = (0.975, 0.96, 0.93)
SKY, DAWN, ROSE = (0.55, 0.74, 0.90), (0.99, 0.80, 0.52), (0.95, 0.62, 0.60)
INDIGO, VIOLET, TEAL = (0.22, 0.30, 0.52), (0.52, 0.42, 0.66), (0.25, 0.58, 0.60)
SAP, MOSS, OLIVE = (0.40, 0.60, 0.22), (0.22, 0.42, 0.26), (0.66, 0.62, 0.26)
POPPY, PINK, GOLD = (0.88, 0.24, 0.18), (0.93, 0.50, 0.62), (0.98, 0.74, 0.18)
PLUM, UMBER = (0.44, 0.24, 0.52), (0.42, 0.30, 0.24)


class Sheet:
    """Rough paper that takes washes; `light` [side, side, 3] is what it sends back."""

    def __init__(self, side: int, seed: int) -> None:
        self.rng, self.side, self.unit = np.random.default_rng(seed), side, side / 512
        self.x, self.y = grid(side)
        tooth = noise(self.rng, side, 3.2 * self.unit) + 0.6 * noise(self.rng, side, 7 * self.unit)
        self.tooth = tooth / tooth.std()
        self.light = np.broadcast_to(np.float32(PAPER), (side, side, 3)) * (1 + 0.012 * self.tooth)[..., None]
        self.wobble = [noise(self.rng, side, size * self.unit, 3) for size in (22, 34, 60)]

    def wash(self, inside: np.ndarray, pigment, amount: np.ndarray | float = 1.0, soft: float = 0.0) -> None:
        """Pigment (its colour at full strength) where `inside` > 0, a level set in parts of the side. It gathers at the
        edge as it dries and settles in the paper's hollows (after Curtis et al. 1997, far simpler). `soft` > 0, in
        pixels, is wet in wet: no edge."""
        which = self.rng.integers(3)
        turned = np.rot90(self.wobble[which], int(self.rng.integers(4)))
        steep = np.maximum(np.hypot(*np.gradient(inside)), 1e-6)
        depth = inside / steep + (1.6 * turned + 0.5 * self.tooth) * self.unit  # in pixels
        if soft:
            body = smooth(-soft, soft, depth + 0.5 * soft * turned)
            rim = 0.0
        else:
            body = smooth(-0.4, 1.2, depth)
            rim = 0.75 * np.exp(-np.maximum(depth, 0) / (1.7 * self.unit))
            rim = rim + 0.25 * np.exp(-np.abs(depth) / (6 * self.unit))
        pool = np.roll(self.wobble[2 - which], self.rng.integers(self.side), 1)
        bloom = np.exp(-((np.roll(pool, 91, 0) - 0.5) ** 2) / 0.006) * (0.22 if not soft else 0.10)
        density = amount * body * (0.72 + 0.24 * pool + rim + bloom - 0.13 * self.tooth)
        self.light = self.light * np.float32(pigment) ** np.clip(density, 0, 3)[..., None]


def picture(side: int, seed: int = 4) -> np.ndarray:
    """float32 [side, side, 3] in 0..1."""
    sheet = Sheet(side, seed)
    x, y = sheet.x, sheet.y
    heaven(sheet, x, y)
    mountains(sheet, x, y)
    lake(sheet, x, y)
    shore(sheet)
    # The sheet was taped down: its border stays bare paper.
    border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) - 0.014 + 0.0015 * sheet.wobble[0]
    keep = smooth(0, 0.003, border)[..., None]
    bare = np.float32(PAPER) * (1 + 0.012 * sheet.tooth)[..., None]
    return np.clip(bare + (sheet.light - bare) * keep, 0, 1).astype(np.float32)


def heaven(sheet: Sheet, x: np.ndarray, y: np.ndarray) -> None:
    """Sky with clouds left white, and the sun."""
    cloud = sheet.wobble[2] + 0.5 * sheet.wobble[1] - 0.3 - 5 * np.abs(y - 0.14)
    sheet.wash(-cloud * 0.05 + 0.02, SKY, 0.95 * smooth(0.42, 0.0, y), soft=5)
    sheet.wash(0.46 - y, DAWN, 0.75 * smooth(0.10, 0.40, y), soft=8)
    sheet.wash(0.40 - y + 0.02 * sheet.wobble[1], ROSE, 0.45 * smooth(0.10, 0.30, y) * smooth(0.9, 0.2, x), soft=12)
    sheet.wash(0.058 - np.hypot(x - 0.66, y - 0.25), POPPY, 0.55)
    for number in range(5):
        cx, cy = 0.22 + 0.05 * number + 0.02 * np.sin(number * 5.0), 0.13 + 0.022 * np.cos(number * 2.3)
        wing = 0.0035 - np.abs(y - cy + 0.30 * np.abs(x - cx) - 9 * (x - cx) ** 2) - 0.10 * np.abs(x - cx)
        sheet.wash(wing, INDIGO, 1.0)


def mountains(sheet: Sheet, x: np.ndarray, y: np.ndarray) -> None:
    """Ridges one behind the other, paler with distance and towards their feet."""
    ridges = (
        (0.30, 0.09, 5.0, 0.4, VIOLET, 0.55), (0.36, 0.08, 7.0, 2.2, INDIGO, 0.55),
        (0.41, 0.06, 9.0, 5.1, TEAL, 0.75), (0.47, 0.035, 12.0, 1.0, MOSS, 0.85),
    )  # fmt: skip
    for base, tall, rate, phase, pigment, amount in ridges:
        crag = tall * (np.abs(np.sin(rate * x + phase)) ** 0.8 - 0.5 + 0.12 * np.abs(np.sin(4.1 * rate * x + phase)))
        top = base - crag
        fade = 0.25 + 0.75 * smooth(tall * 2.4, 0.0, y - top)
        sheet.wash(np.minimum(y - top, 0.545 - y), pigment, amount * fade)
        gully = np.sin(rate * 5 * (x + 0.5 * (y - top)) + phase) - 0.35 - 5 * np.abs(y - top - 0.05)
        gully = np.minimum(np.minimum(gully * 0.03, y - top - 0.008), 0.53 - y)
        sheet.wash(gully, pigment, 0.45 * smooth(0.10, 0.03, y - top))
    for number in range(26):
        cx, tall = sheet.rng.uniform(0, 1), sheet.rng.uniform(0.03, 0.085)
        cx = cx * 0.42 if number < 15 else 0.76 + 0.24 * cx
        pine(sheet, cx, 0.545 + 0.004 * np.sin(number), tall, (MOSS, INDIGO, TEAL)[number % 3])


def pine(sheet: Sheet, cx: float, foot: float, tall: float, pigment) -> None:
    """A fir as one wash with a ragged outline."""
    down = (sheet.y - foot + tall) / tall
    half = 0.24 * tall * np.clip(down, 0, 1) * (0.65 + 0.45 * ((down * 5.5) % 1))
    inside = np.minimum(half - np.abs(sheet.x - cx), np.minimum(sheet.y - foot + tall, foot - sheet.y))
    sheet.wash(inside, pigment, 0.9)


def lake(sheet: Sheet, x: np.ndarray, y: np.ndarray) -> None:
    """Water that mirrors sky and hills, with streaks of bare paper."""
    water = np.minimum(y - 0.553, 0.80 - y)
    sheet.wash(water, SKY, 0.75 * smooth(0.50, 0.85, y) + 0.2)
    sheet.wash(np.minimum(water, 0.60 - y + 0.012 * np.sin(40 * x)), TEAL, 0.55, soft=3)
    sheet.wash(0.05 - np.hypot((x - 0.66) * 0.9, (y - 0.655) * 0.55), DAWN, 0.9, soft=4)
    for number in range(30):
        cx, cy = sheet.rng.uniform(0.05, 0.95), sheet.rng.uniform(0.57, 0.79)
        streak = 0.0030 - np.abs(y - cy - 0.003 * np.sin(50 * x + number)) - 0.045 * np.abs(x - cx) ** 1.4
        sheet.wash(streak, (TEAL, INDIGO, VIOLET)[number % 3], 0.55)


def shore(sheet: Sheet) -> None:
    """A near bank of grasses and flowers."""
    x, y, rng = sheet.x, sheet.y, sheet.rng
    bank = 0.80 - 0.06 * np.cos(3.2 * x + 0.3) + 0.012 * np.sin(23 * x)
    sheet.wash(y - bank, OLIVE, 0.7)
    sheet.wash(y - bank - 0.05 - 0.02 * np.sin(15 * x), SAP, 0.8)
    sheet.wash(y - bank - 0.12 - 0.02 * np.sin(11 * x + 2), MOSS, 0.7, soft=5)
    for number in range(54):
        cx, foot, tall = rng.uniform(0, 1), rng.uniform(0.88, 1.02), rng.uniform(0.08, 0.22)
        lean = rng.uniform(-0.5, 0.5)
        up = np.clip((foot - y) / tall, 0, 1)
        blade = 0.0058 * (1 - up) + 0.0006 - np.abs(x - cx - lean * tall * up**2)
        inside = np.minimum(blade, np.minimum(y - foot + tall, foot - y))
        sheet.wash(inside, (SAP, MOSS, OLIVE, TEAL)[number % 4], 1.0)
    for number in range(34):
        cx, cy, size = rng.uniform(0.03, 0.97), rng.uniform(0.74, 0.97), rng.uniform(0.016, 0.036)
        turn = np.arctan2(y - cy, x - cx)
        petals = size * (0.78 + 0.24 * np.cos(5 * turn + number)) - np.hypot(x - cx, (y - cy) * 1.25)
        # Lifted out with a wet brush first: a transparent red over green would be brown.
        lifted = smooth(-0.001, 0.001, petals)[..., None] * 0.85
        sheet.light = sheet.light + (np.float32(PAPER) - sheet.light) * lifted
        sheet.wash(petals, (POPPY, PINK, GOLD, PLUM, POPPY, ROSE)[number % 6], 1.1)
        sheet.wash(size * 0.22 - np.hypot(x - cx, y - cy), (PLUM, UMBER, POPPY)[number % 3], 0.9)
