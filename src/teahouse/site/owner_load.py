"""/owner/load: how busy the house is just now: how many answers, who waits, and where the time of an answer goes."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
from fastapi import Request
from starlette.responses import Response

from teahouse.engine.port import EngineState
from teahouse.site import owner_page_shapes as shapes
from teahouse.site import owner_views, pages, pulse, render
from teahouse.site.deps import Deps, deps_of
from teahouse.site.owner_reviews import app_of
from teahouse.site.owner_shapes import LoadOut

SHOWN_S, LATELY_S, MINUTE_S = 120, 10, 60
STAGES = {
    "receive": "The photo comes in",
    "queue": "Waits for its turn",
    "decode": "Is opened",
    "wait": "Waits for a free core",
    "infer": "The model works",
    "commit": "Is written to the disk",
    "send": "Goes out",
}


def page(request: Request) -> Response:
    """GET /owner/load."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        desk = owner_views.desk(c, deps, app_of(c, request.query_params.get("app") or None))
    shown = shapes.Load(
        shell=pages.Shell(deps.settings.site.title or "Teahouse", len(deps.serving.apps) > 1, owner=True),
        desk=desk,
        stages=tuple(STAGES.items()),
        told=now(request),
    )
    return render.render(shown, request.state.nonce)


def now(request: Request) -> LoadOut:
    """How busy this house is, in words and in numbers: of the last two minutes and the last thousand answers."""
    deps = deps_of(request)
    return told(deps, deps.engine.state())


def told(deps: Deps, state: EngineState) -> LoadOut:
    """The same of a pulse and of an engine."""
    beat = deps.pulse
    last = list(beat.last)  # once: this runs in a thread, and more of them come meanwhile
    answered, shed = beat.by_second("answered", SHOWN_S), beat.by_second("shed", SHOWN_S)
    times = {stage: [one.get(stage, 0.0) for one in last] for stage in pulse.STAGES}
    whole = [sum(one) for one in zip(*times.values(), strict=True)]
    memory = state.memory + psutil.Process().memory_info().rss
    middle = {stage: pulse.quantile(values, 0.5) for stage, values in times.items()}
    slow = {stage: pulse.quantile(values, 0.99) for stage, values in times.items()}
    longest = max(middle.values(), default=0.0) or 1.0
    words = {
        "rate": f"{sum(answered[-LATELY_S:]) / LATELY_S:.1f}",
        "rate-note": "in the last ten seconds",
        "waiting": f"{state.queue:,}",
        "waiting-note": f"about {state.wait:.1f} s" if state.queue else "nobody waits",
        "whole": milliseconds(pulse.quantile(whole, 0.5)),
        "whole-note": f"99 of 100 within {milliseconds(pulse.quantile(whole, 0.99))}" if whole else "nothing yet",
        "shed": f"{sum(shed[-MINUTE_S:]):,}",
        "shed-note": troubles(deps.pulse),
        "memory": megabytes(memory),
        "memory-note": loaded(deps, state),
        "batch": batches(list(beat.batches)),
        **{f"{stage}-middle": milliseconds(value) for stage, value in middle.items()},
        **{f"{stage}-slow": milliseconds(value) for stage, value in slow.items()},
    }
    bars = {stage: round(value / longest, 3) for stage, value in middle.items()}
    return LoadOut(words=words, bars=bars, answered=answered, shed=shed, ms=middle, slow_ms=slow, waiting=state.queue,
                   memory=memory, counts=dict(beat.outcomes))  # fmt: skip


def milliseconds(value: float) -> str:
    """As people read it: "0.4 ms", "38 ms", "1.2 s"."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def megabytes(value: float) -> str:
    """Memory in MB."""
    return f"{value / 1e6:,.0f} MB"


def troubles(beat: pulse.Pulse) -> str:
    """What else went wrong in the last minute."""
    found = {what: sum(beat.by_second(what, MINUTE_S)) for what in ("late", "failed", "left")}
    words: Mapping[str, str] = {"late": "too late", "failed": "broke", "left": "did not wait"}
    said = [f"{n:,} {words[what]}" for what, n in found.items() if n]
    return ", ".join(said) or "no other trouble"


def loaded(deps: Deps, state: EngineState) -> str:
    """How many releases hold memory."""
    awake = len(state.ready) - len(state.asleep)
    rest = f", {len(state.asleep):,} asleep" if state.asleep else ""
    return f"{render.count(awake, 'release')} awake{rest}, of {render.count(len(deps.serving.apps), 'app')}"


def batches(sizes: list[int]) -> str:
    """How many were worked out together, in words."""
    if not sizes:
        return ""
    alone = sum(size == 1 for size in sizes) / len(sizes)
    if alone == 1:
        return "Each was worked out by itself."
    return f"{alone:.0%} were worked out one by one, the others with up to {max(sizes)} at a time."
