"""Saucer, dish and cup: turned shapes, so every surface is a circle's or a quadric's equation."""

import math
from dataclasses import dataclass, field

import numpy as np

from .canvas import Array, Canvas, linear, noise, smooth


@dataclass
class Glaze:
    """What the pottery looks like: colours in linear light, gloss 0..1, and its decoration."""

    outside: Array
    inside: Array
    gloss: float
    gilt: Array | None = None
    band: Array | None = None
    speckle: float = 0.0


@dataclass
class Cup:
    """A bowl of revolution on the table. Lengths in scene units; `belly` 1 is a parabola, more is rounder."""

    x: float
    y: float
    stand: float
    tall: float
    rim: float
    foot: float
    wall: float
    belly: float
    fill: float
    handle: float | None
    glaze: Glaze

    @property
    def top(self) -> float:
        """Height of the rim over the table."""
        return self.stand + self.tall

    @property
    def level(self) -> float:
        """Height of the tea over the table."""
        return self.stand + self.tall * self.fill


@dataclass
class Liquor:
    """The tea itself: how much light of each colour is lost a unit of depth, and what it scatters back."""

    absorb: Array
    scatter: Array
    cloudy: float
    cover: Array = field(default_factory=lambda: np.zeros(0, np.float32))


def _polar(x: Array, y: Array) -> tuple[Array, Array, Array]:
    radius = np.sqrt(x * x + y * y) + np.float32(1e-6)
    return radius, x / radius, y / radius


def soften_under(canvas: Canvas, x: float, y: float, radius: float, reach: float, depth: float) -> None:
    """Darken the surface around the foot of a thing that stands on it."""
    part = canvas.spot(x, canvas.k * y, radius + 3 * reach)
    px, py = part.plane()
    out = np.maximum(np.hypot(px - x, py - y) - radius, 0) / reach
    part.shade *= 1 - depth * np.exp(-out * out)


def saucer(canvas: Canvas, place: tuple, radius: float, tall: float, glaze: Glaze, waves: float = 0.0) -> None:
    """A plate at (x, y) with a flat well, a rising side and a rounded edge; `waves` scallops it."""
    x, y = place
    part = canvas.spot(x, canvas.k * y + canvas.c * tall, radius * 1.05)
    px, py = part.plane(tall)
    r, cos, sin = _polar(px - x, py - y)
    reach = radius
    if waves:
        reach = radius * (1 + waves * np.cos(np.arctan2(sin, cos) * 12))
    q = r / reach
    ring, edge = (q - 0.46) / 0.035, np.clip((q - 0.91) / 0.09, 0, 1)
    slope = 0.3 * smooth(0.5, 0.05, q) - 0.25 * ring * np.exp(-ring * ring) - 0.15 * smooth(0.6, 0.1, q) * (1 - q)
    slope = slope * (1 - edge) - 0.95 * edge * edge + 0.2 * edge
    albedo = glaze.outside[:, None, None] * (1 - 0.05 * np.exp(-ring * ring) + 0.03 * q)
    if glaze.speckle:
        albedo = albedo * _speckle(part, glaze.speckle)
    part.paint(
        part.cover(reach - r), albedo, (-slope * cos, -slope * sin, 1.0), tall * (0.35 + 0.65 * q * q), glaze.gloss
    )
    if glaze.band is not None:
        for at, wide in ((0.78, 0.028), (0.7, 0.008)):
            part.paint(part.cover((wide - np.abs(q - at)) * radius), glaze.band)
    if glaze.gilt is not None:
        part.paint(part.cover((0.014 - np.abs(q - 0.955)) * radius), glaze.gilt, gloss=1.0)


def _speckle(part: Canvas, amount: float) -> Array:
    """Iron spots of stoneware, fixed to the scene: a pure function of the place."""
    x, y = part.x * 61, part.y * 61
    spots = np.sin(x * 1.7 + np.sin(y * 2.3) * 2) * np.sin(y * 1.9 + np.sin(x * 1.3) * 2)
    return 1 - amount * smooth(0.72, 0.12, spots)


class Turned:
    """A surface of revolution r² = a + b z + d z² over a foot, and where lines of sight meet it."""

    def __init__(self, foot: float, rim: float, tall: float, belly: float) -> None:
        grown = rim * rim - foot * foot
        self.a, self.b, self.d = foot * foot, grown * belly / tall, grown * (1 - belly) / tall**2

    def meet(self, part: Canvas, x: Array, y: Array, near: bool) -> tuple[Array, Array, tuple]:
        """Discriminant (positive where met), height over the foot, and outward normal, at the near or far side."""
        k, c = part.k, part.c
        two = c * c - self.d * k * k
        one = -(2 * k * c * (1 + self.d)) * y - self.b * k
        nil = x * x + y * y * (k * k - self.d * c * c) - self.a - self.b * c * y
        met = one * one - 4 * two * nil
        root = np.sqrt(np.maximum(met, 0))
        t = (-one + (root if near else -root)) / (2 * two)
        z, side = c * y + k * t, k * y - c * t
        up = -(self.b + 2 * self.d * z) / 2
        length = np.sqrt(x * x + side * side + up * up) + np.float32(1e-6)
        return met, z, (x / length, side / length, up / length)


def _edge(value: Array) -> Array:
    """Cover where a smooth function of any gradient is positive."""
    down, right = np.gradient(value)
    return np.clip(value / (np.hypot(down, right) + np.float32(1e-9)) + 0.5, 0, 1)


def _outside(part: Canvas, cup: Cup, x: Array, y: Array) -> None:
    met, z, normal = Turned(cup.foot, cup.rim, cup.tall, cup.belly).meet(part, x, y, near=True)
    share = z / cup.tall
    cover = _edge(met) * np.clip(z / (0.6 * part.pixel) + 0.5, 0, 1) * (share < 1.02)
    glaze = cup.glaze
    albedo = glaze.outside[:, None, None] * (0.94 + 0.06 * share)
    if glaze.speckle:
        albedo = albedo * _speckle(part, glaze.speckle)
    if glaze.band is not None:
        for at, wide in ((0.62, 0.07), (0.46, 0.02)):
            albedo = albedo + smooth(0, 0.03, wide - np.abs(share - at)) * (glaze.band[:, None, None] - albedo)
    part.paint(cover, albedo, normal, cup.stand + z, glaze.gloss)
    part.shade *= 1 - cover * 0.35 * np.clip(1 - share, 0, 1)


def _handle(canvas: Canvas, cup: Cup) -> None:
    """A loop of clay: the nearest point of a bent tube, segment by segment."""
    turn = np.linspace(-0.25, math.pi + 0.25, 10)
    out = cup.rim * 0.84 + cup.rim * 0.46 * np.sin(turn)
    high = cup.stand + cup.tall * (0.58 + 0.28 * np.cos(turn))
    x = cup.x + out * math.cos(cup.handle)
    y = canvas.k * (cup.y + out * math.sin(cup.handle)) + canvas.c * high
    x, y, high = x.tolist(), y.tolist(), high.tolist()
    thick = cup.rim * 0.115
    part = canvas.spot(sum(x) / len(x), sum(y) / len(y), cup.rim * 0.85)
    best = [np.full(part.x.shape, 9, np.float32)] + [np.zeros(part.x.shape, np.float32) for _ in range(3)]
    for i in range(len(turn) - 1):
        dx, dy = x[i + 1] - x[i], y[i + 1] - y[i]
        t = np.clip(((part.x - x[i]) * dx + (part.y - y[i]) * dy) / (dx * dx + dy * dy), 0, 1)
        ox, oy = part.x - x[i] - t * dx, part.y - y[i] - t * dy
        away = ox * ox + oy * oy - (0.05 * thick * (high[i] - cup.stand))
        nearer = away < best[0]
        for plane, value in zip(best, (away, ox, oy, high[i] + t * (high[i + 1] - high[i])), strict=True):
            np.copyto(plane, value, where=nearer, casting="same_kind")
    ox, oy = best[1] / thick, best[2] / thick
    front = np.sqrt(np.maximum(1 - ox * ox - oy * oy, 0.02))
    normal = (ox, oy * part.k - front * part.c, oy * part.c + front * part.k)
    cover = part.cover(thick - np.hypot(best[1], best[2]))
    part.paint(cover, cup.glaze.outside, normal, best[3], cup.glaze.gloss)


def _rim(part: Canvas, cup: Cup, x: Array, y: Array) -> None:
    """The rounded lip, a torus seen from above, and its gilding."""
    r, cos, sin = _polar(x, y - part.c * cup.tall / part.k)
    middle, half = cup.rim - cup.wall / 2, cup.wall / 2
    q = np.clip((r - middle) / half, -1, 1)
    glaze = cup.glaze
    mix = np.clip(0.5 - 0.5 * q, 0, 1)
    albedo = glaze.outside[:, None, None] + mix * (glaze.inside - glaze.outside)[:, None, None]
    cover = part.cover(half - np.abs(r - middle))
    part.paint(cover, albedo, (q * cos, q * sin, np.sqrt(1.02 - q * q)), cup.top, glaze.gloss)
    if glaze.gilt is not None:
        part.paint(cover * part.cover(half * 0.45 - np.abs(r - middle)), glaze.gilt, gloss=1.0)


def _inside(part: Canvas, cup: Cup, liquor: Liquor, x: Array, flat: Array) -> None:
    """Inner wall and tea; leaves the cover of the tea in `liquor.cover`. flat: image y from the foot's centre."""
    inner_rim, inner_foot = cup.rim - cup.wall, cup.foot * 0.86
    inner = Turned(inner_foot, inner_rim, cup.tall, cup.belly)
    _, z, normal = inner.meet(part, x, flat, near=False)
    # A little under the lip, which is laid over it: two soft edges side by side would let the table shine through.
    opening = part.cover(inner_rim + cup.wall * 0.35 - np.hypot(x, (flat - part.c * cup.tall) / part.k))
    share = np.clip(z / cup.tall, 0, 1)
    part.paint(opening, cup.glaze.inside, [-n for n in normal], cup.stand + share * cup.tall, cup.glaze.gloss)
    part.shade *= 1 - opening * (0.12 + 0.4 * (1 - share))
    level = cup.tall * cup.fill
    surface = math.sqrt(inner.a + inner.b * level + inner.d * level * level)
    r, cos, sin = _polar(x, (flat - part.c * level) / part.k)
    cover = opening * part.cover(surface - r)
    q = r / surface
    bottom = np.maximum(cup.tall * (r * r - inner.a) / (inner_rim**2 - inner.a), 0.05 * cup.tall)
    depth = np.maximum(level - bottom, 0.0)
    through = np.exp(-liquor.absorb[:, None, None] * depth * 2.2)
    albedo = cup.glaze.inside[:, None, None] * through
    mist = liquor.cloudy * (1 - np.exp(-depth * 9))
    albedo = albedo + mist * (liquor.scatter[:, None, None] * through**0.5 - albedo)
    lip = np.exp(-(((q - 0.985) / 0.03) ** 2))
    albedo = albedo * (1 - 0.16 * np.exp(-(((q - 0.95) / 0.035) ** 2))) * (1 + 0.5 * lip)
    slope = 0.5 * np.exp(-(1 - q) / 0.025)
    part.paint(cover, albedo, (-slope * cos, -slope * sin, 1.0), cup.level, 0.95)
    part.shade += cover * (0.9 - part.shade)
    liquor.cover = cover


def pour(canvas: Canvas, cup: Cup, liquor: Liquor) -> Canvas:
    """The whole cup with its tea; returns the part of the canvas it was painted on."""
    part = canvas.spot(
        cup.x, canvas.k * cup.y + canvas.c * (cup.stand + cup.tall / 2), cup.rim + canvas.c * cup.tall / 2 + 0.02
    )
    x, flat = part.x - cup.x, part.y - canvas.k * cup.y - canvas.c * cup.stand
    behind = cup.handle is not None and math.sin(cup.handle) > 0
    if behind:
        _handle(canvas, cup)
    _outside(part, cup, x, flat)
    if cup.handle is not None and not behind:
        _handle(canvas, cup)
    _inside(part, cup, liquor, x, flat)
    _rim(part, cup, x, flat / part.k)
    return part


def bubbles(part: Canvas, cup: Cup, rng: np.random.Generator, count: int, glow: Array) -> None:
    """Small rings of foam at the edge of the tea."""
    lean = rng.uniform(0, 2 * math.pi)
    for _ in range(count):
        at, size = lean + rng.normal(0, 0.35), cup.rim * rng.uniform(0.035, 0.085)
        reach = cup.rim - cup.wall - size * rng.uniform(1.6, 2.6) - 0.03 * cup.rim
        x, y = cup.x + reach * math.cos(at), cup.y + reach * math.sin(at)
        here = part.x - x, (part.y - part.c * cup.level) / part.k - y
        r = np.hypot(*here) / size
        skin = np.exp(-(((r - 0.9) / 0.2) ** 2)) * (0.35 + 0.3 * here[1] / size) + 0.08 * (r < 0.9)
        spark = np.exp(-(((here[0] / size + 0.3) ** 2 + (here[1] / size - 0.35) ** 2) / 0.05))
        part.glow += (np.clip(skin, 0, 1) * 0.5 + spark) * glow[:, None, None]


def steam(canvas: Canvas, cup: Cup, rng: np.random.Generator, strength: float, colour: Array) -> None:
    """Wisps that rise from the tea and thin out."""
    x, y = canvas.x - cup.x, canvas.y - canvas.k * cup.y - canvas.c * cup.level
    sway = noise(canvas, rng, 1.5) * 0.22
    strands = np.abs(np.sin((x + sway) * rng.uniform(7, 12) + noise(canvas, rng, 2.2) * 2 + rng.uniform(0, 6)))
    wisp = (1 - strands) ** 2 * np.clip(noise(canvas, rng, 1.8) + 0.5, 0, 1)
    rise = np.exp(-((x / (cup.rim * 0.8)) ** 2)) * np.exp(-(((y - 0.25) / 0.5) ** 2))
    canvas.glow += (strength * wisp * rise) * colour[:, None, None]


def tone(rng: np.random.Generator, palette: list, spread: float = 0.06) -> Array:
    """A colour of the palette, a little off, in linear light."""
    colour = linear(*palette[rng.integers(len(palette))])
    return np.clip(colour * np.exp(rng.normal(0, spread, 3)).astype(np.float32), 0.01, 0.8)
