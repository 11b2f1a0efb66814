"""Looks: how a photo looks in a few numbers: how bright, how sharp, how large. Cheap, from what is decoded already."""

from __future__ import annotations

import math

import numpy as np

from teahouse.model.figures import rounded

MOST_SIDE = 1024  # pixels: the house keeps no photo larger than that, so beyond it nothing differs
WINDOW = 256  # pixels of the middle that sharpness is read from


def look(image: np.ndarray, side: int | None = None) -> dict[str, float]:
    """How a picture, float32 [3, H, W] 0..1 as the model sees it, looks.

    brightness: mean grey, 0..1. blur: log10 of one more than the variance of the Laplacian on 0..255, in the middle (a
    sharp photo has about 3, a blurred one about 1; Pech-Pacheco et al. 2000). side: pixels of the longer side as it was
    given, at most 1,024; `side` None takes the picture's own."""
    grey = image.mean(0) if image.shape[0] > 1 else image[0]
    top, left = (max(0, (length - WINDOW) // 2) for length in grey.shape)
    middle = grey[top : top + WINDOW, left : left + WINDOW]
    bend = middle[1:-1, 1:-1] * 4 - middle[1:-1, 2:] - middle[1:-1, :-2] - middle[2:, 1:-1] - middle[:-2, 1:-1]
    sharp = float(bend.var()) * 255.0**2 if bend.size else 0.0
    found = {
        "brightness": float(grey.mean()),
        "blur": math.log10(1 + sharp),
    }
    told: dict[str, float] = {what: rounded(what, value) for what, value in found.items() if math.isfinite(value)}
    return {**told, "side": min(MOST_SIDE, side or max(grey.shape))}
