"""The unlit picture while it is painted: what each pixel's surface is made of, seen by a tilted camera.

Scene units: the picture spans -1..1 in x and y (y up). The table is the plane Z = 0; the camera looks at it from an
elevation, without perspective, so a point (X, Y, Z) is seen at x = X, y = k * Y + c * Z with k and c the sine and
cosine of that elevation. Nothing here depends on the number of pixels, so one seed is one scene at every size.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

Array = np.ndarray


def linear(red: int, green: int, blue: int) -> Array:
    """A screen colour, 0..255 a channel, as linear light: float32 [3]."""
    return (np.array([red, green, blue], np.float32) / 255.0) ** np.float32(2.2)


def smooth(edge: float, width: float | Array, value: Array) -> Array:
    """0 below the edge, 1 above it, with a soft step that is 2 * width wide."""
    t = np.clip((value - edge) / (2 * width) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def blur(planes: Array, sigma: float) -> Array:
    """Gaussian blur of [..., S, S], sigma in pixels."""
    if sigma < 0.2:
        return planes
    reach = math.ceil(2.7 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1, dtype=np.float32) / np.float32(sigma)) ** 2)
    weights /= weights.sum()
    size = planes.shape[-1]
    around = [(0, 0)] * (planes.ndim - 2) + [(reach, reach)] * 2
    padded = np.pad(planes, around, "edge")
    rows = sum(weight * padded[..., i : i + size, :] for i, weight in enumerate(weights))
    return sum(weight * rows[..., i : i + size] for i, weight in enumerate(weights))


@dataclass
class Canvas:
    """Pixel coordinates and one plane a property; painters write through `paint`."""

    size: int
    k: float
    c: float
    x: Array
    y: Array
    albedo: Array
    normal: Array
    height: Array
    gloss: Array
    shade: Array
    glow: Array
    left: int = 0
    top: int = 0

    @property
    def pixel(self) -> float:
        """Width of a pixel in scene units."""
        return 2.0 / self.size

    def spot(self, x: float, y: float, reach: float) -> "Canvas":
        """The part of the canvas within `reach` of a point of the picture: views, so painting there paints here."""
        size, px = self.size, self.pixel
        high, wide = self.x.shape
        across, down = (x + 1) / px - self.left, (1 - y) / px - self.top
        reach = reach / px
        x0, x1 = (max(0, min(wide, math.floor(v))) for v in (across - reach, across + reach + 1))
        y0, y1 = (max(0, min(high, math.floor(v))) for v in (down - reach, down + reach + 1))
        planes = (self.x, self.y, self.albedo, self.normal, self.height, self.gloss, self.shade, self.glow)
        views = (plane[..., y0:y1, x0:x1] for plane in planes)
        return Canvas(size, self.k, self.c, *views, self.left + x0, self.top + y0)

    def plane(self, height: float | Array = 0.0) -> tuple[Array, Array]:
        """Where each pixel's line of sight meets the given height: X, Y."""
        return self.x, (self.y - self.c * height) / self.k

    def cover(self, inside: Array) -> Array:
        """Anti-aliased share of each pixel in which a function with a gradient of about 1 is positive."""
        return np.clip(inside / self.pixel + 0.5, 0, 1)

    def paint(self, cover: Array, albedo: Array, normal=None, height=None, gloss=None) -> None:
        """Lay a surface over what is there. albedo: [3] or [3, h, w]; normal: three values or planes."""
        if albedo.ndim == 1:
            albedo = albedo[:, None, None]
        self.albedo += cover * (albedo - self.albedo)
        if normal is not None:
            for plane, value in zip(self.normal, normal, strict=True):
                plane += cover * (value - plane)
        if height is not None:
            self.height += cover * (height - self.height)
        if gloss is not None:
            self.gloss += cover * (gloss - self.gloss)


def blank(size: int, elevation: float) -> Canvas:
    """An empty canvas of size x size pixels seen from `elevation` (radians)."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(2.0 / size) - 1
    x, y = np.meshgrid(line, -line)
    planes = np.zeros((3, size, size), np.float32), np.zeros((3, size, size), np.float32)
    planes[1][2] = 1
    flat = [np.zeros((size, size), np.float32) for _ in range(2)]
    shade, glow = np.ones((size, size), np.float32), np.zeros((3, size, size), np.float32)
    return Canvas(size, math.sin(elevation), math.cos(elevation), x, y, *planes, *flat, shade, glow)


def noise(canvas: Canvas, rng: np.random.Generator, along: float, across: float = 0.0, angle: float = 0.0) -> Array:
    """Smooth noise lying on the table, about -1..1; cells per scene unit along and across, turned by an angle."""
    across = across or along
    wide, high = (math.ceil(3.6 * cells) + 6 for cells in (along, across))
    lattice = rng.uniform(-1, 1, (high, wide)).astype(np.float32)
    cos, sin, px, k = math.cos(angle), math.sin(angle), canvas.pixel, canvas.k
    affine = (
        along * cos * px, -along * sin * px / k, along * (sin / k - cos) + wide / 2,
        -across * sin * px, -across * cos * px / k, across * (cos / k + sin) + high / 2,
    )  # fmt: skip
    size = (canvas.size, canvas.size)
    # Fine grain looks the same either way, and costs a quarter when it is interpolated linearly.
    how = Image.Resampling.BICUBIC if max(along, across) < 20 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(lattice).transform(size, Image.Transform.AFFINE, affine, how))


def clouds(canvas: Canvas, rng: np.random.Generator, cells: float, octaves: int = 3) -> Array:
    """Noise at several scales, each finer and fainter."""
    total = noise(canvas, rng, cells, angle=rng.uniform(0, 6.28))
    for octave in range(1, octaves):
        total = total + noise(canvas, rng, cells * 2.1**octave, angle=rng.uniform(0, 6.28)) * 0.55**octave
    return total


def bump(surface: Array, pixel: float, depth: float) -> tuple[Array, Array, float]:
    """Normals of a relief [S, S] of the given depth."""
    down, right = np.gradient(surface)
    scale = np.float32(depth / pixel)
    return -right * scale, down * scale, 1.0
