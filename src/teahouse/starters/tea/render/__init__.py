"""Rendered pictures of tea: `render(seed, label, domain, size)`. NumPy and Pillow only."""

from .scene import LABELS, render

__all__ = ["LABELS", "render"]
