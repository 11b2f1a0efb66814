"""Small pictures of numbers as SVG: a sparkline, a run's curve, an interval, a ring. Attributes only, no inline style.

The content policy forbids style attributes; everything here is sized by attributes and coloured by classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

from markupsafe import Markup


def sparkline(series: Sequence[float], width: int = 160, height: int = 40) -> Markup:
    """The past of a number as a line with its last point marked; "" for fewer than two points."""
    if len(series) < 2:
        return Markup("")
    low, high = min(series), max(series)
    spread = (high - low) or 1.0
    step = (width - 8) / (len(series) - 1)
    points = [(4 + i * step, height - 5 - (v - low) / spread * (height - 10)) for i, v in enumerate(series)]
    line = _path(points)
    area = f"{line} L{points[-1][0]:.1f} {height} L{points[0][0]:.1f} {height} Z"
    x, y = points[-1]
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-hidden="true" focusable="false">'
        '<path class="spark-area" d="{area}"/><path class="spark-line" d="{line}"/>'
        '<circle class="spark-dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/></svg>'
    ).format(w=width, h=height, area=area, line=line, x=x, y=y)


def chart(name: str, points: Sequence[tuple[float, float]], width: int = 480, height: int = 180) -> Markup:
    """One curve of a run with its range written at the side. Has the same shape as the browser's own drawing."""
    left, right, top, bottom = 64, 10, 12, 24
    xs = [p[0] for p in points] or [0.0, 1.0]
    ys = [p[1] for p in points] or [0.0, 1.0]
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    wide, tall = (x1 - x0) or 1.0, (y1 - y0) or 1.0
    placed = [
        (left + (x - x0) / wide * (width - left - right), top + (y1 - y) / tall * (height - top - bottom))
        for x, y in points
    ]
    words = f"{name}: from {_short(ys[0])} to {_short(ys[-1])}" if points else f"{name}: nothing yet"
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{words}">'
        '<path class="chart-grid" d="M{l} {t}H{r}M{l} {m}H{r}M{l} {b}H{r}"/>'
        '<text class="chart-mark" x="{tx}" y="{t}" dy="4">{high}</text>'
        '<text class="chart-mark" x="{tx}" y="{b}" dy="4">{low}</text>'
        '<path class="chart-line" d="{line}"/><circle class="chart-dot" cx="{x:.1f}" cy="{y:.1f}" r="{dot}"/></svg>'
    ).format(
        w=width, h=height, words=words, l=left, r=width - right, t=top, b=height - bottom,
        m=(top + height - bottom) // 2, tx=left - 8, high=f"{y1:.2g}", low=f"{y0:.2g}", line=_path(placed),
        x=placed[-1][0] if placed else 0, y=placed[-1][1] if placed else 0, dot=4 if placed else 0,
    )  # fmt: skip


def by_day(
    words: str,
    values: Sequence[float | None],
    bounds: tuple[float, float],
    band: tuple[float, float] | None = None,
    changes: Sequence[int] = (),
) -> Markup:
    """A number day by day (None: none that day), between the lowest and highest of `bounds`; `band` is where it lay in
    the training, `changes` are the days on which another release took over."""
    w, h, edge = 320, 104, 6
    low, high = bounds
    spread, step = (high - low) or 1.0, (w - 2 * edge) / max(1, len(values) - 1)

    def across(at: float) -> float:
        return edge + at * step

    def up(value: float) -> float:
        return h - edge - (min(max(value, low), high) - low) / spread * (h - 2 * edge)

    drawn = [(across(at), up(value)) for at, value in enumerate(values) if value is not None]
    parts = [Markup('<path class="days-floor" d="M{l} {b}H{r}"/>').format(l=edge, r=w - edge, b=h - edge)]
    if band is not None:
        top, bottom = up(band[1]), up(band[0])
        rect = Markup('<rect class="days-band" x="{x}" y="{y:.1f}" width="{w}" height="{h:.1f}" rx="3"/>')
        parts.append(rect.format(x=edge, y=top, w=w - 2 * edge, h=max(3.0, bottom - top)))
    mark = Markup('<path class="days-change" d="M{x:.1f} {t}V{b}"/>')
    parts += [mark.format(x=across(at - 0.5), t=edge, b=h - edge) for at in changes if at > 0]
    for run in _runs(values):
        points = [(across(at), up(values[at] or 0.0)) for at in run]
        if len(points) > 1:
            parts.append(Markup('<path class="days-line" d="{}"/>').format(_path(points)))
    dot = Markup('<circle class="days-dot" cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>')
    parts += [dot.format(x=x, y=y, r=3.5 if (x, y) == drawn[-1] else 2) for x, y in drawn]
    head = Markup('<svg class="days" viewBox="0 0 {w} {h}" role="img" aria-label="{words}">')
    return head.format(w=w, h=h, words=words) + Markup("").join(parts) + Markup("</svg>")


def bars(words: str, values: Sequence[float]) -> Markup:
    """Sums one beside the other, month by month, oldest first; what lies below nothing hangs under the floor."""
    w, h, edge, gap = 720, 140, 6, 10
    high, low = max(0.0, *values), min(0.0, *values)
    scale, step = (h - 2 * edge) / ((high - low) or 1.0), (w - 2 * edge) / max(6, len(values))
    floor = edge + high * scale
    rect = Markup('<rect class="sum{under}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="4"/>')
    drawn = [
        rect.format(under=" under" if value < 0 else "", x=edge + at * step + gap / 2, w=step - gap,
                    y=floor - max(0.0, value) * scale, h=max(1.0, abs(value) * scale))
        for at, value in enumerate(values) if value
    ]  # fmt: skip
    line = Markup('<path class="days-floor" d="M{l} {y:.1f}H{r}"/>').format(l=edge, r=w - edge, y=floor)
    head = Markup('<svg class="days" viewBox="0 0 {w} {h}" role="img" aria-label="{words}">')
    return head.format(w=w, h=h, words=words) + Markup("").join([*drawn, line]) + Markup("</svg>")


def mix_by_day(words: str, rows: Sequence[Sequence[float]], usual: Sequence[float] = ()) -> Markup:
    """Shares of a few kinds day by day, stacked from below (an empty row: none that day); at the left, apart, the same
    in the training."""
    w, h, edge, kinds = 320, 104, 6, 6
    left = 40 if usual else edge
    step = (w - left - edge) / max(1, len(rows))
    columns = [(left + at * step, row) for at, row in enumerate(rows)]
    columns += [(edge, usual)] if usual else []
    rect = Markup('<rect class="mix-{kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"/>')
    parts = []
    for x, shares in columns:
        top = float(h - edge)
        wide = 22.0 if x == edge and usual else max(1.5, step - 2)
        for kind, share in enumerate(shares):
            tall = share * (h - 2 * edge)
            top -= tall
            if tall > 0:
                parts.append(rect.format(kind=kind % kinds, x=x, y=top, w=wide, h=tall))
    head = Markup('<svg class="days" viewBox="0 0 {w} {h}" role="img" aria-label="{words}">')
    return head.format(w=w, h=h, words=words) + Markup("").join(parts) + Markup("</svg>")


def _runs(values: Sequence[float | None]) -> list[list[int]]:
    """The places of values in a row without a gap."""
    runs: list[list[int]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(at)
    return [run for run in runs if run]


def interval(low: float, value: float, high: float, floor: float, before: float | None = None) -> Markup:
    """A share with its interval on a line from `floor` to 1; `before` is drawn as a tick."""

    def at(share: float) -> str:
        return f"{max(0.0, min(1.0, (share - floor) / (1 - floor))) * 100:.2f}%"

    width = f"{max(0.6, (high - max(low, floor)) / (1 - floor) * 100):.2f}%"
    line = Markup('<line class="bar-before" x1="{x}" x2="{x}" y1="3" y2="25"/>')
    tick = "" if before is None else line.format(x=at(before))
    return Markup(
        '<svg class="interval" width="100%" height="28" aria-hidden="true" focusable="false">'
        '<rect class="bar-track" x="0" y="12" width="100%" height="4" rx="2"/>'
        '<rect class="bar-range" x="{low}" y="8" width="{width}" height="12" rx="6"/>{tick}'
        '<circle class="bar-value" cx="{value}" cy="14" r="6"/></svg>'
    ).format(low=at(low), width=width, value=at(value), tick=tick)


def floor_of(lows: Sequence[float]) -> float:
    """Where a line with all these shares on it begins: a tenth below the lowest, never under 0 nor over 0.9."""
    lowest = min(lows, default=0.0)
    return max(0.0, min(0.9, int(lowest * 10 - 0.5) / 10))


def ring(share: float, size: int = 168) -> Markup:
    """A share as a ring that closes at 1, begun at the top."""
    r = size / 2 - 12
    around = 2 * pi * r
    return Markup(
        '<svg class="ring" viewBox="0 0 {s} {s}" width="{s}" height="{s}" aria-hidden="true" focusable="false">'
        '<circle class="ring-track" cx="{c}" cy="{c}" r="{r}"/>'
        '<circle class="ring-share{none}" cx="{c}" cy="{c}" r="{r}" stroke-dasharray="{on:.1f} {around:.1f}" '
        'transform="rotate(-90 {c} {c})"/></svg>'
    ).format(
        s=size, c=size / 2, r=r, on=max(0.0, min(1.0, share)) * around, around=around, none="" if share else " none"
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else "M0 0"


def _short(number: float) -> str:
    return f"{number:.3g}"


def qr(link: str) -> Markup:
    """A link as a QR code, dark on white whatever the page's colours are: cameras read it so."""
    import segno

    drawn = segno.make(link, error="m").svg_inline(scale=5, border=4, dark="#23291f", light="#fff", omitsize=True)
    return Markup(drawn)  # noqa: S704  made of squares alone
