"""Sharing: a visitor shows an answer to whoever has its link, and takes it back; others see its page and its card."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from teahouse import ids, telemetry
from teahouse.errors import Conflict, InputError, NotFound, NothingToDo, Refused
from teahouse.feedback import erase
from teahouse.model import shape
from teahouse.site import api, cards, given, keep, media, origin, pages, pictures, render, visitors
from teahouse.site.deps import Deps, deps_of
from teahouse.site.shell import shell_of
from teahouse.spec.fields import Field, Image, field_from_json
from teahouse.spec.fields.absent import needs_nobody
from teahouse.store import consents, predictions, releases, shares

log = telemetry.log("site")

DAY_MS = 86_400_000
CARD_S = 30
PARTS = {"picture": None, "photo": None, "inputs": None}
IMAGE = {"kind": "image"}


class ShareOut(BaseModel):
    """A share: its token, its page's address, that of its card, and when it ends by itself (milliseconds UTC)."""

    token: str
    url: str
    card: str
    until: int


@dataclass(frozen=True)
class Asked:
    """What is to be shown: the prediction's row, its release's title and line, and the bytes, checked to be those."""

    row: Any
    manifest: shape.Manifest
    picture: bytes | None
    photo: bytes | None


async def create(request: Request) -> Response:
    """POST /api/predictions/{id}/share: shows the answer to whoever has the link. Again: the same link, shown anew."""
    deps = deps_of(request)
    id_ = ids.parse(request.path_params["id"])
    row, manifest = await run_in_threadpool(look, deps, request, id_)
    if consents.SHOW not in given.purposes(request, given.SHOW):
        raise InputError("Nothing was allowed.", "X-Consent must name the purpose.", 'Send "X-Consent: show".')
    body = await given.read_body(request)
    asked = await run_in_threadpool(opened, request, deps, body, row, manifest)
    keep.refuse_full(deps)
    cleaned = await clean(deps, asked)
    at = deps.clock()

    def show(c: Any) -> tuple[tuple[str, list[str]], bool]:
        return write(c, deps, asked, cleaned, at), True

    (token, freed), _ = await run_in_threadpool(keep.store, deps, cleaned, show)
    await run_in_threadpool(erase.drop_unnamed, deps.house, freed)
    log.info("shared", app=row.app, prediction=ids.text(id_), photo=asked.photo is not None)
    return JSONResponse(told(request, deps, token, row.at).model_dump(), 201)


def told(request: Request, deps: Deps, token: str, at: int) -> ShareOut:
    """A share of an answer given at `at`, as the API tells it."""
    page = f"{origin.address_of(request.scope, request.headers, deps.settings)}/shared/{token}"
    return ShareOut(token=token, url=page, card=f"{page}/card.png", until=at + deps.settings.keep.days * DAY_MS)


def look(deps: Deps, request: Request, id_: bytes) -> tuple[Any, shape.Manifest]:
    """The prediction, where this request may show it, and its release's manifest. Runs in a thread."""
    with deps.house.db.read() as c:
        row = predictions.get(c, id_)
        if row is not None and row.arm == "pool":
            raise has_a_page(row)
        api.refuse_gone(request, row)
        if (there := shares.of_prediction(c, id_)) is not None and there.hidden is not None:
            raise hidden()
        return row, shape.from_json(releases.get(c, row.release).manifest)


def has_a_page(row: Any) -> NothingToDo:
    """The refusal to share what a seed alone made: its page is there for everybody."""
    return NothingToDo("This has a page of its own.", "It came of a seed alone.", f"See /{row.app}/seeds/{row.seed}.")


def hidden() -> Refused:
    """The refusal to show what the owner hid."""
    return Refused("This is not shown here.", "The owner of the site has hidden it.")


def opened(request: Request, deps: Deps, body: bytes, row: Any, manifest: shape.Manifest) -> Asked:
    """The parts of the form, checked to be what was given and what was made of it. Runs in a thread."""
    fields = {one["name"]: field_from_json(one) for one in manifest.fields}
    form = form_parts(request, body)
    picture, photo = form.get("picture"), form.get("photo")
    if pictures.is_picture(row.output) and needs_nobody(fields) and is_of_seed_alone(deps, row, fields):
        raise has_a_page(row)
    if (picture is not None) != pictures.is_picture(row.output):
        words = "Send the picture that was made." if picture is None else "This answer is no picture."
        raise InputError("This cannot be shown.", words, 'A form with the part "picture", and "photo" if you like.')
    if picture is not None and not secrets.compare_digest(pictures.digest(deps, picture), row.output["digest"]):
        raise Conflict("This is not what was made.", "Its bytes differ.", "Send exactly the picture of the answer.")
    values = given.plain_value(form["inputs"]) if form.get("inputs") else {}
    if not isinstance(values, dict):
        raise InputError('The part "inputs" must be a JSON object.', do_next="Send the answer's own `inputs`.")
    if photo is not None:
        refuse_other(deps, row, fields, photo, values)
    for data in (picture, photo):
        if data is not None:
            Image().check(data)
    return Asked(row, manifest, picture, photo)


def form_parts(request: Request, body: bytes) -> dict[str, bytes]:
    """The parts of the form; none where nothing is sent."""
    content_type = request.headers.get("content-type", "")
    if not body:
        return {}
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise InputError("This must be a form.", "Its parts are files.", "Send multipart/form-data.")
    return given.form_of(body, content_type, PARTS)


def is_of_seed_alone(deps: Deps, row: Any, fields: dict[str, Field]) -> bool:
    """Whether the answer is the one that the seed's own page shows: all else at its start."""
    seed = next((name for name, one in fields.items() if one.kind == "seed"), None)
    if seed is None or row.seed is None:
        return False
    parts = given.fill({seed: row.seed}, fields)
    return secrets.compare_digest(given.digest(deps.key("given"), parts), row.given)


def refuse_other(deps: Deps, row: Any, fields: dict[str, Field], photo: bytes, values: dict[str, Any]) -> None:
    """Conflict unless the photo, with the values of the other inputs, is what was predicted."""
    binary = [name for name, one in fields.items() if one.binary]
    if len(binary) != 1:
        raise InputError("There is no photo to show beside it.", f"This app takes {len(binary)} photos.")
    given.refuse_unknown(values, fields)
    parts = {**values, binary[0]: photo}
    if not secrets.compare_digest(given.digest(deps.key("given"), parts), row.given):
        raise Conflict("This is not what was predicted.", "Its bytes differ, or its other inputs do.",
                       "Send exactly the same file again, with the answer's `inputs`.")  # fmt: skip


async def clean(deps: Deps, asked: Asked) -> list[keep.Clean]:
    """What is shown, as it will be kept: the pictures encoded again, and the card with them on it."""
    found = []
    for name, data in (("photo", asked.photo), ("picture", asked.picture)):
        if data is not None:
            cleaned = await deps.engine.clean(data, IMAGE)
            found.append(keep.Clean(name, b"", ids.sha256(cleaned.data), data=cleaned.data))
    line = cards.said(asked.row.output) or asked.manifest.description
    texts = cards.texts(deps, asked.manifest.title, line)
    card = await deps.engine.card(texts, [one.data for one in found])
    return [*found, keep.Clean("card", b"", ids.sha256(card), data=card)]


def write(c: Any, deps: Deps, asked: Asked, cleaned: list[keep.Clean], at: int) -> tuple[str, list[str]]:
    """Writes the yes and the share down; its token, and the blobs of what was shown before. In the caller's
    transaction."""
    row, before = asked.row, shares.of_prediction(c, asked.row.id)
    if predictions.get(c, row.id).given is None:  # erased while the card was drawn
        raise NotFound(visitors.NOTHING)
    if before is not None and before.hidden is not None:
        raise hidden()
    for one in cleaned:
        if one.blob and not deps.house.blobs.exists(one.blob):  # another row's, erased since it was put
            deps.house.blobs.put(one.data)
    if before is not None:
        consents.withdraw(c, before.consent, at)
    yes = consents.Given(ids.new_id(), row.id, row.visitor, [consents.SHOW], False, pages.SHOW_VERSION, at)
    token = before.token if before is not None else secrets.token_urlsafe(16)
    blobs = {one.field: one.blob for one in cleaned}
    freed = shares.add(c, shares.Shared(token, row.id, consents.give(c, yes), at=at, **blobs))
    return token, freed


def take_back(request: Request, id: str) -> Response:
    """Shows the answer to nobody any more, at once; fine where it was shown to nobody."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = predictions.get(c, ids.parse(id))
    api.refuse_gone(request, row)
    freed = deps.house.db.write(lambda c: erase.take_back_share(c, deps.house, row.id, "visitor"))
    erase.delete_blobs(deps.house, freed)
    log.info("taken-back", app=row.app, prediction=id)
    return Response(status_code=204)


# ---- what others see -----------------------------------------------------------------------------------------------


def found(deps: Deps, token: str) -> tuple[Any, Any]:
    """The share and its prediction, while anybody may see it; else a calm NotFound."""
    with deps.house.db.read() as c:
        share = shares.shown(c, token)
        row = predictions.get(c, share.prediction) if share is not None else None
    if share is None or row is None or row.output is None:
        raise NotFound("There is nothing to see here.", "It was taken back, or the link is not whole.")
    return share, row


def page(request: Request) -> Response:
    """GET /shared/{token}."""
    deps, token = deps_of(request), request.path_params["token"]
    share, row = found(deps, token)
    shown = deps.serving.apps.get(row.app)
    with deps.house.db.read() as c:
        manifest = shape.from_json(releases.get(c, row.release).manifest)
    title, output = shown.title if shown else manifest.title, row.output
    here = f"{origin.address_of(request.scope, request.headers, deps.settings)}/shared/{token}"
    words = cards.said(output)
    line = words or manifest.description
    shared = pages.Shared(
        shell=shell_of(deps),
        token=token,
        title=title,
        words=words,
        description=manifest.description,
        make=f"/{row.app}" if shown else "/",
        picture=media.shared_address(deps, token, "picture") if share.picture else "",
        photo=media.shared_address(deps, token, "photo") if share.photo else "",
        size=(output.get("width", 1), output.get("height", 1)) if isinstance(output, dict) else (1, 1),
        at=share.at,
        social=pages.Social(title, line, here, f"{here}/card.png"),
    )
    response = render.render(shared, request.state.nonce)
    response.headers["X-Robots-Tag"] = "noindex, noarchive"
    return response


def card(request: Request) -> Response:
    """GET /shared/{token}/card.png."""
    deps = deps_of(request)
    share, _ = found(deps, request.path_params["token"])
    response = cards.as_png(deps.house.blobs.get(share.card), CARD_S)
    response.headers["X-Robots-Tag"] = "noindex, noarchive"
    return response
