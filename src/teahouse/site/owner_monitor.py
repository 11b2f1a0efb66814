"""/owner/monitor: what visitors gave and got, day by day, beside what the release learned from. Reads tallies only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.monitor import days
from teahouse.monitor.days import Day
from teahouse.monitor.drift import UNLIKE
from teahouse.site import owner_page_shapes as shapes
from teahouse.site import owner_views, pages, render
from teahouse.site.deps import deps_of
from teahouse.site.owner_reviews import app_of
from teahouse.store import drifts, releases, rollouts

WEEK = 7
KINDS = 6  # labels with a colour of their own; what is rarer is one
TITLES = {"brightness": "Brightness", "blur": "Sharpness", "side": "Size", "confidence": "How sure it is"}
NUMBERS = {
    "n": "photos counted",
    "mean": "visitors' photos",
    "usual": "its training",
    "psi": "stability index (from 0.2 it matters)",
    "log_e": "odds against luck (e-value)",
}
Value = Callable[[Day], float | None]


def page(request: Request) -> Response:
    """GET /owner/monitor."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        shown = app_of(c, request.query_params.get("app") or None)
        seen = days.read(c, shown.name, deps.clock())
        champion = rollouts.champion(c, shown.name)
        row = releases.get(c, champion.release) if champion is not None else None
        known = (row.manifest.get("figures") or {}) if row is not None else {}
        found = drifts.of_release(c, row.id) if row is not None else []
        said = {one.what: str(one.numbers.get("words", "")) for one in found}
        told = shapes.Monitor(
            shell=pages.Shell(deps.settings.site.title or "Teahouse", len(deps.serving.apps) > 1, owner=True),
            desk=owner_views.desk(c, deps, shown),
            charts=charts(seen, known, said),
            mix=mix(seen, known, said.get("labels", "")),
            drifts=tuple(drift_told(one) for one in found),
            photos=sum(day.photos for day in seen),
            phones=phones(seen),
            compared=row.number if row is not None else None,
            has_figures=bool(known),
        )
    return render.render(told, request.state.nonce)


def drift_told(row: Any) -> shapes.Told:
    """A drift as the page tells it, its numbers one click below."""
    told = tuple((words, _number(row, name)) for name, words in NUMBERS.items() if name in row.numbers)
    return shapes.Told(row.at, str(row.numbers.get("words", "")), told)


def _number(row: Any, name: str) -> str:
    """A number of a drift: a mean as its chart writes it, the logarithm of the e-value as odds."""
    value = row.numbers[name]
    if name == "log_e":
        return f"{round(math.exp(value), -1):,.0f} to 1" if value < math.log(1e6) else "over a million to 1"
    if name == "psi":
        return f"{value:.2f}"
    return shown(row.what, value) if name in ("mean", "usual") else render.number(value)


def charts(seen: Sequence[Day], known: Mapping[str, Any], said: Mapping[str, str]) -> tuple[shapes.DayChart, ...]:
    """All charts for which there is anything to show."""
    made = [_measured(what, seen, known, said.get(what, "")) for what in days.MEASURES]
    made += [_strange(seen, bool(known), said.get("familiarity", "")), _agreement(seen), _time(seen), _errors(seen)]
    return tuple(chart for chart in made if chart is not None)


def shown(what: str, value: Any) -> str:
    """A measure as it is written: a share of 100, size in pixels, sharpness as it is; a word as it stands."""
    if isinstance(value, str):
        return value
    if what in ("brightness", "confidence", "familiarity", "labels"):
        return f"{value * 100:.0f} %"
    return f"{value:,.0f} px" if what == "side" else f"{value:.2f}"


def _measured(what: str, seen: Sequence[Day], known: Mapping[str, Any], drifted: str) -> shapes.DayChart | None:
    usual = days.usual(known, what)
    values = [day.means.get(what) for day in seen]
    lately = _lately(seen, lambda day: day.means.get(what), lambda day: day.photos)
    if lately is None and usual is None:
        return None
    found = [value for value in values if value is not None] + ([usual.low, usual.high] if usual else [])
    room = {"brightness": (0.0, 1.0), "confidence": (0.0, 1.0)}.get(what)
    bounds = room or _around(found)
    untold = "its training tells nothing of this" if known else ""  # of a release without figures it is said once
    note = f"in its training {shown(what, usual.mean)}" if usual else untold
    return shapes.DayChart(
        name=what,
        title=TITLES[what],
        value="–" if lately is None else shown(what, lately),
        note=note,
        values=tuple(values),
        bounds=bounds,
        ends=(shown(what, bounds[0]), shown(what, bounds[1])),
        band=(usual.low, usual.high) if usual else None,
        changes=_changes(seen),
        rows=_rows(seen, lambda day: day.means.get(what), lambda value: shown(what, value), lambda day: day.photos),
        drifted=drifted,
    )


def _strange(seen: Sequence[Day], has_figures: bool, drifted: str) -> shapes.DayChart | None:
    def share(day: Day) -> float | None:
        return day.strange / day.told if day.told else None

    chart = _share_chart("familiarity", "Never seen the like", seen, share, lambda day: day.told)
    if chart is None:
        return None
    note = "in its training 1 % at most"
    most = max(0.1, *(1.25 * (share(day) or 0.0) for day in seen))
    top = min(1.0, most)
    chart = replace(chart, bounds=(0.0, top), ends=("0 %", render.percent(top)))
    return replace(chart, note=note, band=(0.0, UNLIKE) if has_figures else None, drifted=drifted)


def _agreement(seen: Sequence[Day]) -> shapes.DayChart | None:
    words = sum(day.words for day in seen)
    chart = _share_chart(
        "agreement",
        "Visitors agree",
        seen,
        lambda day: day.agreed / day.words if day.words else None,
        lambda day: day.words,
    )
    return chart and replace(chart, note=f"of {render.count(words, 'word')} in four weeks")


def _time(seen: Sequence[Day]) -> shapes.DayChart | None:
    lately = _lately(seen, lambda day: day.ms, lambda day: day.answers)
    if lately is None:
        return None
    bounds = (0.0, max(max((day.ms or 0.0) for day in seen), 1.0) * 1.15)

    def ms(value: float) -> str:
        return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"

    return shapes.DayChart(
        name="latency",
        title="An answer takes",
        value=ms(lately),
        note=f"on average, of {render.count(sum(day.answers for day in seen), 'answer')}",
        values=tuple(day.ms for day in seen),
        bounds=bounds,
        ends=("0", ms(bounds[1])),
        changes=_changes(seen),
        rows=_rows(seen, lambda day: day.ms, ms, lambda day: day.answers),
    )


def _errors(seen: Sequence[Day]) -> shapes.DayChart | None:
    if not any(day.answers or day.errors for day in seen):
        return None
    total = sum(day.errors for day in seen)
    most = max(4, max(day.errors for day in seen))
    values = tuple(float(day.errors) if day.answers or day.errors else None for day in seen)
    return shapes.DayChart(
        name="errors",
        title="Errors of ours",
        value=f"{sum(day.errors for day in seen[-WEEK:]):,}",
        note=f"in seven days; {total:,} in four weeks" if total else "none in four weeks",
        values=values,
        bounds=(0.0, float(most)),
        ends=("0", f"{most:,}"),
        changes=_changes(seen),
        rows=_rows(
            seen,
            lambda day: float(day.errors) if day.answers or day.errors else None,
            lambda value: f"{value:,.0f}",
            lambda day: day.answers,
        ),
    )


def _share_chart(
    name: str, title: str, seen: Sequence[Day], value: Value, of: Callable[[Day], int]
) -> shapes.DayChart | None:
    lately = _lately(seen, value, of)
    if lately is None:
        return None
    return shapes.DayChart(
        name=name,
        title=title,
        value=render.percent(lately),
        values=tuple(value(day) for day in seen),
        ends=("0 %", "100 %"),
        changes=_changes(seen),
        rows=_rows(seen, value, render.percent, of),
    )


def mix(seen: Sequence[Day], known: Mapping[str, Any], drifted: str) -> shapes.Mix | None:
    """What it answered, as shares of the labels; the rarest of many are one."""
    counts: Counter[str] = Counter()
    for day in seen:
        counts.update(day.labels)
    usual: Mapping[str, float] = (known.get("labels") or {}).get("shares") or {}
    if not counts:
        return None
    order = [name for name, _ in counts.most_common()] + [name for name in usual if name not in counts]
    named = order if len(order) <= KINDS else order[: KINDS - 1]
    rest = order[len(named) :]

    def shares(of: Mapping[str, float]) -> tuple[float, ...]:
        whole = sum(of.values())
        if not whole:
            return ()
        parts = [of.get(name, 0) / whole for name in named]
        return (*parts, sum(of.get(name, 0) for name in rest) / whole) if rest else tuple(parts)

    lately, before = shares(counts), shares(usual)
    names = [*named, *(["the others"] if rest else [])]
    told = tuple(
        (name, render.percent(share), render.percent(before[at]) if before else "")
        for at, (name, share) in enumerate(zip(names, lately, strict=True))
    )
    return shapes.Mix(told, tuple(shares(day.labels) for day in seen), before, drifted=drifted)


def phones(seen: Sequence[Day]) -> str:
    """Where photos come from, in words; "" where nobody knows."""
    counts: Counter[str] = Counter()
    for day in seen:
        counts.update(day.devices)
    whole = sum(counts.values())
    return f"{render.percent(counts['phone'] / whole)} come from phones" if whole else ""


def _lately(seen: Sequence[Day], value: Value, of: Callable[[Day], int]) -> float | None:
    """The mean of the last seven days that have any, else of all; None where there is nothing."""
    for span in (seen[-WEEK:], seen):
        pairs = [(found, of(day)) for day in span if (found := value(day)) is not None and of(day)]
        if pairs:
            return sum(found * n for found, n in pairs) / sum(n for _, n in pairs)
    return None


def _around(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.2 or max(abs(high) * 0.1, 0.1)
    return max(0.0, low - room), high + room


def _changes(seen: Sequence[Day]) -> tuple[int, ...]:
    """The places of the days on which another release answered most than on the day before that had answers."""
    found, before = [], ""
    for at, day in enumerate(seen):
        if day.releases:
            if before and day.releases[0] != before:
                found.append(at)
            before = day.releases[0]
    return tuple(found)


def _rows(
    seen: Sequence[Day], value: Value, write: Callable[[float], str], of: Callable[[Day], int]
) -> tuple[tuple[str, str, str], ...]:
    found = [(day.day, value(day), of(day)) for day in reversed(seen)]
    return tuple((_date(day), write(what), f"{n:,}") for day, what, n in found if what is not None)


def _date(day: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return f"{moment.day} {moment:%b}"
