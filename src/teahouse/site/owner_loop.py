"""The owner's side of the loop in the API: dataset versions, runs, jobs, erasures."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from fastapi import Request
from starlette.responses import FileResponse, Response

from teahouse import ids, telemetry
from teahouse.errors import InputError, NotFound
from teahouse.feedback import erase
from teahouse.site import owner_access
from teahouse.site.deps import Deps, deps_of
from teahouse.site.given import idempotency_key
from teahouse.site.owner_reviews import app_of, next_page
from teahouse.site.owner_shapes import (
    ErasureOut,
    ErasuresOut,
    JobAsked,
    JobEvent,
    JobGiven,
    JobOut,
    JobsOut,
    RunEvent,
    RunEventsOut,
    RunOut,
    RunsOut,
    Seq,
    VersionOut,
    VersionsOut,
)
from teahouse.store import erasures, jobs, lineage, predictions, releases

log = telemetry.log("site")

PAGE = 50
STATES = {"queued": "waiting", "running": "running", "step": "running"}
STEPS = {
    "gather": "taking in the maker's data",
    "version": "freezing the dataset version",
    "train": "training",
    "install": "sealing the release",
    "judge": "judging",
    "promote": "putting the champion on",
}


def versions(request: Request, app: str | None = None, before: Seq | None = None) -> VersionsOut:
    """The dataset versions of an app, newest first."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        rows = lineage.versions(c, app_of(c, app).name, before, PAGE)
    return VersionsOut(versions=[version_out(row) for row in rows], before=next_page(rows, PAGE))


def version(request: Request, id: str) -> VersionOut:
    """One dataset version."""
    with deps_of(request).house.db.read() as c:
        return version_out(found(lineage.version(c, ids.parse(id))))


def version_out(row: Any) -> VersionOut:
    """A version as the API gives it."""
    parent = ids.text(row.parent) if row.parent else None
    return VersionOut(id=ids.text(row.id), at=row.at, app=row.app, digest=row.digest, parent=parent, counts=row.counts)


def runs(request: Request, app: str | None = None, before: Seq | None = None) -> RunsOut:
    """The runs of an app, newest first."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        name = app_of(c, app).name
        rows, made = lineage.runs(c, name, before, PAGE), made_by_run(c, name)
        told = [run_out(c, row, deps.clock(), made) for row in rows]
    return RunsOut(runs=told, before=next_page(rows, PAGE))


def run(request: Request, id: str, after: Seq = 0) -> RunEventsOut:
    """A run, and what it logged since the seq ?after=."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = found(lineage.run(c, ids.parse(id)))
        events = run_events(c, row, after)
        told = run_out(c, row, deps.clock(), made_by_run(c, row.app))
    return RunEventsOut(run=told, state=told.state, events=events, after=events[-1].seq if events else after)


def run_out(c: Any, row: Any, now: int, made: Mapping[bytes, Any]) -> RunOut:
    """A run as the API gives it, with the state of its job."""
    job = jobs.get(c, row.job) if row.job else None
    state = STATES.get(job.state, job.state) if job is not None else "done"
    ended = job is not None and job.state in jobs.FINISHED
    until = job.state_at if ended else now
    release = made.get(row.id)
    return RunOut(
        id=ids.text(row.id),
        at=row.at,
        app=row.app,
        version=ids.text(row.version),
        kind=row.kind,
        state=state,
        words=job_words(job) if job is not None else "",
        seconds=max(0.0, (until - row.at) / 1000) if job is not None else None,
        release=release.id if release is not None else None,
    )


def made_by_run(c: Any, app: str) -> dict[bytes, Any]:
    """The app's releases by the run that made them."""
    return {row.run: row for row in releases.of_app(c, app, limit=200) if row.run}


def run_events(c: Any, row: Any, after: int = 0) -> list[RunEvent]:
    """What a run told since the seq `after`, oldest first, at most a thousand."""
    return [run_event(one, row.at) for one in lineage.run_events(c, row.id, after)]


def run_event(one: Any, began: int) -> RunEvent:
    """An event of a run as the API gives it."""
    told = one.numbers if isinstance(one.numbers, dict) else {}
    x, epoch = max(0.0, (one.at - began) / 1000), told.get("epoch")
    if one.name != "log":
        return RunEvent(seq=one.seq, at=one.at, name=one.name, x=x, epoch=epoch, numbers={}, detail=told)
    numbers = {name: n for name, n in told.items() if name != "epoch" and type(n) in (int, float) and isfinite(n)}
    return RunEvent(seq=one.seq, at=one.at, name=one.name, x=x, epoch=epoch, numbers=numbers)


def ask_job(request: Request, given: JobGiven) -> JobAsked:
    """Asks the loop for work. What is asked already and has no end is not asked twice."""
    deps = deps_of(request)
    idem = idempotency_key(request, 150)
    guard = owner_access.require_fresh if given.kind in ("export", "erase") else owner_access.require_owner
    owner = guard(request)
    if given.kind == "erase":
        forget(deps, given.args)
    # An erasure's job says nothing of whose data it was; it mends all frozen copies.
    args = {} if given.kind == "erase" else given.args

    def write(c: Any) -> tuple[bytes, bool]:
        app = None if given.kind == "erase" else app_of(c, given.app).name
        same = [row for row in jobs.unfinished(c, given.kind, app) if row.args == args]
        if same:
            return same[0].id, False
        key = f"owner:{idem}" if idem else None
        return jobs.ask(c, ids.new_id(), given.kind, app, args, "owner", key, deps.clock())

    job, new = deps.house.db.write(write)
    log.info("job-asked", job=ids.text(job), kind=given.kind, app=given.app, new=new, by=owner.by)
    return JobAsked(job=ids.text(job), new=new)


def forget(deps: Deps, args: dict[str, Any]) -> None:
    """Erases a prediction, a label or all of a visitor at once; the job then mends versions and exports."""
    ways = {"prediction": erase.forget_prediction, "label": erase.forget_label, "visitor": erase.forget_visitor}
    kind = next(iter(args), "")
    if len(args) != 1 or kind not in ways or not isinstance(args[kind], str):
        raise InputError("Say what to erase.", 'args is {"prediction": id}, {"label": id} or {"visitor": id}.')
    wanted = ids.parse(args[kind])
    if kind == "prediction":
        with deps.house.db.read() as c:
            found(predictions.get(c, wanted))
    blobs = deps.house.db.write(lambda c: ways[kind](c, deps.house, wanted, "owner"))
    deps.known.clear()
    erase.delete_blobs(deps.house, blobs)
    log.info("erased", kind=kind)


def job_list(request: Request, app: str | None = None, limit: int = 20) -> JobsOut:
    """The last jobs, newest first."""
    with deps_of(request).house.db.read() as c:
        return JobsOut(jobs=[job_out(row) for row in jobs.recent(c, min(max(limit, 1), 100), app)])


def job(request: Request, id: str, after: Seq = 0) -> JobOut:
    """A job with what happened to it since the seq ?after=."""
    with deps_of(request).house.db.read() as c:
        row = found(jobs.get(c, ids.parse(id)))
        return job_out(row, jobs.events(c, row.id, after))


def job_out(row: Any, events: list[Any] | None = None) -> JobOut:
    """A job as the API gives it."""
    told = [JobEvent(seq=one.seq, at=one.at, state=one.state, detail=one.detail) for one in events or ()]
    return JobOut(
        job=ids.text(row.id),
        at=row.at,
        kind=row.kind,
        app=row.app,
        by=row.by,
        state=row.state or "queued",
        detail=row.detail,
        events=told if events is not None else None,
    )


def job_file(request: Request) -> Response:
    """The zip that an export made, until the house tidies up."""
    deps = deps_of(request)
    owner_access.require_fresh(request)
    with deps.house.db.read() as c:
        row = found(jobs.get(c, ids.parse(request.path_params["id"])))
    # The name is made here: nothing of what a job says becomes a path.
    file = deps.house.data / "exports" / f"{ids.text(row.id)}.zip"
    if row.kind != "export" or row.state != "done" or not file.is_file():
        raise NotFound(
            "There is no file of this job.", "It is not done yet, or its file was removed.", "Ask for a new export."
        )
    return FileResponse(
        file, media_type="application/zip", filename=f"{row.app}.zip", headers={"Cache-Control": "no-store"}
    )


def job_words(row: Any) -> str:
    """How a job stands, in a few words."""
    detail = row.detail if isinstance(row.detail, dict) else {}
    told = detail.get("words") or detail.get("what") or detail.get("why")
    if told and row.state == "refused" and detail.get("do_next"):
        return f"{told} {detail['do_next']}"
    if told:
        return str(told)
    if row.state == "step":
        step = str(detail.get("step", ""))
        return STEPS.get(step, step)
    return {"queued": "waits for its turn", "running": "has begun"}.get(row.state or "queued", "")


def erased(request: Request, after: Seq = 0) -> ErasuresOut:
    """What was erased since the seq ?after=, oldest first."""
    with deps_of(request).house.db.read() as c:
        rows = erasures.since(c, after)
    told = [ErasureOut(seq=row.seq, at=row.at, kind=row.kind, ref=row.ref, reason=row.reason) for row in rows]
    return ErasuresOut(erasures=told, after=rows[-1].seq if rows else after)


def found(row: Any) -> Any:
    """The row, or NotFound."""
    if row is None:
        raise NotFound("There is nothing under this id.", do_next="Look at the list.")
    return row
