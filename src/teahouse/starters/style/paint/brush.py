"""What all painters share: noise, blur, soft shapes, brush strokes with bristles, and raking light. Numpy only.

Pictures are float32 [height, width, 3] in 0..1 (as shown on a screen, not linear); lengths are in pixels, angles in
radians with y pointing down. Strokes painted in order along a direction field follow the idea of Haeberli (1990),
the relief lit from one side that of Hertzmann (2002), "Fast paint texture"; written anew here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """(x, y), each float32 [side, side] in 0..1: the middle of each pixel."""
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.meshgrid(line, line)


def smooth(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth S between; high < low turns it round."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur over the first two axes, edges wrap."""
    rows = np.fft.fftfreq(image.shape[0])[:, None]
    columns = np.fft.rfftfreq(image.shape[1])[None]
    gain = np.exp(-2 * (np.pi * sigma) ** 2 * (rows**2 + columns**2))
    gain = gain.reshape(gain.shape + (1,) * (image.ndim - 2))
    return np.fft.irfft2(np.fft.rfft2(image, axes=(0, 1)) * gain, s=image.shape[:2], axes=(0, 1)).astype(np.float32)


def noise(rng: np.random.Generator, side: int, size: float, octaves: int = 1) -> np.ndarray:
    """float32 [side, side], mean 0, deviation 1: clouds about `size` pixels wide, finer ones added at half that."""
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        layer = blur(rng.standard_normal((side, side)).astype(np.float32), size / 2**octave / 2)
        total += layer / layer.std() / 2**octave
    return (total - total.mean()) / total.std()


def ramp(value: np.ndarray, colours: list[tuple[float, float, float]]) -> np.ndarray:
    """[..., 3]: the colours evenly spaced over 0..1, straight lines between."""
    at = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(value, at, [colour[i] for colour in colours]) for i in range(3)], -1).astype(np.float32)


def over(under: np.ndarray, colour, alpha: np.ndarray) -> np.ndarray:
    """`colour` ([3] or [h, w, 3]) laid over a picture where `alpha` [h, w] is 1."""
    return under + (np.asarray(colour, np.float32) - under) * np.asarray(alpha, np.float32)[..., None]


@dataclass(frozen=True)
class Brush:
    """How strokes look: length and width in pixels (each varies by `spread`), `bristle` = how much lightness differs
    from hair to hair, `jitter` = how far the colour of one stroke strays, `load` = the height of its paint."""

    length: float
    width: float
    bristle: float = 0.10
    jitter: float = 0.05
    spread: float = 0.25
    load: float = 1.0


class Canvas:
    """A picture and the height of its paint, both written to by strokes."""

    def __init__(self, ground: np.ndarray, rng: np.random.Generator) -> None:
        self.colour = ground.astype(np.float32).copy()
        self.height = np.zeros(ground.shape[:2], np.float32)
        self.rng = rng
        self._hairs = blur(rng.standard_normal((4096, 1)).astype(np.float32), 1.1)[:, 0] * 2.0

    def cover(self, brush: Brush, wanted: np.ndarray, angle: np.ndarray, bend: np.ndarray, where=None) -> None:
        """Strokes all over, in random order: colour from `wanted` [h, w, 3], direction and curvature (1/px) from
        `angle` and `bend` [h, w], only where `where` [h, w] > 0.5."""
        side = self.colour.shape[0]
        step = max(brush.width * 0.75, 1.5)
        n = int((side / step) * (side / (brush.length * 0.5)))
        points = self.rng.uniform(0, side, (n, 2))
        for x, y in points:
            row, column = int(y), int(x)
            if where is not None and where[row, column] <= 0.5:
                continue
            self.stroke(brush, (x, y), angle[row, column], bend[row, column], wanted[row, column])

    def stroke(self, brush: Brush, at: tuple[float, float], angle: float, bend: float, colour) -> None:
        """One stroke through `at`: a parabola whose edges are frayed and whose hairs differ."""
        rng = self.rng
        length = brush.length * (1 + brush.spread * rng.standard_normal()) / 2
        width = max(brush.width * (1 + brush.spread * rng.standard_normal()) / 2, 0.7)
        length = max(length, width)
        reach = int(np.ceil(length + width + 2))
        left, top = int(at[0]) - reach, int(at[1]) - reach
        rows = slice(max(top, 0), top + 2 * reach)
        columns = slice(max(left, 0), left + 2 * reach)
        patch = self.colour[rows, columns]
        if not patch.size:
            return
        y = np.arange(patch.shape[0], dtype=np.float32)[:, None] + rows.start + 0.5 - at[1]
        x = np.arange(patch.shape[1], dtype=np.float32)[None] + columns.start + 0.5 - at[0]
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle) - bend * along**2 / 2
        fray = self._hairs[(across * 2 + rng.integers(64, 3900)).astype(int) % 4096]
        end = length - np.abs(along + 0.15 * length * fray)
        alpha = np.clip(end + 0.5, 0, 1) * np.clip(width - np.abs(across) + 0.5, 0, 1)
        shade = brush.bristle * fray + brush.jitter * rng.standard_normal()
        tint = np.asarray(colour, np.float32) * (1 + shade[..., None]) + 0.5 * brush.jitter * rng.standard_normal(3)
        self.colour[rows, columns] = patch + (tint.astype(np.float32) - patch) * alpha[..., None]
        # Paint is pushed to the sides of a stroke: highest near its edges.
        relief = brush.load * (0.6 + 0.5 * (across / width) ** 2 + 0.35 * fray)
        height = self.height[rows, columns]
        self.height[rows, columns] = height + (relief - height) * alpha

    def lit(self, amount: float, shine: float = 0.0) -> np.ndarray:
        """The picture with light from the upper left raking over the paint; [h, w, 3] in 0..1."""
        down, right = np.gradient(blur(self.height, 0.6))
        slope = -(right + down) * amount
        light = np.clip(1 + slope, 0.55, 1.5)[..., None]
        gloss = shine * np.clip(slope - 0.12, 0, 1)[..., None]
        return np.clip(self.colour * light + gloss, 0, 1)
