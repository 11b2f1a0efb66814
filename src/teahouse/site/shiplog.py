"""The maker's ship log: what came out of the house, month by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.site import pages, render, shelf
from teahouse.site.deps import Shown, deps_of
from teahouse.site.shell import shell_of
from teahouse.store import lineage, releases, rollouts

MOST = 500  # steps of an app


def page(request: Request) -> Response:
    """GET /log."""
    deps = deps_of(request)
    shown = deps.serving.apps.values()
    with deps.house.db.read() as c:
        entries = [entry for one in shown for entry in of_app(c, one)]
    shell = shell_of(deps)
    return render.render(pages.Log(shell=shell, months=months(entries)), request.state.nonce)


def of_app(c: Any, shown: Shown) -> list[pages.Entry]:
    """The lines of an app, oldest first: each time that another release took over."""
    found: list[pages.Entry] = []
    before: Any = None
    seen: set[str] = set()
    for step in reversed(rollouts.fulls(c, shown.name, MOST)):
        if before is not None and step.release == before.release:
            continue
        kind = "back" if step.release in seen else "release" if before is not None else "opened"
        words = told(c, step, before) if kind == "release" else ""
        if kind == "release" and rollouts.taken_off(c, step.app, step.release):
            words = f"{words}; rolled back since" if words else "rolled back since"
        number = releases.number(c, step.release) or 0
        found.append(pages.Entry(step.at, shown.name, shown.title, number, kind, words))
        seen.add(step.release)
        before = step
    return found


def told(c: Any, step: Any, before: Any) -> str:
    """What a release is better in than the one before it, and what it learned from since; "" where nobody knows.

    Of one that was put on by hand, with no verdict that it is better, just that."""
    verdict = lineage.verdict(c, step.verdict) if step.verdict else lineage.verdict_on(c, step.release)
    proven = verdict is not None and verdict.champion == before.release and verdict.outcome == "promote"
    if step.by == "owner" and not proven:
        return "put on by hand; not proven better"
    better = gain(verdict.numbers) if proven else ""
    new = shelf.words_in(c, step.release) - shelf.words_in(c, before.release)
    taught = f"learned from {render.count(new, 'word')} of visitors" if new > 0 else ""
    return ", ".join(part for part in (better, taught) if part)


def gain(numbers: Mapping[str, Any]) -> str:
    """What the numbers of a verdict say of a release that took over, in words."""
    chosen, gold = numbers.get("choices"), numbers.get("gold")
    if isinstance(chosen, Mapping) and chosen.get("n"):
        return f"{chosen['challenger']:,} of {chosen['n']:,} who saw both liked it better"
    points = round(float(gold.get("points") or 0)) if isinstance(gold, Mapping) else 0
    return f"right {render.count(points, 'point')} more often" if points > 0 else ""


def months(entries: Sequence[pages.Entry]) -> tuple[pages.Month, ...]:
    """The lines by month, newest first. Months are those of UTC."""
    newest = sorted(entries, key=lambda one: -one.at)
    found = []
    for name, lines in groupby(newest, lambda one: f"{datetime.fromtimestamp(one.at / 1000, UTC):%B %Y}"):
        of_month = tuple(lines)
        kinds = [one.kind for one in of_month]
        found.append(pages.Month(name, of_month, len(kinds) - kinds.count("back"), kinds.count("opened")))
    return tuple(found)
