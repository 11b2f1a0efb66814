"""The style pictures, painted by procedure: `picture(name, side)` for each of NAMES. Numpy only."""

from __future__ import annotations

from importlib import import_module

import numpy as np

NAMES = ("night", "woodblock", "garden", "watercolour")


def picture(name: str, side: int = 512) -> np.ndarray:
    """float32 [side, side, 3] in 0..1; the same each time. One to four seconds at 512."""
    return import_module(f".{name}", __name__).picture(side)
