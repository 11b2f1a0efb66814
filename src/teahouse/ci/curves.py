"""Curves: a training's numbers as one SVG file that stands alone: on a page, in a README, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from teahouse.site import drawing

WIDE, HIGH, GAP, HEAD = 480, 180, 20, 30
MOST = 8  # curves
STYLE = """
  text { font: 15px system-ui, sans-serif; fill: #59636e }
  .name { font-weight: 600; fill: #1f2328 }
  .chart-mark { font-size: 13px; text-anchor: end }
  .chart-grid { stroke: #d1d9e0; fill: none }
  .chart-line { stroke: #0b7a53; fill: none; stroke-width: 2.25; stroke-linejoin: round }
  .chart-dot { fill: #0b7a53 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .name { fill: #f0f6fc } .chart-grid { stroke: #3d444d }
    .chart-line { stroke: #4cc38a } .chart-dot { fill: #4cc38a }
  }
"""


def draw(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Up to eight curves over the seconds of the training, two in a row; "" where there is none with two points."""
    known = [(name, points) for name, points in curves.items() if len(points) > 1][:MOST]
    if not known:
        return ""
    across = min(2, len(known))
    width = across * (WIDE + GAP) - GAP
    height = -(-len(known) // across) * (HIGH + HEAD + GAP) - GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{escape("Curves of the training: " + ", ".join(name for name, _ in known))}">',
        f"<style>{STYLE}</style>",
    ]
    for number, (name, points) in enumerate(known):
        x, y = number % across * (WIDE + GAP), number // across * (HIGH + HEAD + GAP)
        told = f"{name.replace('_', ' ')}: {points[-1][1]:.3g} after {points[-1][0]:.0f} s"
        parts.append(f'<text class="name" x="{x + 4}" y="{y + 20}">{escape(told)}</text>')
        picture = str(drawing.chart(name, points, WIDE, HIGH))
        parts.append(picture.replace("<svg ", f'<svg x="{x}" y="{y + HEAD}" width="{WIDE}" height="{HIGH}" ', 1))
    return "\n".join([*parts, "</svg>", ""])
