"""Light on the painted surfaces: sun through a window or a candle, cast shadows, gloss."""

import math
from dataclasses import dataclass, field

import numpy as np

from .canvas import Array, Canvas, noise, smooth


@dataclass
class Light:
    """Where the light comes from. A candle stands at `flame`; without one the light is parallel, from `toward`."""

    toward: tuple[float, float, float]
    colour: Array
    ambient: Array
    soft: float
    flame: tuple[float, float, float] | None = None
    pattern: str = "none"
    seed: int = 0
    discs: list[tuple[float, float, float, float]] = field(default_factory=list)
    mouth: tuple[float, float, float, float] | None = None

    @property
    def lean(self) -> tuple[float, float]:
        """How far towards the light a point of light's ray moves a unit of height."""
        x, y, z = self.toward
        return x / z, y / z


def _rays(light: Light, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array, Array]:
    """Unit direction to the light and its strength, at each pixel."""
    if light.flame is None:
        return (*light.toward, np.float32(1))
    fx, fy, fz = (f - p for f, p in zip(light.flame, (x, y, z), strict=True))
    far = np.sqrt(fx * fx + fy * fy + fz * fz)
    return fx / far, fy / far, fz / far, (light.flame[2] * 1.3 / far) ** 2


def _past(disc: tuple, x: Array, y: Array, z: Array, lean: tuple, soft: float, pixel: float) -> Array:
    """Share of the light that passes outside of a disc (x, y, height, radius)."""
    lift = np.maximum(disc[2] - z, 0)
    out = np.hypot(x + lift * lean[0] - disc[0], y + lift * lean[1] - disc[1]) - disc[3]
    return np.maximum(smooth(0, lift * soft + pixel * 0.7, out), lift < 0.004)


def _pattern(canvas: Canvas, light: Light, x: Array, y: Array) -> Array | float:
    """What stands in the window: blinds, panes or leaves."""
    rng = np.random.default_rng(light.seed)
    turn, step = rng.uniform(0, math.pi), rng.uniform(0.3, 0.6)
    u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    if light.pattern == "blinds":
        return 0.22 + 0.78 * smooth(
            rng.uniform(0.4, 0.55), rng.uniform(0.08, 0.2), np.abs((u / step + rng.uniform(0, 1)) % 1 - 0.5) * 2
        )
    if light.pattern == "panes":
        wide, high, bar = rng.uniform(0.5, 0.85), rng.uniform(0.6, 1.0), 0.05
        edge = np.minimum(wide - np.abs(u - rng.uniform(-0.3, 0.3)), high - np.abs(v - rng.uniform(-0.3, 0.3)))
        cross = np.minimum(np.abs(u), np.abs(v + 0.2)) - bar
        return 0.3 + 0.7 * smooth(0, 0.05, np.minimum(edge, cross))
    if light.pattern == "leaves":
        return 0.3 + 0.7 * smooth(
            rng.uniform(-0.15, 0.1),
            rng.uniform(0.3, 0.5),
            noise(canvas, rng, 2.2, 3, turn) + 0.6 * noise(canvas, rng, 7, 4, turn),
        )
    return 1.0


def shine(canvas: Canvas, light: Light) -> Array:
    """The lit picture in linear light, float32 [3, S, S]."""
    z = canvas.height
    x, y = canvas.plane(z)
    lx, ly, lz, strength = _rays(light, x, y, z)
    lean = (lx / lz, ly / lz)
    seen = np.ones_like(z)
    for disc in light.discs:
        seen *= _past(disc, x, y, z, lean, light.soft, canvas.pixel)
    if light.mouth is not None:
        mx, my, mz, radius = light.mouth
        within = (np.hypot(x - mx, (canvas.y - canvas.c * mz) / canvas.k - my) < radius) & (z < mz - 0.004)
        seen = np.where(within, 1 - _past(light.mouth, x, y, z, lean, light.soft, canvas.pixel), seen)
    nx, ny, nz = canvas.normal
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx / length, ny / length, nz / length
    direct = seen * strength * _pattern(canvas, light, x - z * lean[0], y - z * lean[1])
    facing = np.maximum(nx * lx + ny * ly + nz * lz, 0)
    # The camera looks along (0, -c, k); half way between it and the light lies the mirror direction of gloss.
    hx, hy, hz = lx, ly - canvas.c, lz + canvas.k
    half = np.maximum((nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz), 0)
    half2 = half * half
    half8 = half2 * half2 * half2 * half2
    spark = canvas.gloss * (0.75 * half8 * half8 * half8 * half8 * half8 + 0.16 * half8) * direct
    edge = 1 - np.clip(canvas.k * nz - canvas.c * ny, 0, 1)
    sky = canvas.gloss * (0.03 + 0.13 * edge * edge * edge) * (0.6 + 0.4 * nz)
    around = (0.68 + 0.32 * nz) * canvas.shade
    warm, cool = light.colour[:, None, None], light.ambient[:, None, None]
    lit = canvas.albedo * (cool * around + warm * (direct * facing * (0.4 + 0.6 * canvas.shade)))
    return lit + warm * spark + cool * sky + canvas.glow


def mirror_window(part: Canvas, cover: Array, place: tuple, size: float, turn: float, glow: Array) -> None:
    """The window seen in the tea: four panes, a little soft."""
    x, y = part.plane(place[2])
    x, y = x - place[0], y - place[1]
    u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    u = u + 0.12 * v
    edge = np.minimum(size - np.abs(u), size * 1.25 - np.abs(v))
    cross = np.minimum(np.abs(u), np.abs(v)) - size * 0.09
    pane = smooth(0, size * 0.06 + part.pixel * 0.6, np.minimum(edge, cross))
    part.glow += (cover * pane * (0.75 + 0.25 * v / size)) * glow[:, None, None]


def caustic(part: Canvas, cover: Array, middle: tuple, room: float, toward: tuple) -> None:
    """Light that the tea gathers at the side away from the lamp: the albedo there is raised."""
    x, y = part.plane(middle[2])
    x, y = (x - middle[0]) / room, (y - middle[1]) / room
    r = np.sqrt(x * x + y * y) + np.float32(1e-6)
    away = np.clip(-(x * toward[0] + y * toward[1]) / (r * math.hypot(toward[0], toward[1])), 0, 1)
    part.albedo *= 1 + cover * (0.5 * away * away * np.exp(-(((r - 0.8) / 0.2) ** 2)) - 0.1 * np.exp(-((r / 0.5) ** 2)))


def mirror_flame(part: Canvas, cover: Array, place: tuple, size: float, glow: Array) -> None:
    """The candle seen in the tea: a bright drop with a halo."""
    x, y = part.plane(place[2])
    x, y = (x - place[0]) / size, (y - place[1]) / size
    drop = np.exp(-(x * x * 2.2 + y * y * (1.0 + 0.5 * (y > 0)))) * 3 + 0.35 * np.exp(-(x * x + y * y) / 9)
    part.glow += (cover * drop) * glow[:, None, None]
