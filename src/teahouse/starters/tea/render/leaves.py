"""Tea leaves: flat bent needles for green tea, folded balls with stems for oolong."""

import math
from dataclasses import dataclass

import numpy as np

from .canvas import Array, Canvas, linear, smooth
from .ware import tone

GREENS = [(70, 96, 44), (92, 112, 50), (54, 84, 48), (116, 124, 58), (66, 88, 64), (104, 104, 56)]
OOLONGS = [(58, 66, 42), (44, 52, 40), (66, 54, 38), (76, 82, 48), (52, 44, 36), (40, 56, 50)]
STEMS = [(112, 84, 52), (92, 70, 48), (124, 104, 64)]


@dataclass
class Spot:
    """Where a leaf lies: centre, height over the table, turn in radians, and how it throws a shadow (x, y a height)."""

    x: float
    y: float
    z: float
    turn: float
    lean: tuple[float, float]


def _local(part: Canvas, at: Spot, shift: tuple[float, float] = (0.0, 0.0)) -> tuple[Array, Array]:
    x, y = part.plane(at.z)
    x, y = x - at.x - shift[0], y - at.y - shift[1]
    cos, sin = math.cos(at.turn), math.sin(at.turn)
    return x * cos + y * sin, y * cos - x * sin


def _part(canvas: Canvas, at: Spot, reach: float) -> Canvas:
    return canvas.spot(at.x, canvas.k * at.y + canvas.c * at.z, reach)


def _shadow(part: Canvas, at: Spot, lift: float) -> tuple[float, float]:
    return -at.lean[0] * lift, -at.lean[1] * lift


def _darken(part: Canvas, share: Array) -> None:
    """A contact shadow; leaves lie in heaps, and a heap is not a hole."""
    np.minimum(part.shade, np.maximum(part.shade * (1 - share), 0.35), out=part.shade)


def needle(canvas: Canvas, at: Spot, length: float, width: float, bend: float, colour: Array) -> None:
    """A flat bent leaf with a vein, pointed at both ends."""
    part = _part(canvas, at, length * 0.62 + 0.03)
    if not part.x.size:
        return

    def blade(shift: tuple[float, float]) -> tuple[Array, Array, Array]:
        u, v = _local(part, at, shift)
        t = u / (length / 2)
        body = np.clip(1 - t * t, 0, 1)
        wide = width * body**0.75 * (1 + 0.25 * t) + np.float32(1e-4)
        off = v - bend * length * (body - 0.5)
        return t, off, np.where(np.abs(t) < 1, wide - np.abs(off), -1)

    _, _, under = blade(_shadow(part, at, width * 1.2))
    _darken(part, 0.55 * smooth(0, width * 0.5 + part.pixel, under))
    t, off, inside = blade((0.0, 0.0))
    cross = np.clip(off / (width * np.clip(1 - t * t, 0.05, 1) ** 0.75), -1, 1)
    vein = np.exp(-((cross / 0.16) ** 2)) * min(max(1.6 - part.pixel / width, 0.0), 1.0)
    light = (0.92 + 0.22 * t * math.copysign(1, bend)) * (1 - 0.28 * vein) * (1 - 0.1 * np.abs(cross)) + 0.05 * np.sin(
        t * 19 + cross * 3
    )
    cos, sin = math.cos(at.turn), math.sin(at.turn)
    roll = 0.75 * cross
    normal = (-sin * roll - 0.3 * cos * t, cos * roll - 0.3 * sin * t, 1.0)
    cover = part.cover(inside)
    part.paint(cover, colour[:, None, None] * light, normal, at.z + 0.012, 0.22)
    part.shade += cover * 0.8 * (1 - part.shade)


def ball(canvas: Canvas, at: Spot, size: float, colour: Array, stem: Array | None, rng: np.random.Generator) -> None:
    """A leaf rolled into a knobbly ball, often with a bit of stalk."""
    part = _part(canvas, at, size * 3.2)
    lobes = [
        (
            rng.normal(0, 0.42) * size,
            rng.normal(0, 0.3) * size,
            size * rng.uniform(0.62, 1.0),
            size * rng.uniform(0.5, 0.8),
        )
        for _ in range(rng.integers(2, 5))
    ]
    reach, along = size * rng.uniform(1.5, 2.7), rng.normal(0, 0.35)
    if not part.x.size:
        return
    u, v = _local(part, at, _shadow(part, at, size * 0.8))
    out = np.minimum.reduce([((u - a) / p) ** 2 + ((v - b) / q) ** 2 for a, b, p, q in lobes])
    _darken(part, 0.6 * smooth(0, 0.45, 1.05 - out))
    u, v = _local(part, at)
    if stem is not None:
        run = np.clip(u * math.cos(along) + v * math.sin(along), 0, reach)
        off = np.hypot(u - run * math.cos(along), v - run * math.sin(along))
        part.paint(part.cover(size * 0.16 - off), stem, height=at.z + size * 0.3, gloss=0.05)
    cos, sin = math.cos(at.turn), math.sin(at.turn)
    for number, (a, b, p, q) in enumerate(lobes):
        nu, nv = (u - a) / p, (v - b) / q
        inside = 1 - nu * nu - nv * nv
        fold = np.sin(nu * 6 + np.sin(nv * 4 + number) * 2.4 + number * 2.1)
        crease = (1.3 - 0.25 * (number % 3)) * (1 + 0.38 * fold)
        up = np.sqrt(np.maximum(inside, 0.04))
        normal = ((nu + 0.35 * fold) * cos - nv * sin, (nu + 0.35 * fold) * sin + nv * cos, up)
        cover = part.cover(inside * min(p, q) * 0.5)
        part.paint(cover, colour[:, None, None] * (crease * (0.55 + 0.5 * up)), normal, at.z + size * 0.6 * up, 0.12)
        part.shade += cover * 0.7 * (1 - part.shade)


def scatter(canvas: Canvas, rng: np.random.Generator, label: str, heap: Spot, count: int, spread: float) -> None:
    """A handful of dry leaves around a spot."""
    palette = GREENS if label == "green" else OOLONGS
    base = tone(rng, palette, 0.16)
    long, slim = rng.uniform(0.34, 0.5), rng.uniform(0.07, 0.115)
    grain = rng.uniform(0.062, 0.088)
    stem = tone(rng, STEMS, 0.1)
    for number in range(count):
        dx, dy = rng.normal(0, spread, 2).tolist()
        lift = max(0.0, 0.02 * (count / 14) * math.exp(-(dx * dx + dy * dy) / (spread * spread + 1e-6)))
        at = Spot(heap.x + dx, heap.y + dy, heap.z + lift * number / count, rng.uniform(0, 2 * math.pi), heap.lean)
        colour = base * math.exp(rng.normal(0, 0.16)) * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
        if label == "green":
            length = long * rng.uniform(0.65, 1.2)
            needle(canvas, at, length, length * slim * rng.uniform(0.8, 1.3), rng.normal(0, 0.16), colour)
        else:
            ball(canvas, at, grain * rng.uniform(0.7, 1.25), colour, stem if rng.random() < 0.55 else None, rng)


def steep(canvas: Canvas, rng: np.random.Generator, label: str, middle: Spot, room: float, count: int) -> None:
    """Leaves in the tea: opened blades, or balls that have begun to open."""
    for _ in range(count):
        away, where = room * math.sqrt(rng.uniform(0, 0.5)), rng.uniform(0, 2 * math.pi)
        at = Spot(
            middle.x + away * math.cos(where),
            middle.y + away * math.sin(where),
            middle.z,
            rng.uniform(0, 6.28),
            middle.lean,
        )
        if label == "green":
            colour = tone(rng, [(128, 148, 52), (104, 130, 48), (150, 158, 74), (92, 110, 54)], 0.12)
            length = room * rng.uniform(0.85, 1.3)
            needle(canvas, at, length, length * rng.uniform(0.1, 0.17), rng.normal(0, 0.14), colour)
            if rng.random() < 0.3:
                at.turn += rng.uniform(0.5, 1.0)
                needle(canvas, at, length * 0.7, length * 0.1, rng.normal(0, 0.14), colour * 1.2)
        else:
            colour = tone(rng, [(72, 68, 40), (58, 52, 36), (84, 62, 40), (66, 78, 44)], 0.14)
            ball(
                canvas,
                at,
                room * rng.uniform(0.22, 0.3),
                colour,
                linear(120, 80, 50) if rng.random() < 0.4 else None,
                rng,
            )
