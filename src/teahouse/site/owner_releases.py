"""The owner's side of releases in the API: how good each is, and the rollouts by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from teahouse import failpoints, ids, telemetry
from teahouse.errors import Conflict, NotFound, NothingToDo
from teahouse.site import accuracy, owner_pictures, owner_rollouts, running
from teahouse.site.deps import Deps, Serving, deps_of
from teahouse.site.owner_reviews import app_of, next_page
from teahouse.site.owner_shapes import (
    ReleaseOut,
    ReleasesOut,
    ReleaseWholeOut,
    RolloutGiven,
    RolloutOut,
    RolloutsOut,
    Seq,
    VerdictOut,
)
from teahouse.store import lineage, releases, rollouts, servings

log = telemetry.log("site")

PAGE = 20
PATIENCE_S = 30.0
LOOK_S = 0.05


@dataclass(frozen=True)
class Standing:
    """How an app's rollouts stand: the latest step of each release, the champion and the one before it."""

    latest: dict[str, Any]
    champion: str | None
    previous: str | None
    progress: Mapping[str, str] = field(default_factory=dict)


def standing(c: Any, app: str, deps: Deps | None = None) -> Standing:
    """How the app's rollouts stand now; with `deps` also how far what is tried has come, in words."""
    latest: dict[str, Any] = {}
    for row in rollouts.history(c, app, limit=500):
        latest.setdefault(row.release, row)
    champion = rollouts.champion(c, app)
    tried = owner_rollouts.progress(c, app, deps.settings, deps.clock()) if deps is not None else {}
    return Standing(latest, champion.release if champion else None, rollouts.previous_champion(c, app), tried)


def listing(request: Request, app: str | None = None, before: Seq | None = None) -> ReleasesOut:
    """The releases of an app, newest first, each with its accuracy and verdict."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        name = app_of(c, app).name
        rows, stands = releases.of_app(c, name, before, PAGE), standing(c, name, deps)
        told = [release_out(c, row, stands) for row in rows]
    return ReleasesOut(releases=told, before=next_page(rows, PAGE))


def one(request: Request, id: str) -> ReleaseWholeOut:
    """A release with its manifest."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = get(c, id)
        return ReleaseWholeOut(release=release_out(c, row, standing(c, row.app, deps)), manifest=row.manifest)


def get(c: Any, id: str) -> Any:
    """The release of this id, or NotFound."""
    row = releases.get(c, id) if ids.is_digest(id) else None
    if row is None:
        raise NotFound("There is no such release.", do_next="See the list of releases.")
    return row


def release_out(c: Any, row: Any, stands: Standing) -> ReleaseOut:
    """A release as the API gives it."""
    verdict, step = lineage.verdict_on(c, row.id), stands.latest.get(row.id)
    return ReleaseOut(
        release=row.id,
        number=row.number,
        at=row.at,
        app=row.app,
        state=state_of(row, stands, verdict),
        share=step.share if step is not None else 0,
        champion=row.id == stands.champion,
        previous_champion=row.id == stands.previous,
        pinned=bool(step.pinned) if step is not None else False,
        rolled_back=step.at if rollouts.is_taken_off(step) else None,
        rolled_back_by=step.by if rollouts.is_taken_off(step) else None,
        rolled_back_why=step.why if rollouts.is_taken_off(step) else None,
        progress=stands.progress.get(row.id),
        accuracy=accuracy_of(row, verdict),
        choices=owner_pictures.choices_of(c, row, step, stands.champion, verdict),
        verdict=verdict_out(verdict),
        run=ids.text(row.run) if row.run else None,
    )


def state_of(row: Any, stands: Standing, verdict: Any) -> str:
    """Where a release stands, in one word."""
    step = stands.latest.get(row.id)
    if row.state == "quarantined":
        return "quarantined"
    if row.id == stands.champion:
        return "full"
    if step is not None:
        return step.state if step.state in ("canary", "shadow") else "earlier"
    return "refused" if verdict is not None and verdict.outcome == "reject" else "loaded"


def accuracy_of(row: Any, verdict: Any) -> accuracy.Accuracy | None:
    """How often a release is right, by its verdict, else by its manifest."""
    return accuracy.judged(verdict) or accuracy.found((row.manifest or {}).get("metrics") or {})


def verdict_out(row: Any) -> VerdictOut | None:
    """A verdict as the API gives it."""
    if row is None:
        return None
    return VerdictOut(
        at=row.at, outcome=row.outcome, reasons=row.reasons or [], numbers=row.numbers or {}, champion=row.champion
    )


def history(request: Request, app: str, before: Seq | None = None) -> RolloutsOut:
    """The steps of an app's rollouts, newest first."""
    with deps_of(request).house.db.read() as c:
        rows = rollouts.history(c, app_of(c, app).name, PAGE, before)
    return RolloutsOut(rollouts=[rollout_out(row) for row in rows], before=next_page(rows, PAGE))


def rollout_out(row: Any) -> RolloutOut:
    """A step as the API gives it."""
    names = ("seq", "at", "app", "release", "state", "share", "by", "why", "pinned", "form")
    return RolloutOut(**{name: getattr(row, name) for name in names})


def put(request: Request, app: str, given: RolloutGiven) -> RolloutOut:
    """Writes the step down, then waits until the site serves what is wanted, for at most 30 seconds."""
    deps = deps_of(request)
    seq = deps.house.db.write(lambda c: step(c, app_of(c, app).name, given, deps.clock()))
    failpoints.here("promotion-served")
    log.info("rollout", app=app, release=given.release[:12], state=given.state, share=given.share, by="owner")
    with deps.house.db.read() as c:
        row = next(one for one in rollouts.history(c, app, limit=50) if one.seq == seq)
        served = servings.current(c, deps.web)
        mark = max((one.seq for one in served), default=0)
        broken = {one.release for one in served if one.state == "failed"} - {row.release}
        wanted = [one for one in rollouts.wanted(c) if one.app == app and one.release not in broken]
    missing = wait_served(deps, app, wanted, mark)
    return rollout_out(row).model_copy(update={"served": not missing, "missing": missing or None})


def step(c: Any, app: str, given: RolloutGiven, at: int) -> int:
    """Appends what the owner asks; its seq. Rolling the champion back puts the one before it on."""
    row = get(c, given.release)
    if row.app != app:
        raise NotFound("This app has no such release.", do_next="See the list of releases.")
    if row.state != "ready":
        raise Conflict("This release is in quarantine.", "It was pushed and nobody has let it in.", "Look at it first.")
    if given.form is not None:
        running.refuse_missing(row, given.form)
    stands = standing(c, app)
    if given.release == stands.champion and given.state in ("canary", "shadow"):
        raise Conflict(
            "This release is the champion.",
            f"As {given.state} it would leave the app without one.",
            "Put another one on first.",
        )
    if given.state == "rolled_back" and given.release == stands.champion:
        return back(c, app, stands, given, at)
    whole = given.share if given.state in ("canary", "shadow") else 10_000 if given.state == "full" else 0
    return rollouts.append(c, by_owner(c, app, given.release, given.state, whole, given, at))


def back(c: Any, app: str, stands: Standing, given: RolloutGiven, at: int) -> int:
    """Takes the champion off and puts the one before it on; the seq of that."""
    if stands.previous is None:
        why = "There is none to go back to."
        raise NothingToDo("This is the only champion the app has had.", why, "Train another.")
    rollouts.append(c, by_owner(c, app, given.release, "rolled_back", 0, given, at))
    failpoints.here("rollback")
    return rollouts.append(c, by_owner(c, app, stands.previous, "full", 10_000, given, at))


def by_owner(c: Any, app: str, release: str, state: str, share: int, given: RolloutGiven, at: int) -> rollouts.Step:
    """A step of the owner's, with the last verdict on its release."""
    verdict = lineage.verdict_on(c, release)
    begun = rollouts.mark(c, app, release, at) if state in ("canary", "shadow") else None
    pinned = given.pinned and state == "full"
    return rollouts.Step(app, release, state, share, "owner", given.why, verdict.id if verdict else None, pinned, at,
                         begun, given.form)  # fmt: skip


def wait_served(deps: Deps, app: str, wanted: list[Any], mark: int, patience: float = PATIENCE_S) -> str:
    """Nothing once this web serves what is wanted; else in words what is missing, after `patience` or a failure."""
    until = time.monotonic() + patience
    while lacking := differing(deps.serving, app, wanted):
        if lacking & failures(deps, mark):
            return "The release could not be loaded; what served before serves on."
        if time.monotonic() >= until:
            return f"Not as wanted yet: {', '.join(release[:12] for release in sorted(lacking))}."
        time.sleep(LOOK_S)
    return ""


def differing(serving: Serving, app: str, wanted: list[Any]) -> set[str]:
    """The releases that are wanted and not loaded in their place, or loaded and not wanted there."""
    shown = serving.apps.get(app)
    places = {"full": (shown.champion,), "canary": shown.canaries, "shadow": shown.shadows} if shown is not None else {}
    loaded = {
        (state, live.release, live.seq)
        for state, lives in places.items()
        for live in lives
        if live is not None and live.ready
    }
    asked = {(row.state, row.release, row.seq) for row in wanted}
    return {release for _, release, _ in asked ^ loaded}


def failures(deps: Deps, mark: int) -> set[str]:
    """The releases that this web failed to load since the servings row `mark`."""
    with deps.house.db.read() as c:
        rows = servings.current(c, deps.web)
    return {row.release for row in rows if row.state == "failed" and row.seq > mark}
