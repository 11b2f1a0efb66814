"""/owner/timeline: all that happened to an app, newest first, each line a way onward."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse.release.rollout import visitors
from teahouse.site import owner_loop, owner_rollouts, owner_trace, owner_views, pages, render
from teahouse.site import owner_page_shapes as shapes
from teahouse.site.deps import deps_of
from teahouse.site.owner_page_shapes import Link, Moment
from teahouse.site.owner_reviews import app_of
from teahouse.store import jobs, lineage, releases, timeline

PAGE = 40
BY = {"owner": "by you", "loop": "by the loop", "guard": "by a guard", "publish": "by publish"}
STATES = {
    "full": "answers everybody",
    "canary": "answers some of the visitors",
    "shadow": "is asked in the shadow, and nobody sees its answers",
    "rolled_back": "was rolled back",
}
TONES = {"promote": "good", "reject": "bad", "full": "good", "rolled_back": "bad"}


def page(request: Request) -> Response:
    """GET /owner/timeline: `before` is a moment in ms."""
    deps = deps_of(request)
    given = request.query_params.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None
    with deps.house.db.read() as c:
        shown = app_of(c, request.query_params.get("app") or None)
        found, more = timeline.before(c, shown.name, before, PAGE)
        oldest = found[-1][1].at if more else 0
        told = [TELL[kind](c, row) for kind, row in found]
        until = before - 1 if before is not None else deps.clock()
        told += [erased(at, n) for at, n in timeline.erased_by_day(c, shown.name, oldest, until)]
        body = shapes.Timeline(
            shell=pages.Shell(deps.settings.site.title or "Teahouse", len(deps.serving.apps) > 1, owner=True),
            desk=owner_views.desk(c, deps, shown),
            moments=tuple(sorted(told, key=lambda one: -one.at)),
            older=owner_views.here("/owner/timeline", shown.name, oldest) if more else "",
        )
    return render.render(body, request.state.nonce)


def version(c: Any, row: Any) -> Moment:
    """A dataset version was frozen."""
    n, new = int(row.counts.get("rows") or 0), int(row.counts.get("new") or 0)
    parent = lineage.version(c, row.parent) if row.parent else None
    n = n or sum(int(row.counts.get(side) or 0) for side in owner_views.SIDES)
    words = f"{render.count(n, 'row')} frozen" + (f", {new:,} of them new" if new and parent else "")
    links = (owner_trace.version_link(parent, "the one before"),) if parent is not None else ()
    return Moment(row.at, "version", owner_trace.version_link(row), words, links)


def run(c: Any, row: Any) -> Moment:
    """A training began."""
    source = lineage.version(c, row.version)
    links = [owner_trace.version_link(source, "is what it learns from")] if source is not None else []
    links += [owner_trace.commit_link(row.commit)] if row.commit else []
    job = jobs.get(c, row.job) if row.job else None
    if job is not None and job.state in ("failed", "refused") and not timeline.releases_of_run(c, row.id):
        words = f"came to nothing: {owner_views.spaced(owner_loop.job_words(job))}"
        return Moment(row.at, "run", owner_trace.run_link(row), words, tuple(links), "bad")
    return Moment(row.at, "run", owner_trace.run_link(row), "began", tuple(links))


def release(c: Any, row: Any) -> Moment:
    """A release was made, or came in."""
    made = lineage.run(c, row.run) if row.run else None
    links = (owner_trace.run_link(made, "made it"),) if made is not None else ()
    words = "was made" if made is not None else "came in, made elsewhere"
    return Moment(row.at, "release", owner_trace.release_link(row), words, links)


def verdict(c: Any, row: Any) -> Moment:
    """A challenger was judged."""
    told = owner_views.verdict_happening(c, row)
    links = []
    champion = releases.get(c, row.champion) if row.champion else None
    if champion is not None:
        links.append(owner_trace.release_link(champion, "is what it was compared with"))
    source = lineage.version(c, row.version)
    if source is not None:
        links.append(owner_trace.version_link(source, "holds the photos"))
    thing = Link(told.subject, owner_trace.path("release", row.candidate))
    return Moment(row.at, "verdict", thing, told.words, tuple(links), TONES.get(row.outcome, "plain"))


def rollout(c: Any, row: Any) -> Moment:
    """A release was put on or off."""
    number = releases.number(c, row.release)
    words = owner_rollouts.form_words(row.form) or owner_rollouts.PINS.get(row.why, STATES.get(row.state, row.state))
    if row.state == "canary":
        words = f"answers {visitors(row.share)}"
    by_hand = row.by == "owner" and (row.form is not None or row.why in owner_rollouts.BY_HAND)
    why = "" if by_hand else row.why
    words = f"{words}, {BY.get(row.by, f'by the {row.by}')}" + (f": {owner_views.spaced(why)}" if why else "")
    thing = Link(f"Release {number}", owner_trace.path("release", row.release))
    return Moment(row.at, "rollout", thing, words, (), TONES.get(row.state, "plain"))


def drift(c: Any, row: Any) -> Moment:
    """What visitors give began to differ."""
    number = releases.number(c, row.release)
    thing = Link(f"Release {number}", owner_trace.path("release", row.release))
    links = (Link("monitor", owner_views.here("/owner/monitor", row.app), "shows the curves"),)
    return Moment(row.at, "drift", thing, f"met a change. {row.numbers.get('words', '')}", links, "bad")


def erased(at: int, n: int) -> Moment:
    """Visitors took answers back, or their days were over."""
    return Moment(at, "erasure", Link(render.count(n, "answer")), "erased that day, for good")


TELL = {
    "version": version,
    "run": run,
    "release": release,
    "verdict": verdict,
    "rollout": rollout,
    "drift": drift,
}
