"""The owner's API: its part of the site map, the session and the keys."""

from __future__ import annotations

import secrets

from fastapi import Request, Response

from teahouse import ids, telemetry
from teahouse.errors import NotFound
from teahouse.site import (
    owner_access,
    owner_live,
    owner_load,
    owner_loop,
    owner_refunds,
    owner_releases,
    owner_reviews,
    reports,
)
from teahouse.site.deps import deps_of
from teahouse.site.owner_shapes import KeyGiven, KeyOut, KeysOut, LogInGiven, SessionOut
from teahouse.site.route import Route
from teahouse.store import keys

log = telemetry.log("site")


def session(request: Request) -> SessionOut:
    """Who asks."""
    owner = owner_access.require_owner(request)
    return SessionOut(by=owner.by, since=owner.since)


def log_in(request: Request, response: Response, given: LogInGiven) -> SessionOut:
    """Logs in; with the claim link's token, makes this password the owner's first."""
    if given.token:
        owner_access.claim(request, response, given.token, given.password)
    else:
        owner_access.log_in(request, response, given.password)
    log.info("owner-in", claimed=bool(given.token))
    return SessionOut(by="session", since=deps_of(request).clock())


def log_out(request: Request) -> Response:
    """Ends the session, here and for whoever has a copy of its cookie."""
    response = Response(status_code=204)
    owner_access.log_out(request, response)
    return response


def key_list(request: Request) -> KeysOut:
    """All keys, without what opens."""
    with deps_of(request).house.db.read() as c:
        rows = keys.all(c)
    names = ("at", "role", "rights", "revoked")
    return KeysOut(keys=[KeyOut(id=ids.text(row.id), **{name: getattr(row, name) for name in names}) for row in rows])


def make_key(request: Request, given: KeyGiven) -> KeyOut:
    """A new key, told this once; only its digest is kept. Needs a log-in of the last minutes."""
    deps = deps_of(request)
    owner_access.require_fresh(request, key_may=False)
    key, id_, at = f"th_{secrets.token_urlsafe(32)}", ids.new_id(), deps.clock()
    deps.house.db.write(lambda c: keys.add(c, id_, given.role, given.rights, ids.sha256(key.encode()), at))
    log.info("key-made", key=ids.text(id_), role=given.role)
    return KeyOut(id=ids.text(id_), at=at, role=given.role, rights=given.rights, revoked=None, key=key)


def end_key(request: Request, id: str) -> Response:
    """Ends a key at once."""
    deps = deps_of(request)
    owner_access.require_fresh(request, key_may=False)
    if not deps.house.db.write(lambda c: keys.revoke(c, ids.parse(id), deps.clock())):
        raise NotFound("There is no such key, or it has ended.")
    log.info("key-ended", key=id)
    return Response(status_code=204)


P = "/api/owner"

ROUTES: list[Route] = [
    Route("GET", f"{P}/session", "owner", session, "owner-session", summary="Who asks."),
    Route("POST", f"{P}/session", "anyone", log_in, "owner-log-in", 201, summary="Log in, or claim a new site."),
    Route("DELETE", f"{P}/session", "owner", log_out, "owner-log-out", 204, summary="Log out."),
    Route("GET", f"{P}/today", "owner", owner_live.today, "owner-today", summary="The last 24 hours."),
    Route("GET", f"{P}/live", "owner", owner_live.live, "owner-live", plain=True, summary="What changes, as events."),
    Route("GET", f"{P}/load", "owner", owner_load.now, "owner-load", summary="How busy the house is."),
    Route("GET", f"{P}/predictions", "owner", owner_live.answers, "owner-predictions", summary="Answers."),
    Route("GET", f"{P}/reviews", "owner", owner_reviews.queue, "owner-reviews", summary="What to review next."),
    Route("POST", f"{P}/reviews", "owner", owner_reviews.decide, "owner-review", 201, summary="Decide."),
    Route("DELETE", f"{P}/reviews", "owner", owner_reviews.undo, "owner-undo", summary="Take the last decision back."),
    Route("GET", f"{P}/labels", "owner", owner_reviews.listing, "owner-labels", summary="Labels."),
    Route("GET", f"{P}/versions", "owner", owner_loop.versions, "owner-versions", summary="Dataset versions."),
    Route("GET", f"{P}/versions/{{id}}", "owner", owner_loop.version, "owner-version", summary="One dataset version."),
    Route("GET", f"{P}/runs", "owner", owner_loop.runs, "owner-runs", summary="Runs."),
    Route("GET", f"{P}/runs/{{id}}", "owner", owner_loop.run, "owner-run", summary="One run and what it logs."),
    Route("GET", f"{P}/releases", "owner", owner_releases.listing, "owner-releases", summary="Releases and verdicts."),
    Route("GET", f"{P}/releases/{{id}}", "owner", owner_releases.one, "owner-release", summary="One release."),
    Route("GET", f"{P}/apps/{{app}}/rollouts", "owner", owner_releases.history, "owner-rollouts", summary="Rollouts."),
    Route(
        "POST",
        f"{P}/apps/{{app}}/rollouts",
        "owner",
        owner_releases.put,
        "owner-rollout",
        201,
        summary="Promote or roll back.",
    ),
    Route("GET", f"{P}/jobs", "owner", owner_loop.job_list, "owner-jobs", summary="Jobs."),
    Route("POST", f"{P}/jobs", "owner", owner_loop.ask_job, "owner-ask-job", 202, summary="Ask the loop for work."),
    Route("GET", f"{P}/jobs/{{id}}", "owner", owner_loop.job, "owner-job", summary="One job and how it goes."),
    Route(
        "GET",
        f"{P}/jobs/{{id}}/file",
        "owner",
        owner_loop.job_file,
        "owner-job-file",
        plain=True,
        summary="The zip of an export.",
    ),
    Route("GET", f"{P}/reports", "owner", reports.listing, "owner-reports", summary="What was reported or is shared."),
    Route("POST", f"{P}/reports/{{id}}", "owner", reports.close, "owner-close-report", 204, summary="Done with it."),
    Route("POST", f"{P}/shares/{{token}}", "owner", reports.decide, "owner-share", summary="Hide a share, or show it."),
    Route("POST", f"{P}/refunds", "owner", owner_refunds.refund, "owner-refund", summary="Give a payment back."),
    Route("GET", f"{P}/money.csv", "owner", owner_refunds.table, "owner-money", plain=True, summary="The ledger."),
    Route("GET", f"{P}/erasures", "owner", owner_loop.erased, "owner-erasures", summary="What was erased."),
    Route("GET", f"{P}/keys", "owner", key_list, "owner-keys", summary="Keys."),
    Route("POST", f"{P}/keys", "owner", make_key, "owner-make-key", 201, summary="Make a key."),
    Route("DELETE", f"{P}/keys/{{id}}", "owner", end_key, "owner-end-key", 204, summary="End a key."),
]
