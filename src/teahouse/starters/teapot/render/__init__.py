"""Rendered teapots: `render(seed, side)`, and the layers that they are made of. NumPy only."""

from .layers import REACH, pattern
from .picture import draws, layers, render, rendered
from .pot import pots

__all__ = ["REACH", "draws", "layers", "pattern", "pots", "render", "rendered"]
