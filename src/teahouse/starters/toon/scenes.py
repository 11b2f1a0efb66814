"""Painted scenes: shapes over shapes, with shading, grain, hair and blur. They teach edges when photos are few."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

FINER = 2  # drawn at twice the size and halved, which smooths the outlines


def paint(seed: int, size: int = 384) -> np.ndarray:
    """uint8 [size, size, 3]: one scene; the same seed paints the same."""
    rng = np.random.default_rng([2025, seed])
    side = size * FINER
    picture = Image.fromarray(shade(rng, side, side, colour(rng)))
    for distance in (1.0, 0.6, 0.3):
        largest = side * 0.45 * distance + 30
        for _ in range(int(rng.integers(6, 16) / distance)):
            shape(rng, picture, largest * rng.uniform(0.15, 1.0) ** 1.5)
        if rng.random() < 0.6:
            strokes(rng, picture)
        # What lies behind is out of focus: soft edges next to sharp ones.
        soft = float(rng.choice([0.0, 1.0, 2.5, 7.0])) * distance * FINER / 2
        picture = picture.filter(ImageFilter.GaussianBlur(soft))
    picture = picture.resize((size, size), Image.Resampling.BOX)
    pixels = np.asarray(picture, np.float32)
    pixels = pixels + rng.normal(0, rng.uniform(0, 5), pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def colour(rng: np.random.Generator) -> np.ndarray:
    """float [3] of 0..255: skin, wood, leaf, sky, or anything; photographs have more greys than toys."""
    base = rng.choice([[214, 164, 134], [120, 80, 50], [82, 110, 50], [130, 170, 210], [128, 128, 128], [200, 60, 40]])
    mixed = base * rng.uniform(0.2, 1.25) if rng.random() < 0.6 else rng.uniform(0, 255, 3)
    grey = rng.uniform(0, 0.7)
    return (mixed * (1 - grey) + mixed.mean() * grey).clip(0, 255)


def shade(rng: np.random.Generator, width: int, height: int, middle: np.ndarray) -> np.ndarray:
    """uint8 [height, width, 3]: a colour that runs from light to dark, with grain of one or two sizes."""
    y, x = np.ogrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    angle, steep = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.9)
    light = 1 + steep * (x * math.cos(angle) + y * math.sin(angle))
    for _ in range(int(rng.integers(0, 3))):
        high, wide = (int(rng.integers(2, max(4, side // 3))) for side in (height, width))
        grain = Image.fromarray(rng.normal(0, 1, (high, wide)).astype(np.float32))
        light = light + rng.uniform(0.02, 0.14) * np.asarray(grain.resize((width, height), Image.Resampling.BILINEAR))
    return (middle * light[:, :, None]).clip(0, 255).astype(np.uint8)


def shape(rng: np.random.Generator, picture: Image.Image, radius: float) -> None:
    """One blob, box or slice in its own colour, laid over the picture."""
    x, y = rng.uniform(0, picture.width, 2)
    corners = int(rng.choice([3, 4, 5, 40]))
    angles = np.sort(rng.uniform(0, 2 * math.pi, corners)) if corners < 9 else np.linspace(0, 2 * math.pi, corners)
    wobble = 1 + rng.uniform(0, 0.3) * np.sin(angles * rng.integers(1, 5) + rng.uniform(0, 6)) * (corners > 9)
    long, turn = rng.uniform(0.3, 1.0), rng.uniform(0, math.pi)
    across, down = np.cos(angles) * radius * wobble, np.sin(angles) * radius * wobble * long
    outline = np.stack(
        [x + across * math.cos(turn) - down * math.sin(turn), y + across * math.sin(turn) + down * math.cos(turn)], 1
    )
    left, top = (int(edge) for edge in outline.min(0))
    width, height = (int(edge) + 2 for edge in outline.max(0) - (left, top))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon([(float(a - left), float(b - top)) for a, b in outline], fill=255)
    tone = colour(rng)
    if rng.random() < 0.35:  # a shadow beside it
        margin, soft = int(radius * 0.3) + 4, radius * 0.12 + 2
        shadow = ImageOps.expand(mask, margin).filter(ImageFilter.GaussianBlur(soft)).point(lambda value: value // 2)
        away = int(radius * 0.1) - margin
        picture.paste((0, 0, 0), (left + away, top + away), shadow)
    picture.paste(Image.fromarray(shade(rng, width, height, tone)), (left, top), mask)


def strokes(rng: np.random.Generator, picture: Image.Image) -> None:
    """Hair, whiskers, twigs or letters' stems: a bundle of thin lines."""
    draw, side = ImageDraw.Draw(picture), picture.width
    x, y = rng.uniform(0, side, 2)
    tone, turn, spread = colour(rng), rng.uniform(0, 2 * math.pi), rng.uniform(0.05, 0.5)
    length, width = rng.uniform(20, 240), rng.uniform(10, 160)
    for _ in range(int(rng.integers(4, 120))):
        a, b = x + rng.normal(0, width), y + rng.normal(0, width)
        angle, bend = turn + rng.normal(0, spread), rng.normal(0, 0.25)
        points = []
        for _ in range(5):
            points.append((a, b))
            a, b, angle = a + length / 4 * math.cos(angle), b + length / 4 * math.sin(angle), angle + bend
        own = (tone * rng.uniform(0.7, 1.3)).clip(0, 255).astype(int)
        draw.line(points, fill=tuple(own), width=int(rng.choice([1, 2, 2, 3, 5])))
