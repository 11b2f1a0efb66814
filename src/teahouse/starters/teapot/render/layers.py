"""The layers of a teapot as fields over the picture: signed distances, shading, highlights.

A distance is positive inside its part and counted in scene units. All functions take B pots at once: [B, S, S]."""

import numpy as np

from .pot import Array, Pots

# What is cut out by a signed distance, back to front, then what is smooth.
EDGES = ("disc", "table", "mat", "handle", "spout", "hole", "foot", "body", "glaze", "accent", "lid", "knob")
SMOOTH = ("ground_light", "body_light", "spout_light", "handle_light", "shine")
LAYERS = EDGES + SMOOTH
SURFACE = ("across", "up")  # where on the body a pixel looks: from edge to edge -1..1, from bottom to top 0..1
REACH = 0.12  # a distance is told up to here, in scene units; beyond, it is only inside or outside
BOW = 0.1  # one looks down on the pot a little: a level line on it sags by this share of its radius
SUN = np.array([-0.46, 0.62, 0.64], np.float32)
HALF = np.array([-0.26, 0.35, 0.9], np.float32)  # between sun and eye: where a glaze shines


def grid(side: int) -> tuple[Array, Array]:
    """x [1, 1, S] and y [1, S, 1] of the pixels' centres."""
    line = (np.arange(side, dtype=np.float32) + 0.5) * np.float32(2 / side) - 1
    return line[None, None, :], -line[None, :, None]


def fields(p: Pots, side: int) -> Array:
    """All layers, float32 [B, 19, S, S] in the order of LAYERS, then of SURFACE: edges as distance / REACH in -1..1,
    lights 0..1.5."""
    x, y = grid(side)
    x = x - p.centre
    out: dict[str, Array] = {}
    _turned_parts(p, x, y, out)
    _spout(p, x, y, out)
    _handle(p, x, y, out)
    radius = profile(p, y)
    out["across"] = np.clip(x / radius, -1, 1)
    out["up"] = np.clip((y + sag(radius, x) - p.ground - p.foot) / p.height, -0.3, 1.3)
    out["glaze"], *accents = pattern(p, out["across"], out["up"])
    out["accent"] = np.max(accents, 0)
    _scene(p, x, y, out)
    shape = (len(p.radius), side, side)
    planes = [np.broadcast_to(out[name], shape) for name in LAYERS + SURFACE]
    edges = [np.clip(plane / REACH, -1, 1) for plane in planes[: len(EDGES)]]
    return np.stack(edges + planes[len(EDGES) :], 1).astype(np.float32)


def profile(p: Pots, y: Array) -> Array:
    """The body's radius at height y: a superellipse, cut at bottom and top, its belly moved up or down."""
    t = np.clip((y - p.ground - p.foot) / p.height, 0, 1) ** p.skew
    low = -((1 - p.bottom**p.power) ** (1 / p.power))
    high = (1 - p.top**p.power) ** (1 / p.power)
    q = np.abs(low + (high - low) * t)
    return p.radius * np.maximum(1 - q**p.power, 1e-4) ** (1 / p.power)


def sag(radius: Array, x: Array) -> Array:
    """How far a level circle of this radius hangs down at x."""
    return BOW * np.sqrt(np.maximum(radius * radius - x * x, 0))


def lit(nx: Array, ny: Array, nz: Array) -> Array:
    """Light on a surface with this normal: sun, sky and what the table throws back."""
    toward = np.maximum(nx * SUN[0] + ny * SUN[1] + nz * SUN[2], 0)
    return 0.44 + 0.66 * toward + 0.07 * np.maximum(ny, 0) + 0.1 * np.maximum(-ny - 0.3, 0)


def shine(nx: Array, ny: Array, nz: Array) -> Array:
    """A highlight, 0..1."""
    return np.maximum(nx * HALF[0] + ny * HALF[1] + nz * HALF[2], 0) ** 42


def _turned(radius: Array, slope: Array, x: Array) -> tuple[Array, Array, Array]:
    """The normal of a turned shape, from its radius and the radius' slope at each height."""
    nx = np.clip(x / np.maximum(radius, 1e-3), -1, 1)
    nz = np.sqrt(1 - nx * nx)
    ny = np.broadcast_to(-slope, nx.shape)
    length = np.sqrt(1 + ny * ny)
    return nx / length, ny / length, nz / length


def _turned_parts(p: Pots, x: Array, y: Array, out: dict[str, Array]) -> None:
    """Foot, body, lid and knob, and the light on them."""
    low, high = p.ground + p.foot, p.ground + p.foot + p.height
    radius, step = profile(p, y), np.float32(0.01)
    slope = np.clip((profile(p, y + step) - profile(p, y - step)) / (2 * step), -3, 3)
    bottom, rim = p.radius * p.bottom, p.radius * p.top + 0.025
    side = (radius - np.abs(x)) / np.sqrt(1 + slope * slope)
    out["body"] = np.minimum(np.minimum(side, high + 0.01 - y), y - low + sag(bottom, x))
    foot = bottom * p.foot_wide + 0.25 * (low - y)
    out["foot"] = np.minimum(np.minimum(foot - np.abs(x), low + 0.02 - y), y - p.ground + sag(bottom, x))

    seam = high - sag(rim, x)
    up = np.clip((y - high) / p.lid_height, 0, 0.999)
    dome = rim * (1 - up**p.lid_power) ** (1 / p.lid_power)
    dome_slope = -rim / p.lid_height * up ** (p.lid_power - 1) * (1 - up**p.lid_power) ** (1 / p.lid_power - 1)
    steep = np.clip(dome_slope, -6, 0)
    round_ = (dome - np.abs(x)) / np.sqrt(1 + steep * steep)
    out["lid"] = np.minimum(np.minimum(round_, high + p.lid_height - y), y - seam)

    tall = p.knob * p.knob_tall
    centre = high + p.lid_height + tall * (p.knob_lift - 0.25)
    out["knob"] = _ellipse(x, y - centre, p.knob, tall)

    body_n = _turned(radius, slope, x)
    lid_n = _turned(dome, np.clip(dome_slope, -2.5, 0), x)
    kx, ky = np.clip(x / p.knob, -1, 1), np.clip((y - centre) / tall, -1, 1)
    knob_n = (kx, ky, np.sqrt(np.maximum(1 - kx * kx - ky * ky, 0)))
    light = lit(*body_n) * (1 - 0.45 * np.exp(-(((y - seam + 0.022) / 0.02) ** 2)))
    light = np.where(y < low - sag(bottom, x), 0.62 + 0.3 * body_n[2], light)
    lid_light = lit(*lid_n) * (1 - 0.12 * np.exp(-(((y - seam) / 0.02) ** 2)))
    is_lid, is_knob = out["lid"] > 0, out["knob"] > 0
    # Under the knob the lid lies in its shade.
    lid_light = lid_light * (1 - 0.35 * np.clip(1 + (out["knob"] - 0.005) / 0.03, 0, 1))
    out["body_light"] = np.where(is_knob, lit(*knob_n), np.where(is_lid, lid_light, light))
    bright = np.where(is_knob, shine(*knob_n), np.where(is_lid, shine(*lid_n), shine(*body_n)))
    out["shine"] = bright * (np.maximum(np.maximum(out["body"], out["lid"]), out["knob"]) > 0)


def _ellipse(x: Array, y: Array, wide: Array, tall: Array) -> Array:
    """The distance to an ellipse around 0, nearly."""
    inner = np.sqrt((x / wide) ** 2 + (y / tall) ** 2)
    outer = np.sqrt((x / wide**2) ** 2 + (y / tall**2) ** 2)
    return inner * (1 - inner) / np.maximum(outer, 1e-4) + np.minimum(wide, tall) * (inner < 0.05)


def _tube(x: Array, y: Array, line: Array, wide: Array) -> tuple[Array, Array, Array, Array]:
    """A bent tube along `line`, [B, K, 2], with radii [B, K]: distance and normal of the nearest piece."""
    best = nx = ny = None
    for k in range(line.shape[1] - 1):
        ax, ay = line[:, k, 0, None, None], line[:, k, 1, None, None]
        bx, by = line[:, k + 1, 0, None, None] - ax, line[:, k + 1, 1, None, None] - ay
        px, py = x - ax, y - ay
        t = np.clip((px * bx + py * by) / (bx * bx + by * by + 1e-9), 0, 1)
        r0, r1 = wide[:, k, None, None], wide[:, k + 1, None, None]
        r = r0 + (r1 - r0) * t
        dx, dy = px - t * bx, py - t * by
        inside = r - np.sqrt(dx * dx + dy * dy)
        if best is None:
            best, nx, ny = inside, dx / r, dy / r
        else:
            nearer = inside > best
            best = np.where(nearer, inside, best)
            nx, ny = np.where(nearer, dx / r, nx), np.where(nearer, dy / r, ny)
    length = np.sqrt(nx * nx + ny * ny)
    scale = np.minimum(1, 0.999 / np.maximum(length, 1e-6))
    nx, ny = nx * scale, ny * scale
    return best, nx, ny, np.sqrt(1 - nx * nx - ny * ny)


def _spout(p: Pots, x: Array, y: Array, out: dict[str, Array]) -> None:
    """A tapering tube on a Bézier curve, cut open at its tip."""
    start_y = p.ground + p.foot + p.spout_at * p.height
    start = np.stack([-profile(p, start_y) + 0.06, start_y], -1)[:, 0, 0]
    tip = np.stack([-p.radius - p.spout_reach, p.ground + p.foot + p.spout_tip * p.height], -1)[:, 0, 0]
    leaves, ends = p.spout_leaves[:, 0], p.spout_ends[:, 0]
    far = 0.42 * np.linalg.norm(tip - start, axis=-1, keepdims=True)
    one = start + far * np.concatenate([-np.cos(leaves), np.sin(leaves)], -1)
    toward = np.concatenate([-np.cos(ends), np.sin(ends)], -1)
    two = tip - far * toward
    s = np.linspace(0, 1, 11, dtype=np.float32)[None, :, None]
    line = (1 - s) ** 3 * start[:, None] + 3 * s * (1 - s) ** 2 * one[:, None]
    line = line + 3 * s * s * (1 - s) * two[:, None] + s**3 * tip[:, None]
    wide = p.spout_wide[:, 0] + (p.tip_wide - p.spout_wide)[:, 0] * s[:, :, 0] ** 0.75
    inside, nx, ny, nz = _tube(x, y, line, wide)
    # The mouth looks up and outward; it is cut between the tube's own direction and straight up.
    cut = toward + np.array([0.0, 1.1], np.float32)
    cut = cut / np.linalg.norm(cut, axis=-1, keepdims=True)
    dx, dy = x - tip[:, 0, None, None], y - tip[:, 1, None, None]
    along = dx * cut[:, 0, None, None] + dy * cut[:, 1, None, None]
    across = dy * cut[:, 0, None, None] - dx * cut[:, 1, None, None]
    out["spout"] = np.maximum(np.minimum(inside, -along), _ellipse(across, along, p.tip_wide * 1.12, p.tip_wide * 0.5))
    out["hole"] = _ellipse(across, along, p.tip_wide * 0.82, p.tip_wide * 0.3)
    out["spout_light"] = lit(nx, ny, nz)
    out["shine"] = np.where((out["body"] < 0) & (out["spout"] > 0), 0.8 * shine(nx, ny, nz), out["shine"])


def _handle(p: Pots, x: Array, y: Array, out: dict[str, Array]) -> None:
    """An ear: half a superellipse from the body's shoulder to its waist."""
    base = p.ground + p.foot
    top, low = base + p.handle_top * p.height, base + p.handle_low * p.height
    at_top, at_low = profile(p, top)[:, 0] - 0.04, profile(p, low)[:, 0] - 0.04
    turn = np.linspace(-np.pi / 2, np.pi / 2, 15, dtype=np.float32)[None, :]
    power = 2 / p.handle_power[:, 0]
    out_, up = np.abs(np.cos(turn)) ** power, np.sign(turn) * np.abs(np.sin(turn)) ** power
    reach = p.radius[:, 0] + p.handle_reach[:, 0] - 0.5 * (at_top + at_low)
    line_x = at_low + (at_top - at_low) * (up + 1) / 2 + out_ * (reach + p.handle_ear[:, 0] * up)
    line_y = 0.5 * (top + low)[:, 0] + 0.5 * (top - low)[:, 0] * up + p.handle_ear[:, 0] * out_ * 0.6
    wide = p.handle_wide[:, 0] * (1 + 0.18 * up)
    inside, nx, ny, nz = _tube(x, y, np.stack([line_x, line_y], -1), wide)
    out["handle"], out["handle_light"] = inside, lit(nx, ny, nz)
    own = (inside > 0) & (out["body"] < 0)
    out["shine"] = np.where(own, 0.8 * shine(nx, ny, nz), out["shine"])


def pattern(p: Pots, across: Array, up: Array) -> tuple[Array, Array, Array, Array]:
    """Distances to a second glaze that runs down, and to bands, dots and a flower in a third colour, at these places
    of the body (see SURFACE)."""
    turn = np.arcsin(across)
    wave = 0.65 * np.cos(4 * turn + p.drip_turn) + 0.35 * np.cos(7 * turn + p.drip_turn_too)
    glaze = 0.85 * (p.height * (up - 1 + p.drip) + p.drip_deep * wave)
    level = p.height * (up - p.band_at)
    bands = p.band - np.abs(np.abs(level) - 0.1)
    pitch = np.float32(2 * np.pi / 16)
    nearest = np.clip(np.round(turn / pitch), -3, 3) * pitch
    aside = p.radius * (across - np.sin(nearest)) / np.maximum(np.cos(nearest), 0.35)
    dots = p.dot - np.sqrt(aside**2 + (level / p.dot_tall) ** 2)
    x, y = p.radius * across + 0.02, p.height * (up - 0.5)
    away, petal = np.sqrt(x * x + y * y), np.arctan2(x, y)
    flower = p.flower * (0.74 + 0.26 * np.cos(5 * petal)) - away
    flower = np.minimum(flower, away - 0.27 * p.flower)
    return glaze, bands, dots, flower


def _scene(p: Pots, x: Array, y: Array, out: dict[str, Array]) -> None:
    """Wall, table, mat, and the pot's shadow on them."""
    middle = p.ground + p.foot + 0.6 * p.height
    out["disc"] = p.disc - np.sqrt((x + p.centre) ** 2 + (y - middle) ** 2)
    out["table"] = p.horizon - y + 0 * x
    out["mat"] = _ellipse(x, y - p.ground, np.maximum(p.mat, 0.05), np.maximum(p.mat, 0.05) * 0.2)
    out["mat"] = np.where(p.mat > 0.05, out["mat"], -1)
    wide = p.radius * (0.35 + 0.6 * p.bottom)
    shade = np.exp(-(((x - 0.16) / (wide * 1.25)) ** 2) * 1.1 - ((y - p.ground + 0.03) / 0.085) ** 2)
    touch = np.exp(-((x / (wide * 0.95)) ** 4) - ((y - p.ground + 0.035) / 0.045) ** 2)
    x = x + p.centre
    corner = 1.06 - 0.09 * (x * x + y * y) - 0.04 * x
    out["ground_light"] = corner * (1 - 0.34 * shade) * (1 - 0.3 * touch)
