"""Reports: anybody says that something should not be shown here, and the owner decides."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from teahouse import ids, telemetry
from teahouse.errors import InputError, NotFound, TooMany
from teahouse.feedback import retention
from teahouse.site import api, media, owner_page_shapes, owner_reviews, owner_views, pages, render, security, visitors
from teahouse.site.deps import Deps, deps_of
from teahouse.site.owner_shapes import At, Before, Seq, storable
from teahouse.store import erasures, predictions, quotas, reports, shares

log = telemetry.log("site")

A_DAY = 20  # reports of one network
PAGE = 50
KINDS = dict(pages.REPORTS)


ABOUT = (("share", "prediction"), ("prediction", "share"))


def about_alone(one: str, other: str) -> dict[str, Any]:
    """JSON Schema of a report on the one and not the other."""
    return {"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}}


class ReportIn(BaseModel):
    """What should not be shown: a share by its token, or a prediction by its id, and why."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [about_alone(one, other) for one, other in ABOUT]})

    kind: Literal["private", "illegal", "hurtful", "other"]
    words: Annotated[str, AfterValidator(storable)] = Field("", max_length=2000)
    share: str | None = Field(None, max_length=100)
    prediction: str | None = Field(None, max_length=100)


class ReceiptOut(BaseModel):
    """The report is written down under this receipt; who sent it is not."""

    receipt: str


class ReportOut(BaseModel):
    """A report as the owner sees it."""

    id: str
    at: int = At
    kind: str
    words: str
    share: str | None = Field(None, description="The token of what it is about, while that is there.")
    prediction: str | None = None
    open: bool = Field(description="True while it waits for the owner.")


class SharedOut(BaseModel):
    """Something that a visitor shows to others."""

    token: str
    at: int = At
    app: str
    prediction: str
    hidden: int | None = Field(None, description="Since when it is hidden.")


class ReportsOut(BaseModel):
    """Reports and shares, newest first."""

    reports: list[ReportOut]
    shares: list[SharedOut]
    waiting: int
    before: int | None = Before


class HideGiven(BaseModel):
    """Hide it from everybody, or show it again. Either way the reports on it are dealt with."""

    hidden: StrictBool


def create(request: Request, said: ReportIn) -> ReceiptOut:
    """Writes a report down. Anybody may send one; a network at most twenty a day."""
    deps, at = deps_of(request), deps_of(request).clock()
    if (said.share is None) == (said.prediction is None):
        raise InputError("Say what it is about.", 'Name one: "share" or "prediction".')
    network = visitors.network_digest(deps, security.client_address(request)).hex()
    id_ = ids.new_id()

    def write(c: Any) -> None:
        row = about(c, request, said)
        if not quotas.take(c, retention.day_of(at), network, "reports", 1, A_DAY):
            raise TooMany("That are many reports for one day.", "The owner has those that you sent.",
                          "Come back tomorrow.", retry_after=3600)  # fmt: skip
        reports.add(c, id_, said.kind, said.words.strip(), said.share, row, at)

    deps.house.db.write(write)
    log.info("reported", kind=said.kind, receipt=ids.text(id_))
    return ReceiptOut(receipt=ids.text(id_))


def about(c: Any, request: Request, said: ReportIn) -> bytes:
    """The prediction that a report is about; NotFound for what is not there for this request to see."""
    if said.share is not None:
        row = shares.get(c, said.share)
        if row is None or row.card is None:
            raise NotFound("There is nothing under this address.", "It was taken back, or the link is not whole.")
        return row.prediction
    row = predictions.get(c, ids.parse(said.prediction or ""))
    api.refuse_unspoken(request, row)
    return row.id


# ---- the owner's side ----------------------------------------------------------------------------------------------


def listing(request: Request, before: Seq | None = None) -> ReportsOut:
    """Reports, newest first, and on the first page what is shared here."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        rows = reports.page(c, before, PAGE)
        shared = [shared_out(c, row) for row in shares.page(c, limit=PAGE)] if before is None else []
        waiting = reports.waiting(c)
    more = rows[-1].seq if len(rows) == PAGE else None
    return ReportsOut(reports=[report_out(row) for row in rows], shares=shared, waiting=waiting, before=more)


def report_out(row: Any) -> ReportOut:
    """A report."""
    prediction = ids.text(row.prediction) if row.prediction else None
    return ReportOut(id=ids.text(row.id), at=row.at, kind=row.kind, words=row.words, share=row.share,
                     prediction=prediction, open=bool(row.open))  # fmt: skip


def shared_out(c: Any, row: Any) -> SharedOut:
    """A share."""
    app = predictions.get(c, row.prediction).app
    return SharedOut(token=row.token, at=row.at, app=app, prediction=ids.text(row.prediction), hidden=row.hidden)


def decide(request: Request, token: str, given: HideGiven) -> SharedOut:
    """Hides what is shared, or shows it again; the reports on it are dealt with. It counts for the next request."""
    deps, at = deps_of(request), deps_of(request).clock()

    def write(c: Any) -> SharedOut:
        if not shares.hide(c, token, at if given.hidden else None):
            raise NotFound("There is no such share.", "Its visitor took it back, or the link is not whole.")
        if given.hidden:
            erasures.add(c, "hidden", token, "owner", at)  # a house that is restored hides it too
        reports.close_of_share(c, token, at)
        return shared_out(c, shares.get(c, token))

    done = deps.house.db.write(write)
    log.info("share-hidden" if given.hidden else "share-shown", prediction=done.prediction)
    return done


def close(request: Request, id: str) -> Response:
    """The owner is done with a report; what it is about stays as it is."""
    deps = deps_of(request)
    if not deps.house.db.write(lambda c: reports.close(c, ids.parse(id), deps.clock())):
        raise NotFound("There is no such report.")
    return Response(status_code=204)


def page(request: Request) -> Response:
    """/owner/reports: what was reported, and what is shared."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        shown = owner_reviews.app_of(c, request.query_params.get("app") or None)
        rows = reports.page(c, limit=PAGE)
        cards = {row.token: row for row in shares.page(c, limit=PAGE)}
        cards |= {row.share: found for row in rows if row.share and (found := shares.get(c, row.share))}
        desk = owner_views.desk(c, deps, shown)
        lines = tuple(report_line(deps, c, row, cards.get(row.share)) for row in rows)
        shared = tuple(share_line(deps, c, row) for row in cards.values() if row.card is not None)
    whole = owner_page_shapes.Reports(
        shell=pages.Shell(title=deps.settings.site.title or "Teahouse", many=len(deps.serving.apps) > 1, owner=True),
        desk=desk,
        lines=lines,
        shared=tuple(sorted(shared, key=lambda one: -one.at)),
    )
    return render.render(whole, request.state.nonce)


def report_line(deps: Deps, c: Any, row: Any, shared: Any) -> owner_page_shapes.ReportLine:
    """A report on the page."""
    there = shared is not None and shared.card is not None
    return owner_page_shapes.ReportLine(
        id=ids.text(row.id),
        at=row.at,
        kind=KINDS.get(row.kind, row.kind),
        words=row.words,
        open=bool(row.open),
        share=share_line(deps, c, shared) if there else None,
        gone=row.share is not None and not there,
        prediction=ids.text(row.prediction) if row.prediction else "",
        app=app_title(deps, c, row.prediction or (shared.prediction if shared is not None else None)),
    )


def app_title(deps: Deps, c: Any, prediction: bytes | None) -> str:
    """The title of the app that a prediction is of, where the house has several; "" otherwise."""
    row = predictions.get(c, prediction) if prediction and len(deps.serving.apps) > 1 else None
    shown = deps.serving.apps.get(row.app) if row is not None else None
    return shown.title if shown is not None else row.app if row is not None else ""


def share_line(deps: Deps, c: Any, row: Any) -> owner_page_shapes.ShareLine:
    """A share on the page."""
    which = next((which for which in ("picture", "photo") if getattr(row, which)), "")
    photo = media.shared_address(deps, row.token, which, owner=True) if which else ""
    return owner_page_shapes.ShareLine(row.token, row.at, api.shared_path(row) or "", photo, row.hidden,
                                        app_title(deps, c, row.prediction))  # fmt: skip
