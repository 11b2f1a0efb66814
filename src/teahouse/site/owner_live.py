"""What changes while the owner looks: an event stream, today's numbers, the list of predictions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from teahouse import ids, telemetry
from teahouse.errors import TeahouseError
from teahouse.feedback import judges, tastes
from teahouse.monitor import today as monitor
from teahouse.release.verdict import ROWS
from teahouse.site import owner_access, pictures
from teahouse.site.deps import Deps, deps_of
from teahouse.site.owner_reviews import app_of, beside_photo, needed_of, next_page, photo_address
from teahouse.site.owner_shapes import PredictionOut, PredictionsOut, Seq, TodayOut
from teahouse.store import apps, feedback, jobs, labels, predictions, releases, reviews, rollouts

log = telemetry.log("site")

PAGE = 50
LOOK_S = 0.5
BEAT_S = 15.0
LONGEST_S = 600.0
"""After this the browser asks anew, so that no stream outlives the session or a new web process for long."""


async def live(request: Request) -> Response:
    """GET /api/owner/live: an event `change` at once and whenever anything was written."""
    deps = deps_of(request)
    closing = getattr(request.app.state, "closing", None)

    def alive() -> bool:
        return owner_access.owner_of(request) is not None

    stream = changes(deps, alive, lambda: closing is not None and closing.is_set())
    return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def changes(
    deps: Deps, alive: Callable[[], bool], closing: Callable[[], bool], longest: float = LONGEST_S
) -> AsyncIterator[bytes]:
    """The stream: it ends with the session, with the process, and after ten minutes."""
    until, beat, seen = time.monotonic() + longest, time.monotonic(), None
    yield b"retry: 1000\n\n"
    try:
        while time.monotonic() < until and not closing():
            version = deps.house.db.version()
            if version != seen:
                if not await run_in_threadpool(alive):
                    return
                told = await run_in_threadpool(state, deps, version)
                yield b"event: change\ndata: " + msgspec.json.encode(told) + b"\n\n"
                seen, beat = version, time.monotonic()
            elif time.monotonic() - beat > BEAT_S:
                yield b": still here\n\n"
                beat = time.monotonic()
            await asyncio.sleep(LOOK_S)
    except TeahouseError as error:
        log.warning("stream-ended", code=error.code)


def state(deps: Deps, version: int) -> dict[str, Any]:
    """What the owner's pages follow: labels that wait by app, the last jobs with their states, the champions."""
    with deps.house.db.read() as c:
        names = [row.name for row in apps.all_latest(c)]
        waiting = {name: reviews.left(c, name) for name in names}
        champions = {name: row.release for name in names if (row := rollouts.champion(c, name)) is not None}
        recent = jobs.recent(c, 10)
    told = [
        {
            "job": ids.text(row.id),
            "kind": row.kind,
            "app": row.app,
            "state": row.state or "queued",
            "detail": row.detail,
        }
        for row in recent
    ]
    return {"version": version, "waiting": waiting, "jobs": told, "champions": champions}


def today(request: Request, app: str | None = None) -> TodayOut:
    """The last 24 hours, and where the loop stands."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        shown = app_of(c, app)
        seen = monitor.read(c, shown.name, deps.clock())
        counts, gold = labels.counts(c, shown.name), judges.live(c, shown.name)
        new = tastes.waiting(c, shown.name)
        champion = rollouts.champion(c, shown.name)
        number = releases.number(c, champion.release) if champion is not None else None
    return TodayOut(
        app=shown.name,
        answers=seen.sum.answers,
        errors=seen.sum.errors,
        unfamiliar=seen.sum.unfamiliar,
        words=seen.sum.words,
        agreed=seen.sum.agreed,
        rated=seen.sum.rated,
        loved=seen.sum.loved,
        shown=seen.sum.shown,
        mean_ms=seen.mean_ms,
        by_hour=[hour.answers for hour in seen.hours],
        waiting=counts["waiting"],
        new=new,
        needed=needed_of(deps, shown.declaration),
        gold=gold,
        gold_needed=ROWS,
        champion=number,
    )


def answers(request: Request, app: str | None = None, before: Seq | None = None, limit: int = PAGE) -> PredictionsOut:
    """The answers of an app, newest first."""
    limit = min(max(limit, 1), 200)
    with deps_of(request).house.db.read() as c:
        rows = predictions.page(c, app_of(c, app).name, before, limit)
        told = [answer_out(c, row) for row in rows]
    return PredictionsOut(predictions=told, before=next_page(rows, limit))


def answer_out(c: Any, row: Any) -> PredictionOut:
    """An answer as the API gives it."""
    word, label = feedback.latest(c, row.id), labels.of_prediction(c, row.id)
    kept = label is not None and label.consent_live
    return PredictionOut(
        id=ids.text(row.id),
        at=row.at,
        app=row.app,
        release=row.release,
        arm=row.arm,
        output=pictures.plain(row.output),
        given=beside_photo(label.inputs) if kept else {},
        seed=row.seed,
        held=bool(row.held),
        ms=row.ms,
        word={"kind": word.kind, "value": word.value} if word is not None else None,
        photo=photo_address(label.id, label.inputs) if kept else "",
    )
