"""Draws a cup of green tea or of oolong: one seed, one scene, at any size. NumPy and Pillow only."""

import math
from dataclasses import dataclass

import numpy as np

from . import leaves, light, tables, ware
from .canvas import Array, Canvas, blank, blur, linear

LABELS = ("green", "oolong")
PALE = [
    *((238, 236, 230), (228, 220, 206), (200, 216, 206), (214, 224, 234), (236, 218, 212)),
    *((206, 214, 196), (170, 196, 214), (240, 234, 220), (186, 204, 190)),
]
EARTH = [(150, 104, 74), (122, 92, 72), (92, 70, 58), (176, 132, 96), (104, 112, 104), (84, 92, 108)]
DARK = [(44, 38, 36), (58, 42, 36), (36, 48, 50), (52, 56, 58), (72, 48, 40), (30, 32, 40)]


@dataclass(frozen=True)
class Mood:
    """What a domain changes: light, pottery, tables (weights, in the order of TABLES), camera. Colours: linear light.

    pale, dark: shares of such glazes; inside_dark: share of cups dark inside; dish: the least paleness of a dish.
    """

    key: tuple
    ambient: tuple
    exposure: float
    pale: float
    dark: float
    inside_dark: float
    tables: tuple
    dish: float
    warmth: float
    noise: tuple
    vignette: tuple


MOODS = {
    "day": Mood(
        key=(2.5, 2.32, 2.05),
        ambient=(0.7, 0.77, 0.86),
        exposure=0.4,
        pale=0.72,
        dark=0.08,
        inside_dark=0.0,
        tables=(5, 3, 4, 3, 2, 3),
        dish=0.3,
        warmth=0.0,
        noise=(0.004, 0.022),
        vignette=(0.1, 0.4),
    ),
    "candle": Mood(
        key=(3.6, 1.65, 0.5),
        ambient=(0.44, 0.25, 0.125),
        exposure=0.68,
        pale=0.25,
        dark=0.5,
        inside_dark=0.45,
        tables=(6, 1, 3, 1, 3, 4),
        dish=0.06,
        warmth=0.05,
        noise=(0.012, 0.035),
        vignette=(0.3, 0.7),
    ),
}


def _tea(rng: np.random.Generator, label: str) -> ware.Liquor:
    """The colour of the tea. 28 % of oolongs are pale and 15 % of greens amber, so colour alone does not tell."""
    green = rng.random() < (0.85 if label == "green" else 0.28)
    if green:
        absorb = np.array([0.6, 0.42, 4.4]) + rng.uniform(0, 1, 3) * [0.8, 0.5, 3.5]
        scatter = linear(190, 188, 104)
    else:
        absorb = np.array([0.6, 1.8, 8.5]) + rng.uniform(0, 1, 3) * [1.0, 1.7, 7.0]
        scatter = linear(206, 150, 80)
    strength = math.exp(rng.normal(0, 0.2))
    return ware.Liquor((absorb * strength).astype(np.float32), scatter, rng.uniform(0, 0.3))


def _glaze(rng: np.random.Generator, mood: Mood) -> ware.Glaze:
    draw = rng.random()
    palette = PALE if draw < mood.pale else DARK if draw < mood.pale + mood.dark else EARTH
    outside = ware.tone(rng, palette)
    inside = outside if palette is PALE and rng.random() < 0.6 else ware.tone(rng, PALE[:3])
    if rng.random() < mood.inside_dark:
        inside = ware.tone(rng, DARK + EARTH[:3])
    gilt = linear(202, 150, 62) if rng.random() < 0.22 else None
    band = ware.tone(rng, [(52, 74, 132), (150, 60, 48), (70, 104, 84), (60, 52, 50)]) if rng.random() < 0.2 else None
    speckle = rng.uniform(0.15, 0.5) if palette is EARTH or rng.random() < 0.12 else 0.0
    return ware.Glaze(outside, inside, rng.uniform(0.3, 1.0), gilt, band, speckle)


def _cup(rng: np.random.Generator, mood: Mood, stand: float) -> ware.Cup:
    rim = rng.uniform(0.28, 0.45)
    foot, tall = rim * rng.uniform(0.5, 0.85), rim * rng.uniform(0.65, 1.15)
    handle = rng.uniform(0, 2 * math.pi) if rng.random() < 0.62 else None
    x, y = rng.normal(0, 0.09), rng.normal(-0.08, 0.08)
    wall = rim * rng.uniform(0.09, 0.16)
    return ware.Cup(
        x, y, stand, tall, rim, foot, wall, rng.uniform(1.0, 1.5), rng.uniform(0.72, 0.9), handle, _glaze(rng, mood)
    )


def _light(rng: np.random.Generator, mood: Mood, domain: str) -> light.Light:
    turn, high = rng.uniform(0, 2 * math.pi), rng.uniform(0.62, 1.15)
    toward = (math.cos(turn) * math.cos(high), math.sin(turn) * math.cos(high), math.sin(high))
    key = np.array(mood.key, np.float32) * math.exp(rng.normal(0, 0.12))
    ambient = np.array(mood.ambient, np.float32) * math.exp(rng.normal(0, 0.15))
    if domain == "candle":
        far, tall = rng.uniform(0.9, 1.5), rng.uniform(0.8, 1.2)
        flame = (far * math.cos(turn), far * math.sin(turn), tall)
        size = math.hypot(far, tall)
        return light.Light(tuple(f / size for f in flame), key, ambient, 0.06, flame)
    pattern = ("none", "blinds", "panes", "leaves")[rng.choice(4, p=[0.45, 0.2, 0.25, 0.1])]
    return light.Light(toward, key, ambient, rng.uniform(0.05, 0.35), pattern=pattern, seed=int(rng.integers(1 << 30)))


def _beside(canvas: Canvas, rng: np.random.Generator, cup: ware.Cup, reach: float) -> tuple[float, float]:
    """A place on the table near the cup, of a few that are tried the one that the cup hides least."""
    best, place = -math.inf, (0.0, 0.0)
    for turn, away in zip(rng.uniform(0, 2 * math.pi, 5), reach * rng.uniform(1.02, 1.22, 5) + 0.05, strict=True):
        x, y = (float(np.clip(v, -0.72, 0.72)) for v in (cup.x + away * math.cos(turn), cup.y + away * math.sin(turn)))
        clear = math.hypot(x - cup.x, canvas.k * (y - cup.y) - canvas.c * cup.top) - cup.rim
        if clear > 0.15:
            return x, y
        if clear > best:
            best, place = clear, (x, y)
    return place


def _spread_leaves(
    canvas: Canvas, rng: np.random.Generator, label: str, cup: ware.Cup, reach: float, lamp: light.Light, mood: Mood
) -> None:
    """Dry leaves on the table, often in a small dish, beside the cup."""
    if rng.random() < 0.03:
        return
    x, y = _beside(canvas, rng, cup, reach)
    high, spread, count = 0.004, rng.uniform(0.09, 0.17), int(rng.integers(6, 16))
    if rng.random() < 0.3:
        glaze, radius = _glaze(rng, mood), rng.uniform(0.27, 0.34)
        glaze.outside = np.maximum(glaze.outside, mood.dish)
        ware.soften_under(canvas, x, y, radius * 0.9, 0.05, 0.5)
        ware.saucer(canvas, (x, y), radius, 0.05, glaze)
        lamp.discs.append((x, y, 0.05, radius))
        high, spread = 0.052, radius * 0.36
    leaves.scatter(canvas, rng, label, leaves.Spot(x, y, high, 0.0, lamp.lean), count, spread)
    if rng.random() < 0.5:
        stray = leaves.Spot(x * 0.9, y * 0.9, 0.004, 0.0, lamp.lean)
        leaves.scatter(canvas, rng, label, stray, int(rng.integers(1, 5)), spread * 2.2)


def _fill_cup(
    canvas: Canvas, rng: np.random.Generator, label: str, cup: ware.Cup, lamp: light.Light, domain: str
) -> None:
    """The cup, its tea, what swims in it and what it mirrors."""
    tea = _tea(rng, label)
    part = ware.pour(canvas, cup, tea)
    room = (cup.rim - cup.wall) * 0.86
    light.caustic(part, tea.cover, (cup.x, cup.y, cup.level), room, lamp.toward)
    before = [plane.copy() for plane in (part.albedo, part.normal, part.height, part.gloss, part.shade)]
    count = int(rng.integers(2, 6)) if rng.random() < 0.94 else 0
    leaves.steep(part, rng, label, leaves.Spot(cup.x, cup.y, cup.level, 0.0, (0.0, 0.0)), room, count)
    through = np.exp(-tea.absorb * cup.rim * rng.uniform(0.02, 0.2))[:, None, None]
    sunk = before[0] + (tea.cover * rng.uniform(0.8, 1.0)) * (part.albedo * through - before[0])
    touched = np.abs(part.albedo - before[0]).sum(0) > 1e-6
    for plane, old in zip((part.albedo, part.normal, part.height, part.gloss, part.shade), before, strict=True):
        plane[...] = old
    part.albedo[...] = np.where(touched, sunk, before[0])
    far = room * rng.uniform(0.15, 0.5)
    turn = math.atan2(lamp.toward[1], lamp.toward[0]) + rng.normal(0, 0.25)
    place = (cup.x + far * math.cos(turn), cup.y + far * math.sin(turn), cup.level)
    if domain == "candle":
        light.mirror_flame(part, tea.cover, place, room * rng.uniform(0.06, 0.1), lamp.colour * 0.55)
    elif rng.random() < 0.75:
        size = room * rng.uniform(0.15, 0.27)
        light.mirror_window(part, tea.cover, place, size, rng.uniform(0, 1.57), lamp.colour * rng.uniform(0.1, 0.34))
    if rng.random() < 0.35:
        ware.bubbles(part, cup, rng, int(rng.integers(2, 8)), (lamp.colour + lamp.ambient) * 0.16)


def _set_table(rng: np.random.Generator, label: str, domain: str, canvas: Canvas) -> tuple[light.Light, ware.Cup]:
    mood = MOODS[domain]
    tables.lay(canvas, rng, mood.tables)
    lamp = _light(rng, mood, domain)
    plate = rng.random() < 0.68
    cup = _cup(rng, mood, 0.03 if plate else 0.0)
    reach = cup.rim * (rng.uniform(1.45, 1.8) if plate else 1.0)
    if plate:
        glaze = cup.glaze if rng.random() < 0.6 else _glaze(rng, mood)
        ware.soften_under(canvas, cup.x, cup.y, reach * 0.92, 0.07, 0.55)
        ware.saucer(canvas, (cup.x, cup.y), reach, 0.06, glaze, 0.012 if rng.random() < 0.2 else 0.0)
        lamp.discs.append((cup.x, cup.y, 0.06, reach))
    ware.soften_under(canvas, cup.x, cup.y, cup.foot, 0.09, 0.6)
    for share in (0.3, 0.65, 1.0):
        radius = math.sqrt(cup.foot**2 + (cup.rim**2 - cup.foot**2) * share)
        lamp.discs.append((cup.x, cup.y, cup.stand + cup.tall * share, radius))
    lamp.mouth = (cup.x, cup.y, cup.top, cup.rim - cup.wall)
    _spread_leaves(canvas, rng, label, cup, reach, lamp, mood)
    _fill_cup(canvas, rng, label, cup, lamp, domain)
    return lamp, cup


def _develop(picture: Array, canvas: Canvas, cup: ware.Cup, rng: np.random.Generator, mood: Mood) -> Array:
    """Lens and sensor: focus by depth, exposure, white balance, vignette, film curve, grain; uint8 [S, S, 3]."""
    size = canvas.size
    wide = rng.uniform(0.003, 0.0055) if rng.random() < 0.85 else rng.uniform(0.0055, 0.008)
    picture = blur(picture, wide / canvas.pixel)
    deep = rng.uniform(0, 0.014)
    far = canvas.k * canvas.height - canvas.c * canvas.plane(canvas.height)[1]
    focus = canvas.k * cup.top - canvas.c * (cup.y - rng.uniform(0, cup.rim))
    share = np.clip(np.abs(far - focus) * 1.6, 0, 1)
    picture = picture + blur(share, 0.02 / canvas.pixel) * (blur(picture, deep / canvas.pixel) - picture)
    balance = rng.normal(0, 0.13, 3) * [0.75, 0.35, 0.9] + [-mood.warmth, 0, mood.warmth]
    gain = mood.exposure * math.exp(rng.normal(0, 0.16)) * np.exp(balance - balance.mean())
    centre = (canvas.x - rng.normal(0, 0.15)) ** 2 + (canvas.y - rng.normal(0, 0.15)) ** 2
    picture = picture * gain.astype(np.float32)[:, None, None] / (1 + rng.uniform(*mood.vignette) * centre)
    picture = np.clip(picture * (2.51 * picture + 0.03) / (picture * (2.43 * picture + 0.59) + 0.14), 0, 1)
    picture = picture ** np.float32(1 / 2.2)
    grey = picture.mean(0)
    picture = grey + (picture - grey) * rng.uniform(0.8, 1.15)
    grain = rng.uniform(*mood.noise) * min(1.0, 128 / size) ** 0.75
    picture = picture + grain * (
        0.6 * rng.standard_normal((3, size, size), np.float32) + rng.standard_normal((size, size), np.float32) * 0.7
    )
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)


def render(seed: int, label: str, domain: str = "day", size: int = 128) -> Array:
    """A picture of tea, uint8 [size, size, 3] RGB. label: green or oolong; domain: day or candle.

    The same arguments give the same picture. ValueError for a word that is not known."""
    rng = np.random.default_rng([seed, LABELS.index(label), tuple(MOODS).index(domain)])
    canvas = blank(size, rng.uniform(0.98, 1.42))
    lamp, cup = _set_table(rng, label, domain, canvas)
    picture = light.shine(canvas, lamp)
    if rng.random() < 0.4:
        canvas.glow[...] = 0
        ware.steam(canvas, cup, rng, rng.uniform(0.05, 0.22), lamp.ambient + lamp.colour * 0.35)
        picture = picture + canvas.glow
    return np.ascontiguousarray(_develop(picture, canvas, cup, rng, MOODS[domain]))
