"""/{app}/card: the model's card for visitors: what it is for, what it learned from, how often it is right, where it is
weak. Written from the same facts that the owner sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.errors import NotFound
from teahouse.release import slices
from teahouse.release.verdict import ROWS
from teahouse.site import accuracy, pages, render
from teahouse.site.deps import Deps, Live, Shown, deps_of
from teahouse.site.shell import shell_of
from teahouse.store import lineage, rollouts

WEAK_ROWS = 20  # of a label or a kind of photo; fewer are no ground for a word on it
WEAK_BELOW = 0.05  # less often right than on the whole by so much, to be called weak
MOST = 4


def page(request: Request) -> Response:
    """GET /{app}/card."""
    deps = deps_of(request)
    shown = deps.serving.apps.get(request.path_params["app"])
    if shown is None:
        raise NotFound("There is nothing under this address.", do_next="The home page shows what there is.")
    return render.render(card(deps, shown), request.state.nonce)


def card(deps: Deps, shown: Shown) -> Any:
    """The card of the release that answers, or the page of an app that is not open."""
    shell = shell_of(deps)
    live = shown.champion
    if live is None:
        return pages.Closed(shell=shell, title=shown.title)
    with deps.house.db.read() as c:
        verdict, version = lineage.verdict_on(c, live.release), lineage.version_of(c, live.release)
        step = next((row for row in rollouts.fulls(c, live.app, 500) if row.release == live.release), None)
    numbers = (verdict.numbers or {}) if verdict is not None else {}
    told = accuracy.judged(verdict) or accuracy.found(live.manifest.metrics)
    return pages.ModelCard(
        shell=shell,
        name=shown.name,
        title=shown.title,
        description=live.manifest.description,
        note=live.manifest.note,
        release=live.number,
        since=step.at if step is not None else None,
        answers=tuple(live.output.words()) if hasattr(live.output, "words") else (),
        learned=learned(live, version.counts if version is not None else {}),
        accuracy=accuracy.of_page(told),
        preferred=preferred(numbers),
        weak=weak(numbers, live.manifest.metrics, told),
        unlike=live.manifest.familiar is not None,
        few=told is not None and told.n < ROWS,
    )


def learned(live: Live, counts: Mapping[str, Any]) -> tuple[str, ...]:
    """What it learned from, whose that was, and what was kept apart to judge it; in sentences."""
    train = int(counts.get("train") or 0) + int(counts.get("validation") or 0)
    visitors, words = int(counts.get("visitors") or 0), int(counts.get("words") or 0)
    judged = int(counts.get("gold") or 0) + int(counts.get("test") or 0)
    if not train and not judged:
        elsewhere = "Its maker trained it elsewhere; what it learned from is told by them alone."
        return () if live.manifest.run else (elsewhere,)
    said = [f"It learned from {render.count(train, 'photo' if _is_of_photos(live) else 'row')}"]
    if words:
        said[0] += f" and from visitors' words on {render.count(words, 'picture')}"
    said[0] += "."
    if visitors and visitors >= train:
        said.append("All of them are from visitors who allowed it.")
    elif visitors:
        of_visitors = render.count(visitors, "of them is", "of them are")
        said.append(f"{of_visitors} from visitors who allowed it; the rest is its maker's.")
    elif train:
        said.append("All of them are its maker's own; no visitor's photo is among them.")
    if judged:
        said.append(f"{render.count(judged, 'more was', 'more were')} never shown to it: on such it is judged.")
    return tuple(said)


def _is_of_photos(live: Live) -> bool:
    return any(one.kind == "image" for one in live.fields.values())


def preferred(numbers: Mapping[str, Any]) -> str:
    """What visitors chose, of a maker of pictures; "" where nobody was asked."""
    chosen = numbers.get("choices")
    if not isinstance(chosen, Mapping) or not chosen.get("n"):
        return ""
    liked = f"{chosen.get('challenger', 0):,} of {chosen['n']:,} visitors who saw both"
    return f"{liked} liked it better than the one before."


def weak(numbers: Mapping[str, Any], metrics: Mapping[str, Any], told: accuracy.Accuracy | None) -> tuple[str, ...]:
    """Where it is right clearly less often than on the whole, worst first, in sentences."""
    if told is None:
        return ()
    report = numbers.get("report") if isinstance(numbers.get("report"), Mapping) else metrics.get("report", metrics)
    classes = report.get("classes") if isinstance(report, Mapping) else None
    found = [(share, f"“{render.spoken(name)}”", n) for name, share, n in _measured(classes)]
    parts = numbers.get("slices")
    for kind, words in slices.WORDS.items() if isinstance(parts, Mapping) else ():
        if kind != "source":  # whose photos they are is told beside the accuracy
            found += [(share, words[name], n) for name, share, n in _measured(parts.get(kind)) if name in words]
    below = sorted(one for one in found if one[0] < told.value - WEAK_BELOW)
    return tuple(
        f"{render.spoken(name)}: right about {render.times(share)} times in 100, on {render.count(n, 'photo')}"
        for share, name, n in below[:MOST]
    )


def _measured(given: Any) -> list[tuple[str, float, int]]:
    """(name, share that is right, rows) of what was measured on enough rows; by name a {value, n}, or a tally."""
    found = []
    for name, one in given.items() if isinstance(given, Mapping) else ():
        n = one.get("n") if isinstance(one, Mapping) else None
        if not isinstance(n, int) or n < WEAK_ROWS:
            continue
        right = one.get("value", one["challenger"] / n if isinstance(one.get("challenger"), int) else None)
        if isinstance(right, (int, float)):
            found.append((str(name), float(right), n))
    return found
