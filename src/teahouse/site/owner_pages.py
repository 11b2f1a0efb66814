"""The owner's pages: the way in, today, predictions, review, versions, runs, releases."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from teahouse import ids
from teahouse.errors import Refused
from teahouse.monitor import today as monitor
from teahouse.release import rollout
from teahouse.site import (
    missing,
    owner_access,
    owner_forms,
    owner_load,
    owner_loop,
    owner_media,
    owner_money,
    owner_monitor,
    owner_pictures,
    owner_releases,
    owner_timeline,
    owner_trace,
    owner_verdict,
    owner_views,
    pages,
    render,
    reports,
    security,
)
from teahouse.site import owner_page_shapes as shapes
from teahouse.site.deps import Deps, deps_of, trains
from teahouse.site.owner_reviews import app_of, choices_of, next_page
from teahouse.site.route import Route
from teahouse.store import labels, lineage, predictions, releases, reviews, tallies

PAGE = 50


def show(request: Request, page: Any) -> Response:
    """A page with this response's nonce."""
    return render.render(page, request.state.nonce)


def shell(deps: Deps, title: str = "", owner: bool = True) -> pages.Shell:
    """What surrounds the page."""
    return pages.Shell(
        title=title or deps.settings.site.title or "Teahouse", many=len(deps.serving.apps) > 1, owner=owner
    )


def asked_app(c: Any, request: Request) -> Any:
    """The app that ?app= names, or the first."""
    return app_of(c, request.query_params.get("app") or None)


def asked_before(request: Request) -> int | None:
    """The seq that ?before= names, or None."""
    given = request.query_params.get("before", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


# ---- the way in ----------------------------------------------------------------------------------------------------


def claim(request: Request) -> Response:
    """/claim/{token}: choose the first password; on this machine, once."""
    token = request.path_params["token"]
    owner_access.holds_claim(request, token)
    return show(request, pages.Claim(shell=shell(deps_of(request), owner=False), token=token))


def log_in(request: Request) -> Response:
    """/owner/login."""
    deps = deps_of(request)
    security.refuse_plain_owner(request)
    if not owner_access.claimed(deps):
        raise Refused(
            "This site has no owner yet.",
            do_next="Run `teahouse open` on the machine itself, or open the link that `teahouse serve` printed there.",
        )
    then = owner_access.safe_next(request.query_params.get("next"))
    owner = owner_access.owner_of(request)
    if owner is not None and owner_access.is_fresh(deps, owner):
        return RedirectResponse(then, 303)
    return show(request, pages.LogIn(shell=shell(deps, owner=False), then=then))


def open_link(request: Request) -> Response:
    """/owner/open/{token}: the link of `teahouse open`, good once."""
    response = RedirectResponse(owner_access.HOME, 303)
    owner_access.open_by_link(request, response, request.path_params["token"])
    return response


def home(request: Request) -> Response:
    """/owner without its slash."""
    return RedirectResponse(owner_access.HOME, 303)


# ---- the pages -----------------------------------------------------------------------------------------------------


def today(request: Request) -> Response:
    """/owner/."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        shown = asked_app(c, request)
        counts = labels.counts(c, shown.name)
        healthy, sick = owner_views.health(deps, shown.name)
        page = shapes.Today(
            shell=shell(deps),
            desk=owner_views.desk(c, deps, shown),
            figures=owner_views.figures(
                monitor.read(c, shown.name, deps.clock()), counts, owner_pictures.learns_from(shown.declaration)
            ),
            circle=owner_views.circle(c, deps, shown),
            happenings=owner_views.happenings(c, shown.name),
            healthy=healthy,
            sick=sick,
        )
    return show(request, page)


def prediction_list(request: Request) -> Response:
    """/owner/predictions."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        shown = asked_app(c, request)
        rows = predictions.page(c, shown.name, asked_before(request), PAGE)
        more = next_page(rows, PAGE)
        page = shapes.Predictions(
            shell=shell(deps),
            desk=owner_views.desk(c, deps, shown),
            lines=owner_views.prediction_lines(c, rows),
            older=owner_views.here("/owner/predictions", shown.name, more) if more is not None else "",
            shown=tallies.opened(c, shown.name),
            erased=sum(row.output is None for row in rows),
            keep_days=deps.settings.keep.days,
        )
    return show(request, page)


def review(request: Request) -> Response:
    """/owner/review; with ?aside=1 what the house set aside."""
    deps, of_aside = deps_of(request), request.query_params.get("aside") == "1"
    with deps.house.db.read() as c:
        shown = asked_app(c, request)
        page = shapes.Review(
            shell=shell(deps),
            desk=owner_views.desk(c, deps, shown),
            choices=tuple(choices_of(shown.declaration)),
            left=reviews.aside(c, shown.name) if of_aside else reviews.left(c, shown.name),
            learns=owner_pictures.learns_from(shown.declaration),
            told=tuple(missing.words(c, shown.name, shown.declaration)),
            aside=reviews.aside(c, shown.name),
            of_aside=of_aside,
        )
    return show(request, page)


def version_list(request: Request) -> Response:
    """/owner/versions."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        shown = asked_app(c, request)
        trained = trained_from(c, shown.name)
        rows = lineage.versions(c, shown.name, asked_before(request), PAGE)
        lines = tuple(owner_views.version_line(row, trained.get(row.id, ())) for row in rows)
        page = shapes.Versions(shell=shell(deps), desk=owner_views.desk(c, deps, shown), versions=lines)
    return show(request, page)


def trained_from(c: Any, app: str) -> dict[bytes, list[int]]:
    """The numbers of the releases that were trained from each version."""
    made = owner_loop.made_by_run(c, app)
    found: dict[bytes, list[int]] = defaultdict(list)
    for run in lineage.runs(c, app, limit=200):
        if run.id in made:
            found[run.version].append(made[run.id].number)
    return found


def run_list(request: Request) -> Response:
    """/owner/runs: the list."""
    return runs_page(request, None)


def run_page(request: Request) -> Response:
    """/owner/runs/{id}: one run opened."""
    return runs_page(request, ids.parse(request.path_params["id"]))


def runs_page(request: Request, opened: bytes | None) -> Response:
    """The list of runs, and one of them with its curves."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = owner_loop.found(lineage.run(c, opened)) if opened else None
        shown = app_of(c, row.app) if row is not None else asked_app(c, request)
        made, now = owner_loop.made_by_run(c, shown.name), deps.clock()
        rows = lineage.runs(c, shown.name, asked_before(request), PAGE)
        events = every_event(c, row) if row is not None else []
        others = [one for one in rows if one.id != opened]
        lines = tuple(owner_views.run_line(c, owner_loop.run_out(c, one, now, made)) for one in others)
        asked = owner_views.asked(c, shown.name) if asked_before(request) is None else ()
        page = shapes.Runs(
            shell=shell(deps),
            desk=owner_views.desk(c, deps, shown),
            runs=tuple(sorted((*asked, *lines), key=lambda line: -line.at)),
            opened=owner_views.run_line(c, owner_loop.run_out(c, row, now, made)) if row is not None else None,
            curves=owner_views.curves(events),
            warnings=owner_views.warnings(events),
            after=events[-1].seq if events else 0,
            trains=trains(shown.declaration),
        )
    return show(request, page)


def every_event(c: Any, row: Any) -> list[Any]:
    """All that a run logged, up to ten thousand lines."""
    events: list[Any] = []
    while len(events) < 10_000:
        more = owner_loop.run_events(c, row, events[-1].seq if events else 0)
        events += more
        if len(more) < 1000:
            break
    return events


def release_list(request: Request) -> Response:
    """/owner/releases."""
    return releases_page(request, None)


def release_page(request: Request) -> Response:
    """/owner/releases/{id}: one release opened."""
    return releases_page(request, request.path_params["id"])


def releases_page(request: Request, opened: str | None) -> Response:
    """The list of releases, and one of them with its report."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = owner_releases.get(c, opened) if opened else None
        shown = app_of(c, row.app) if row is not None else asked_app(c, request)
        stands = owner_releases.standing(c, shown.name, deps_of(request))
        rows = releases.of_app(c, shown.name, asked_before(request), PAGE)
        told = [owner_releases.release_out(c, one, stands) for one in rows]
        page = shapes.Releases(
            shell=shell(deps),
            desk=owner_views.desk(c, deps, shown),
            releases=tuple(owner_views.release_line(one) for one in told),
            opened=report_of(c, deps, row, stands) if row is not None else None,
        )
    return show(request, page)


def report_of(c: Any, deps: Deps, row: Any, stands: owner_releases.Standing) -> shapes.Report:
    """A release opened, with the way to its verdict."""
    told = owner_views.report(c, owner_releases.release_out(c, row, stands), row)
    told = replace(told, forms=owner_forms.of(c, deps, row, told.can_pin))
    if share := deps.settings.loop.canary_share:
        few = max(1, round(share * 10_000))
        told = replace(told, few=few, few_words=rollout.visitors(few), can_try=told.can_try and few < 10_000)
    return owner_verdict.linked(c, told, deps.settings.keep.forget_days)


ROUTES: list[Route] = [
    Route("GET", "/claim/{token}", "loopback", claim, "claim"),
    Route("GET", "/owner", "anyone", home, "owner-home"),
    Route("GET", "/owner/login", "anyone", log_in, "owner-login"),
    Route("GET", "/owner/open/{token}", "anyone", open_link, "owner-open"),
    Route("GET", "/owner/", "owner", today, "owner-page-today"),
    Route("GET", "/owner/predictions", "owner", prediction_list, "owner-page-predictions"),
    Route("GET", "/owner/review", "owner", review, "owner-page-review"),
    Route("GET", "/owner/reports", "owner", reports.page, "owner-page-reports"),
    Route("GET", "/owner/versions", "owner", version_list, "owner-page-versions"),
    Route("GET", "/owner/runs", "owner", run_list, "owner-page-runs"),
    Route("GET", "/owner/runs/{id}", "owner", run_page, "owner-page-run"),
    Route("GET", "/owner/releases", "owner", release_list, "owner-page-releases"),
    Route("GET", "/owner/releases/{id}", "owner", release_page, "owner-page-release"),
    Route("GET", "/owner/verdicts/{id}", "owner", owner_verdict.page, "owner-page-verdict"),
    Route("GET", "/owner/monitor", "owner", owner_monitor.page, "owner-page-monitor"),
    Route("GET", "/owner/load", "owner", owner_load.page, "owner-page-load"),
    Route("GET", "/owner/money", "owner", owner_money.page, "owner-page-money"),
    Route("GET", "/owner/timeline", "owner", owner_timeline.page, "owner-page-timeline"),
    Route("GET", "/owner/trace/{kind}/{id}", "owner", owner_trace.page, "owner-page-trace"),
    Route("GET", "/owner/media/{label}", "owner", owner_media.photo, "owner-media"),
]
