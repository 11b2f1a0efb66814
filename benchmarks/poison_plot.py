"""Poison's plot: how good the champion is after six rounds, by the share of hostile visitors, as a small SVG."""

from __future__ import annotations

from collections import defaultdict
from statistics import mean
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 420, 64, 56, 190, 56
COLOURS = {"shift": "#0b6e4f", "random": "#b35c00", "targeted": "#6a3fa0"}


def draw(found: list[dict[str, Any]]) -> str:
    """A line an attack: the champion solid with its worst and best seed, the open loop dashed."""
    levels = sorted({one["level"] for one in found})
    ends: dict[tuple[str, int], list[float]] = defaultdict(list)
    opened: dict[tuple[str, int], list[float]] = defaultdict(list)
    for one in found:
        for attack in COLOURS if one["level"] == 0 else (one["attack"],):
            ends[attack, one["level"]].append(one["rounds"][-1]["accuracy"])
            opened[attack, one["level"]].append(one["open"][-1])
    every = [value for part in (*ends.values(), *opened.values()) for value in part]
    low, high = 10 * (min(every) // 10), min(100.0, 10 * (max(every) // 10 + 1))

    def x(level: float) -> float:
        return LEFT + levels.index(level) * (WIDTH - LEFT - RIGHT) / max(1, len(levels) - 1)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" '
        'font-size="13" fill="#26312c"><title>The champion after six rounds with hostile visitors</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fdfcf8"/>',
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="600">What liars can do to it</text>',
        f'<text x="{LEFT}" y="42" fill="#5c6a63">Right answers in per cent after six rounds; hostile visitors send '
        "ten times as much</text>",
    ]
    for value in range(int(low), int(high) + 1, 10):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#e2e0d6"/>'
                     f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')  # fmt: skip
    for level in levels:
        parts.append(f'<text x="{x(level):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{level} %</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle" fill="#5c6a63">'
                 "visitors who are hostile</text>")  # fmt: skip
    start = mean(one["start"] for one in found)
    parts.append(f'<path d="M{LEFT} {y(start):.1f}H{WIDTH - RIGHT}" stroke="#26312c" stroke-dasharray="2 3"/>'
                 f'<text x="{LEFT + 6}" y="{y(start) - 6:.1f}" fill="#5c6a63">at the start</text>')  # fmt: skip
    for number, (attack, colour) in enumerate(COLOURS.items()):
        for told, dash in ((ends, ""), (opened, ' stroke-dasharray="6 4" opacity=".6"')):
            there = [level for level in levels if told[attack, level]]
            points = " ".join(f"{x(level):.1f},{y(mean(told[attack, level])):.1f}" for level in there)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        for level in levels:
            if values := ends[attack, level]:
                at = x(level) + 4 * (number - 1)
                parts.append(f'<path d="M{at:.1f} {y(min(values)):.1f}V{y(max(values)):.1f}" stroke="{colour}" '
                             f'stroke-width="3"/>')  # fmt: skip
        place = TOP + 22 * number
        parts.append(f'<path d="M{WIDTH - RIGHT + 10} {place}h22" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{WIDTH - RIGHT + 38}" y="{place + 4}">{attack}</text>')  # fmt: skip
    place = TOP + 22 * len(COLOURS)
    parts.append(f'<path d="M{WIDTH - RIGHT + 10} {place}h22" stroke="#5c6a63" stroke-dasharray="6 4"/>'
                 f'<text x="{WIDTH - RIGHT + 38}" y="{place + 4}">open loop, no gate</text></svg>')  # fmt: skip
    return "".join(parts) + "\n"


def draw_tea(found: list[dict[str, Any]]) -> str:
    """How right the tea starter is, by candle-light and by day, after so many labels; the first point is before."""
    marks = [0, *(one["labels"] for one in found)]
    lines = {
        kind: [found[0]["scores"][kind][0], *(one["scores"][kind][1] for one in found)] for kind in ("candle", "day")
    }
    low = 5 * (min(min(line) for line in lines.values()) // 5)

    def x(place: int) -> float:
        return LEFT + place * (WIDTH - LEFT - RIGHT) / max(1, len(marks) - 1)

    def y(value: float) -> float:
        return TOP + (100 - value) / (100 - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" '
        'font-size="13" fill="#26312c"><title>The tea starter learns candle-light from visitors</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fdfcf8"/>',
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="600">Candle-light, learned from visitors</text>',
        f'<text x="{LEFT}" y="42" fill="#5c6a63">Right answers in per cent; one visitor in ten is hostile</text>',
    ]
    for value in range(int(low), 101, 5):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#e2e0d6"/>'
                     f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')  # fmt: skip
    for place, mark in enumerate(marks):
        gold = (
            f'<tspan x="{x(place):.1f}" dy="15" fill="#5c6a63">{found[place - 1]["gold"]} judge</tspan>'
            if place
            else ""
        )
        words = f"{mark} labels" if place else "before"
        parts.append(f'<text x="{x(place):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{words}{gold}</text>')
    for kind, colour, words in (("candle", "#b35c00", "by candle-light"), ("day", "#0b6e4f", "by day")):
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in enumerate(lines[kind]))
        at = f'x="{WIDTH - RIGHT + 10}" y="{y(lines[kind][-1]) + 4:.1f}"'
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<text {at} fill="{colour}">{words}</text>')  # fmt: skip
    return "".join(parts) + "</svg>\n"
