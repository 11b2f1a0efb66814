"""What this site holds of a visitor: to see, to take along, to take back."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from teahouse import ids, telemetry
from teahouse.errors import NotFound, TeahouseError, TooMany
from teahouse.feedback import erase
from teahouse.site import api, keep, media, origin, pages, pictures, predict, render, visitors
from teahouse.site.deps import Deps, deps_of
from teahouse.site.shell import shell_of
from teahouse.spec.fields.image import media_type
from teahouse.store import consents, inputs, predictions, probes, shares
from teahouse.store import feedback as words

log = telemetry.log("site")

MOST = 500
EXPORT_MOST, EXPORTS_MOST = 100_000_000, 2  # bytes of one, and how many at once
ATTACHED = {"Content-Disposition": 'attachment; filename="my-data.zip"'}
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class Held(NamedTuple):
    """One prediction, the rows of its kept inputs, its share or None, whether others may see what is kept when they
    teach, and whether its release had never seen the like of what was given."""

    out: api.PredictionOut
    kept: list[Any]
    share: Any
    taught: bool = False
    strange: bool = False


class Shown(NamedTuple):
    """A blob that a share shows, as a file of the zip."""

    field: str
    blob: str


class MineOut(BaseModel):
    """What the site holds of the visitor; `standing`: their yes holds for the next photos too; `taught`: of how many
    pictures they said in teach rounds what they show."""

    standing: bool
    predictions: list[api.PredictionOut]
    taught: int = 0


def listing(request: Request) -> MineOut:
    """What this site holds of the visitor of the cookie; nothing for who has none."""
    deps = deps_of(request)
    visitor = visitors.mine_of(request)
    if visitor is None:
        return MineOut(standing=False, predictions=[])
    found = [one.out for one in held(deps, visitor)]
    standing = keep.standing(deps, visitor) is not None
    return MineOut(standing=standing, predictions=found, taught=len(taught(deps, visitor)))


def held(deps: Deps, visitor: bytes) -> list[Held]:
    """The visitor's last 500 predictions, newest first."""
    found: list[Held] = []
    with deps.house.db.read() as c:
        for row in predictions.of_visitor(c, visitor, MOST):
            word, kept = words.latest(c, row.id), inputs.of_prediction(c, row.id)
            share = shares.of_prediction(c, row.id)
            said = {"kind": word.kind, "value": word.value} if word is not None else None
            out = api.PredictionOut(id=ids.text(row.id), app=row.app, release=row.release, at=row.at,
                                    output=pictures.plain(row.output), latency_ms=row.ms, word=said,
                                    kept=bool(kept), shared=api.shared_path(share))  # fmt: skip
            yes = consents.for_prediction(c, row.id, show=False) if kept else None
            lets = yes is not None and consents.SHOW in yes.purposes
            strange = (row.look or {}).get("familiar") is False
            found.append(Held(out, kept, share if out.shared else None, lets, strange))
    return found


def page(request: Request) -> Response:
    """The visitor's own page."""
    deps = deps_of(request)
    visitor = visitors.mine_of(request)
    lines = tuple(line(deps, one) for one in held(deps, visitor)) if visitor else ()
    site = origin.address_of(request.scope, request.headers, deps.settings)
    shown = pages.Mine(
        shell=shell_of(deps),
        lines=lines,
        standing=visitor is not None and keep.standing(deps, visitor) is not None,
        link=f"{site}/mine/{visitors.sealed(deps.signers.link, visitor)}" if visitor and lines else "",
        keep_days=deps.settings.keep.days,
        taught=len(taught(deps, visitor)) if visitor else 0,
    )
    return render.render(shown, request.state.nonce)


def line(deps: Deps, one: Held) -> pages.MineLine:
    """One prediction on the page."""
    out, share = one.out, one.share
    made = ", ".join(f"{row.field} {row.value}".replace("_", " ") for row in one.kept if not row.blob)
    shown = deps.serving.apps.get(out.app)
    output = out.output if isinstance(out.output, dict) else {}
    word = ""
    if out.word:
        value = out.word["value"]
        told = value.get("label", "") if isinstance(value, dict) else value
        if out.word["kind"] == "agree":
            word = "yes" if value else "no"
        elif out.word["kind"] in ("correct", "rate"):
            word = str(told)
    return pages.MineLine(
        id=out.id,
        at=out.at,
        app_title=shown.title if shown else out.app,
        label=str(output.get("label", "a picture" if "media_type" in output else "an answer")),
        confidence=predict.confidence(output),
        strange=one.strange,
        word=word,
        kept=out.kept,
        photo=shown_of(deps, out, share),
        shared=out.shared or "",
        beside=not out.kept and share is not None and bool(share.photo),
        hidden=share is not None and share.hidden is not None,
        taught=one.taught,
        made=made[:160],
    )


def shown_of(deps: Deps, out: api.PredictionOut, share: Any) -> str:
    """The address of what the house has of it to show: the photo that is kept, else what is shared; nothing of what the
    owner hid, for who has an address can pass it on."""
    if out.kept:
        return media.kept_address(deps, ids.parse(out.id))
    if share is None or share.hidden is not None:
        return ""
    which = "picture" if share.picture else "photo" if share.photo else ""
    return media.shared_address(deps, share.token, which) if which else ""


def page_by_link(request: Request) -> Response:
    """Opens the private link on this device for half an hour; what is played here stays another visitor's."""
    deps = deps_of(request)
    visitor = visitors.opened(deps.signers.link, request.path_params["token"], max_age=visitors.LINK_S)
    if visitor is None:
        why = "It may be older than 30 days."
        raise NotFound("This link does not open anything.", why, "Take a new one from My data.")
    response = RedirectResponse("/mine", 303)
    visitors.set_mine_cookie(request, response, visitor)
    return response


def forget(request: Request) -> Response:
    """Erases everything of the visitor, at once."""
    deps = deps_of(request)
    response = Response(status_code=204)
    visitor = visitors.mine_of(request)
    if visitor is not None:
        freed = deps.house.db.write(lambda c: erase.forget_visitor(c, deps.house, visitor, "visitor"))
        deps.known.clear()
        erase.delete_blobs(deps.house, freed)
        log.info("visitor-forgotten")
    visitors.end_cookies(request, response, visitor)
    return response


def end_consent(request: Request) -> Response:
    """Ends the visitor's standing yes; what is kept stays until it is deleted."""
    deps = deps_of(request)
    at = deps.clock()
    asking = {visitors.mine_of(request), visitors.cookie_visitor(request)} - {None}
    for visitor in asking:
        deps.house.db.write(lambda c, visitor=visitor: consents.withdraw_standing(c, visitor, at))
    return Response(status_code=204)


def export(request: Request) -> Response:
    """Everything of the visitor as a zip: data.json, and the photos that are kept. In memory, one at a time."""
    deps = deps_of(request)
    visitor = visitors.mine_of(request)
    with request.app.state.exports.turn(visitor):
        data = zipped(deps, visitor)
    return Response(data, media_type="application/zip", headers=ATTACHED)


class Exports:
    """Who has an export made right now: one a visitor, and a few in all, for each is held in memory."""

    def __init__(self) -> None:
        self._making: list[bytes | None] = []
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, visitor: bytes | None) -> Iterator[None]:
        """This visitor's turn, or TooMany."""
        with self._lock:
            if visitor in self._making or len(self._making) >= EXPORTS_MOST:
                raise TooMany("Another file is being made.", do_next="Try again in a moment.", retry_after=5)
            self._making.append(visitor)
        try:
            yield
        finally:
            with self._lock:
                self._making.remove(visitor)


def zipped(deps: Deps, visitor: bytes | None) -> bytes:
    """The zip. A photo that can not be read, or is one too many, is named with the reason and the rest goes on."""
    told: list[dict[str, Any]] = []
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for out, kept, share, *_ in held(deps, visitor) if visitor else []:
            entry = out.model_dump()
            for which in ("picture", "photo") if share is not None else ():
                if blob := getattr(share, which):
                    row = Shown(f"shared-{which}", blob)
                    entry.setdefault("shows", []).append(photo_into(archive, deps, out.id, row, packed.tell()))
            for row in kept:
                if row.blob:
                    entry |= photo_into(archive, deps, out.id, row, packed.tell())
                else:
                    entry.setdefault("inputs", {})[row.field] = row.value
            told.append(entry)
        data = {"predictions": told, "consents": [], "words": [], "taught": []}
        if visitor:
            data |= {"consents": yeses(deps, visitor), "words": spoken(deps, visitor), "taught": taught(deps, visitor)}
        archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=1))
    return packed.getvalue()


def photo_into(archive: zipfile.ZipFile, deps: Deps, id_: str, row: Any, size: int) -> dict[str, str]:
    """Puts a kept photo into the zip; what data.json says of it."""
    if size >= EXPORT_MOST:
        return {"photo_left_out": f"A file holds {EXPORT_MOST // 1_000_000} MB of photos."}
    try:
        photo = deps.house.blobs.get(row.blob)
    except TeahouseError as error:
        log.error("photo-not-exported", prediction=id_, code=error.code, why=error.why)
        return {"photo_left_out": "It can not be read."}
    name = f"photos/{id_}-{row.field}.{ENDINGS.get(media_type(photo) or '', 'bin')}"
    archive.writestr(name, photo)
    return {"photo": name}


def spoken(deps: Deps, visitor: bytes) -> list[dict[str, Any]]:
    """Every word of the visitor, oldest first: on which prediction, also on those that were made for nobody."""
    with deps.house.db.read() as c:
        rows = words.of_visitor(c, visitor)
    return [{"at": row.at, "prediction": ids.text(row.prediction), "kind": row.kind, "value": row.value,
             "other": ids.text(row.other_prediction) if row.other_prediction else None} for row in rows]  # fmt: skip


def taught(deps: Deps, visitor: bytes) -> list[dict[str, Any]]:
    """What the visitor said in teach rounds, oldest first."""
    with deps.house.db.read() as c:
        rows = probes.of_visitor(c, visitor)
    return [{"at": row.at, "app": row.app, "said": row.said} for row in rows]


def yeses(deps: Deps, visitor: bytes) -> list[dict[str, Any]]:
    """What the visitor allowed and took back, oldest first: for which prediction, to which words, when."""
    with deps.house.db.read() as c:
        rows = consents.of_visitor(c, visitor)
    return [
        {
            "id": ids.text(row.id),
            "at": row.at,
            "prediction": ids.text(row.prediction) if row.prediction else None,
            "purposes": row.purposes,
            "before": row.before,
            "text_version": row.text_version,
            "withdraws": ids.text(row.withdraws) if row.withdraws else None,
        }
        for row in rows
    ]
