"""What the cup stands on: wood, bamboo, linen, marble, slate or a plain painted board."""

import math

import numpy as np

from .canvas import Array, Canvas, bump, clouds, linear, noise, smooth

WOODS = [(205, 168, 122), (176, 130, 84), (150, 98, 58), (122, 72, 42), (92, 58, 40), (218, 190, 150), (160, 140, 118)]
LINENS = [
    (222, 212, 192),
    (196, 186, 170),
    (150, 164, 172),
    (96, 116, 138),
    (206, 190, 160),
    (168, 128, 112),
    (120, 134, 112),
]
SLATES = [(70, 76, 82), (92, 92, 92), (58, 62, 70), (104, 98, 90), (74, 88, 84)]
PLAINS = [
    *((226, 214, 196), (148, 176, 138), (196, 146, 128), (128, 156, 172), (220, 186, 120)),
    *((86, 108, 84), (188, 170, 186), (236, 230, 222), (168, 92, 72), (64, 78, 96)),
]


def _turned(canvas: Canvas, angle: float) -> tuple[Array, Array]:
    x, y = canvas.plane()
    cos, sin = math.cos(angle), math.sin(angle)
    return x * cos + y * sin, y * cos - x * sin


def _tint(rng: np.random.Generator, palette: list, spread: float = 0.07) -> Array:
    colour = linear(*palette[rng.integers(len(palette))])
    return colour * np.exp(rng.normal(0, spread, 3)).astype(np.float32)


def wood(canvas: Canvas, rng: np.random.Generator) -> None:
    """Planks with long grain, rings that wander, and dark joints."""
    angle, width = rng.uniform(0, math.pi), rng.uniform(0.28, 0.62)
    _, v = _turned(canvas, angle)
    plank = v / width + rng.uniform(0, 1)
    number = np.floor(plank)
    inside = plank - number
    tone = np.sin(number * 12.99 + rng.uniform(0, 6)) * 0.5 + np.sin(number * 4.1) * 0.3
    wander = noise(canvas, rng, 1.1, 3.0, angle)
    rings = np.sin((v * rng.uniform(26, 48) + wander * rng.uniform(2, 6) + tone * 9).astype(np.float32))
    grain = noise(canvas, rng, 2.2, 34, angle)
    pores = noise(canvas, rng, 7, 80, angle)
    light = (
        1 + tone * rng.uniform(0.1, 0.28) + rings * rng.uniform(0.05, 0.14) + grain * 0.16 + pores * 0.12 + wander * 0.1
    )
    seam = smooth(0.0, 0.012 + canvas.pixel / width, np.minimum(inside, 1 - inside))
    colour = _tint(rng, WOODS)
    reddish = np.array([1.0, 0.86, 0.72], np.float32)
    share = np.clip(0.5 - 0.5 * (rings * 0.5 + grain), 0, 1) * 0.55
    albedo = (colour[:, None, None] * (1 - share + share * reddish[:, None, None])) * (
        np.maximum(light, 0.15) * (0.3 + 0.7 * seam)
    )
    canvas.paint(
        np.float32(1), albedo, bump(grain * 0.4 + rings * 0.2 + seam, canvas.pixel, 0.003), gloss=rng.uniform(0.05, 0.3)
    )


def bamboo(canvas: Canvas, rng: np.random.Generator) -> None:
    """A mat of round slats, tied with thread."""
    angle, width = rng.uniform(0, math.pi), rng.uniform(0.055, 0.12)
    u, v = _turned(canvas, angle)
    slat = v / width
    number = np.floor(slat)
    across = (slat - number) * 2 - 1
    tone = np.sin(number * 7.7 + rng.uniform(0, 6)) * 0.10 + np.sin(number * 2.3) * 0.06
    fibre = noise(canvas, rng, 3, 60, angle)
    knots = np.sin(u * 3.1 + np.sin(number * 5.3) * 9)
    light = 1 + tone + fibre * 0.13 - 0.35 * smooth(0.985, 0.012, knots)
    gap = smooth(0.02, 0.05 + canvas.pixel / width, 1 - np.abs(across))
    colour = _tint(rng, [(214, 186, 128), (196, 178, 122), (186, 150, 96), (172, 170, 116), (110, 78, 52)])
    albedo = colour[:, None, None] * (light * (0.22 + 0.78 * gap))
    cos, sin = math.cos(angle), math.sin(angle)
    round_side = across * 0.75
    canvas.paint(np.float32(1), albedo, (-sin * round_side, cos * round_side, 1 - 0.3 * across * across), gloss=0.2)
    every = rng.uniform(0.55, 0.9)
    thread = np.abs((u / every + rng.uniform(0, 1)) % 1 - 0.5) * every - 0.012
    stitch = 0.75 + 0.25 * np.sin(v * 6.28 / width)
    thread_colour = linear(96, 70, 48)[:, None, None] * stitch
    canvas.paint(canvas.cover(-thread), thread_colour)


def linen(canvas: Canvas, rng: np.random.Generator) -> None:
    """Woven cloth with uneven threads, plain, striped or checked."""
    angle, count = rng.uniform(0, math.pi), rng.uniform(20, 42)
    u, v = _turned(canvas, angle)
    warp = noise(canvas, rng, 2.5, 24, angle)
    weft = noise(canvas, rng, 24, 2.5, angle)
    # A weave finer than the pixels would shimmer instead of looking like cloth.
    seen = min(max(1.5 - count * canvas.pixel * 1.2, 0.0), 1.0)
    a, b = np.sin(u * count * 3.14 + weft), np.sin(v * count * 3.14 + warp)
    weave = (a * b + 0.5 * np.abs(a) - 0.5 * np.abs(b)) * seen
    colour = _tint(rng, LINENS)
    light = 1 + weave * 0.16 + warp * 0.12 + weft * 0.12
    albedo = colour[:, None, None] * light
    pattern = rng.integers(4)
    if pattern:
        second, every, wide = _tint(rng, LINENS), rng.uniform(0.25, 0.7), rng.uniform(0.12, 0.5)
        bands = [
            smooth(wide, canvas.pixel / every, np.abs((w / every + rng.uniform(0, 1)) % 1 - 0.5) * 2) for w in (u, v)
        ]
        share = bands[0] * 0.8 if pattern < 3 else (bands[0] + bands[1]) * 0.42
        albedo = albedo * (1 - share) + (second[:, None, None] * light) * share
    folds = noise(canvas, rng, 1.2, angle=rng.uniform(0, 6.28)) * rng.uniform(0, 1)
    canvas.paint(np.float32(1), albedo, bump(weave * 0.3 + folds * 9, canvas.pixel, 0.006), gloss=0.0)


def marble(canvas: Canvas, rng: np.random.Generator) -> None:
    """Polished stone with veins that branch."""
    pale = rng.random() < 0.75
    base = linear(*((232, 228, 222) if pale else (48, 58, 54))) * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    vein = linear(*((128, 124, 122) if pale else (132, 138, 128)))
    if rng.random() < 0.3:
        vein = linear(176, 140, 90)
    mist = clouds(canvas, rng, 1.1, 4)
    share = np.float32(0)
    for cells, strength in ((1.0, 0.75), (1.7, 0.5), (3.0, 0.28)):
        ridge = np.abs(clouds(canvas, rng, cells, 3))
        share = np.maximum(share, strength * np.exp(-ridge * rng.uniform(14, 30)) + 0.2 * np.exp(-ridge * 5))
    share = share * np.clip(0.8 + mist, 0, 1)
    albedo = base[:, None, None] * (1 + mist * 0.07) * (1 - share) + vein[:, None, None] * share
    canvas.paint(np.float32(1), albedo, gloss=0.5)


def slate(canvas: Canvas, rng: np.random.Generator) -> None:
    """Split stone, rough and dark."""
    relief = clouds(canvas, rng, 2.0, 5)
    steps = np.tanh(4 * np.sin(relief * 5)) * 0.3 + relief
    grit = noise(canvas, rng, 60)
    albedo = _tint(rng, SLATES)[:, None, None] * (1 + relief * 0.16 + grit * 0.12)
    canvas.paint(np.float32(1), albedo, bump(steps, canvas.pixel, 0.0045), gloss=0.16)


def plain(canvas: Canvas, rng: np.random.Generator) -> None:
    """Painted board or paper with faint mottling."""
    mottle = clouds(canvas, rng, 1.4, 3)
    grit = noise(canvas, rng, 50)
    albedo = _tint(rng, PLAINS)[:, None, None] * (1 + mottle * 0.05 + grit * 0.04)
    canvas.paint(np.float32(1), albedo, bump(grit, canvas.pixel, 0.0007), gloss=rng.uniform(0, 0.2))


TABLES = (wood, bamboo, linen, marble, slate, plain)


def lay(canvas: Canvas, rng: np.random.Generator, weights: tuple) -> None:
    """One table out of six, drawn with the given weights."""
    TABLES[rng.choice(len(TABLES), p=np.array(weights) / sum(weights))](canvas, rng)
