"""Tells whether a photo lies outside what a release was trained on, by fixed descriptors and the rows' own distances.

A net is sure of itself on anything; this looks at the picture instead. What is compared: colours, layout, and how much
edge there is at which scale, direction and place. The rows vary along few axes: what a picture does outside of those
weighs most, its distance to the nearest rows a little. The threshold comes from rows that were left out in turn.
"""

import math
from functools import lru_cache

import numpy as np

Array = np.ndarray
LEAST = 30  # rows; with fewer nothing is called unfamiliar
SIDE = 48  # pictures are looked at this small: finer than that, cameras differ more than subjects do
FOLDS = 5
NEAREST = 3
NEAR_POWER = 0.3  # tried 0 to 0.5 on renders against photographs: 0.3 told them best with 300 rows and more
KEPT = 500  # rows kept to measure the nearest to
COMPONENTS = 48
QUANTILE = 0.99  # of the left-out rows' distances


@lru_cache(maxsize=64)
def _shrink(size: int, to: int) -> Array:
    """Matrix [to, size] of area means."""
    edges = np.linspace(0, size, to + 1)
    place = np.arange(size)
    share = np.minimum(edges[1:, None], place + 1) - np.maximum(edges[:-1, None], place)
    share = np.clip(share, 0, None)
    return (share / share.sum(1, keepdims=True)).astype(np.float32)


def _resize(planes: Array, to: int) -> Array:
    """Area means of [C, H, W], [C, to, to]."""
    height, width = planes.shape[1:]
    return _shrink(height, to) @ planes @ _shrink(width, to).T


def _spread(values: Array) -> Array:
    """Mean, spread and skew of each row of [C, N]."""
    mean = values.mean(1)
    away = values - mean[:, None]
    deviation = np.sqrt((away * away).mean(1)) + np.float32(1e-4)
    skew = (away * away * away).mean(1) / deviation**3
    return np.concatenate([mean, np.log(deviation + 0.01), np.cbrt(skew)])


def _quantiles(values: Array, shares: tuple) -> Array:
    """Of each row of [C, N]; sorting once is faster here than np.quantile."""
    ordered = np.sort(values, 1)
    return ordered[:, [int(share * (values.shape[1] - 1)) for share in shares]].ravel()


def describe(image: Array) -> Array:
    """A picture, float32 [3, H, W] 0..1 (one channel or more), as float32 [D] numbers; the same D for any H and W."""
    image = np.asarray(image, np.float32)
    small = _resize(image[:3] if image.shape[0] >= 3 else np.repeat(image[:1], 3, 0), SIDE)
    red, green, blue = small
    light = (red + green + blue) / 3
    planes = np.stack([light, red - green, (red + green) / 2 - blue])
    flat = planes.reshape(3, -1)
    parts = [_spread(flat), _quantiles(flat, (0.05, 0.25, 0.5, 0.75, 0.95)), _resize(planes, 6).ravel()]
    level = planes
    for size in (48, 24, 12):
        level = level if size == SIDE else _resize(planes, size)
        parts += _edges(level)
    return np.concatenate(parts).astype(np.float32)


def _edges(level: Array) -> list[Array]:
    """Logarithms of edge energy: by direction, by place, and how unevenly it is spread."""
    across = level[:, 1:-1, 2:] - level[:, 1:-1, :-2]
    down = level[:, 2:, 1:-1] - level[:, :-2, 1:-1]
    energy = np.sqrt(across * across + down * down)  # np.hypot minds overflow, and takes three times as long
    direction = np.floor((np.arctan2(down[0], across[0]) + math.pi) * (8 / math.pi)).astype(np.int64) % 8
    by_direction = np.bincount(direction.ravel(), energy[0].ravel(), 8)[:8] / energy[0].size
    total = by_direction.sum() + 1e-4
    by_place = _resize(energy, 4)
    bend = (
        level[:, 1:-1, 1:-1] * 4 - level[:, 1:-1, 2:] - level[:, 1:-1, :-2] - level[:, 2:, 1:-1] - level[:, :-2, 1:-1]
    )
    flat = energy.reshape(3, -1)
    uneven = _quantiles(flat, (0.3, 0.6, 0.9))
    strength = [np.log(flat.mean(1) + 0.003), np.log(np.abs(bend).reshape(3, -1).mean(1) + 0.003)]
    return [np.sort(by_direction / total), *strength, np.log(uneven + 0.003), np.log(by_place + 0.005).ravel()]


def _learn(rows: Array) -> dict[str, Array]:
    """Mean, scale and whitening axes of descriptors [N, D], and the rows in those axes."""
    count, width = rows.shape
    mean, scale = rows.mean(0), rows.std(0) + 1e-3
    z = (rows - mean) / scale
    variance, axes = np.linalg.eigh(z.T @ z / count)
    variance, axes = variance[::-1].clip(0), axes.T[::-1]
    keep = max(2, min(COMPONENTS, count // 6, width))
    rest = max(float(variance[keep:].sum()), 1e-3 * width) / width
    axes = axes[:keep] / np.sqrt(variance[:keep] + rest)[:, None]
    whitened = z @ axes.T
    step = max(1, math.ceil(count / KEPT))
    return {
        "mean": mean.astype(np.float32),
        "scale": scale.astype(np.float32),
        "axes": np.ascontiguousarray(axes, np.float32),  # safetensors would write another memory order as it lies
        "spread": (variance[:keep] + rest).astype(np.float32),
        "rest": np.float32([rest]),
        "rows": whitened[::step].astype(np.float16),
    }


def _measure(params: dict[str, Array], row: Array) -> float:
    """Distance from the rows' axes times a power of that to the nearest rows; about 1 for a usual row."""
    z = (row - params["mean"]) / params["scale"]
    inside = params["axes"] @ z
    outside = float(z @ z) - float((inside * inside * params["spread"]).sum())
    off = params["rows"].astype(np.float32) - inside
    near = float(np.sqrt(np.partition((off * off).sum(1), NEAREST)[:NEAREST]).mean()) / math.sqrt(len(inside))
    return math.sqrt(max(outside, 0.0) / (float(params["rest"][0]) * len(z))) * near**NEAR_POWER


def _row(image: Array, embedding: Array | None) -> Array:
    row = describe(image)
    return row if embedding is None else np.concatenate([row, np.asarray(embedding, np.float32).ravel()])


def fit(images: Array, embeddings: Array | None = None) -> dict[str, Array]:
    """What is needed to measure distances, from float32 [N, 3, H, W] 0..1 (and embeddings [N, D]).

    `threshold`, float32 [1]: beyond it a photo is unfamiliar; infinite with fewer than 30 rows. At most 300 KB."""
    rows = np.stack(
        [_row(image, None if embeddings is None else embeddings[i]) for i, image in enumerate(images)]
    ).astype(np.float64)
    if len(rows) < LEAST:
        return {"threshold": np.float32([np.inf])}
    folds = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    left_out = np.empty(len(rows))
    for fold in range(FOLDS):
        params = _learn(rows[folds != fold])
        left_out[folds == fold] = [_measure(params, row) for row in rows[folds == fold]]
    params = _learn(rows)
    # Few rows say little of their own tail: stay clear of it by a margin that shrinks as rows grow.
    params["threshold"] = np.float32([np.quantile(left_out, QUANTILE) * (1 + 1 / len(rows) ** 0.75)])
    return params


def distance(params: dict[str, Array], image: Array, embedding: Array | None = None) -> float:
    """How far a picture, float32 [3, H, W] 0..1, lies from the rows; compare with params["threshold"]."""
    if "axes" not in params:
        return 0.0
    return _measure(params, _row(image, embedding))
