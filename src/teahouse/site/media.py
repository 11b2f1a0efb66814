"""Pictures under signed addresses that end, small copies among them, and the site's own static files."""

from __future__ import annotations

import base64
import binascii
import json
import time
from pathlib import Path
from typing import Any

from fastapi import Request
from itsdangerous import BadSignature
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from teahouse import ids
from teahouse.errors import InputError, NotFound, TeahouseError
from teahouse.model import bundle
from teahouse.site import health, pictures, render
from teahouse.site.deps import Deps, Live, deps_of
from teahouse.spec.fields import Field, Picture
from teahouse.spec.fields.image import header_size, media_type
from teahouse.store import inputs, pool, shares

SAMPLES = 6  # of a release, on its play page
THUMB, OPENING = 160, 512  # pixels: a cup, sharp on most phones; what a page opens with
HALF_DAY_S = 12 * 3600
AGE_S = {"example": HALF_DAY_S, "output": HALF_DAY_S, "chip": HALF_DAY_S, "light": HALF_DAY_S, "kept": 3600,
         "pool": 366 * 86_400, "shared": 3600}  # fmt: skip
EXAMPLE_S = 30.0
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=600",
}
BRIEFLY = {**HEADERS, "Cache-Control": "private, max-age=30"}  # what may be hidden at any time
GONE = "This picture is not here any more."


def example_address(deps: Deps, live: Live, index: int) -> str:
    """The address of the picture of a release's example, for half a day; '' where the example has none."""
    return _signed(deps, ["example", live.release, index]) if example_path(live.manifest, index) else ""


def example_output_address(deps: Deps, live: Live, index: int) -> str:
    """The address of the picture that a release makes of its example, for half a day; '' where it makes none."""
    return _signed(deps, ["output", live.release, index]) if makes_picture(live, index) else ""


def light_output_address(deps: Deps, live: Live, index: int, side: int) -> str:
    """The address of a small copy of the picture that a release makes of its example; '' where it makes none."""
    return _signed(deps, ["light", side, "output", live.release, index]) if makes_picture(live, index) else ""


def chip_address(deps: Deps, live: Live, choice: Field, word: str) -> str:
    """The address of the small picture of a word that can be chosen, for half a day; '' where it has none."""
    path = choice.picture(word)  # type: ignore[attr-defined]
    return _signed(deps, ["light", THUMB, "chip", live.release, path]) if path in live.manifest.files else ""


def light_example_address(deps: Deps, live: Live, index: int, side: int) -> str:
    """The address of a small copy of an example's picture, at most `side` pixels long; '' where there is none."""
    return _signed(deps, ["light", side, "example", live.release, index]) if example_path(live.manifest, index) else ""


def pool_address(deps: Deps, prediction: bytes) -> str:
    """The address of a picture in the pool, while it is there. It is nobody's."""
    return _signed(deps, ["pool", ids.text(prediction)])


def kept_address(deps: Deps, prediction: bytes) -> str:
    """The address of the photo that a visitor let us keep with a prediction, for an hour. Hand it only to them."""
    return _signed(deps, ["kept", ids.text(prediction)])


def shared_address(deps: Deps, token: str, which: str, owner: bool = False) -> str:
    """The address of what a share shows (picture or photo), for an hour; for the owner also while it is hidden."""
    return _signed(deps, ["shared", token, which, owner])


def makes_picture(live: Live, index: int) -> bool:
    """Whether there is such an example, and what the release makes of it is a picture."""
    return live.output.kind == "image" and 0 <= index < len(live.manifest.examples)


def example_path(manifest: Any, index: int) -> str:
    """The path in the release of the example's first picture, or ''."""
    if not 0 <= index < len(manifest.examples):
        return ""
    binary = [one["name"] for one in manifest.fields if one.get("kind") == "image"]
    given = manifest.examples[index].get("inputs", {})
    path = next((given[name] for name in binary if name in given), "")
    return path if path in manifest.files else ""


def _signed(deps: Deps, payload: list[Any]) -> str:
    text = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    return "/media/" + deps.signers.media.sign(text).decode()


def _opened(deps: Deps, token: str) -> tuple[str, list[Any]]:
    """Kind and the rest of what was signed; NotFound for anything else, and after its time."""
    try:
        text = deps.signers.media.unsign(token, max_age=max(AGE_S.values()))
        kind, *rest = json.loads(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
        deps.signers.media.unsign(token, max_age=AGE_S[kind])
    except (BadSignature, ValueError, KeyError, binascii.Error):
        raise NotFound(GONE, do_next="Load the page again.") from None
    return kind, rest


async def show(request: Request) -> Response:
    """A picture: JPEG, PNG or WebP by its first bytes, and nothing else whatever it holds."""
    deps = deps_of(request)
    kind, rest = _opened(deps, request.path_params["token"])
    if kind == "light":
        data = await _light(deps, *rest)
    elif kind == "output":
        data = (await _example_output(deps, *rest)).data
    elif kind == "pool" and (piece := deps.stock.find(ids.parse(rest[0]))) is not None:
        data = piece.picture.data
    else:
        data = await run_in_threadpool(KINDS[kind], deps, *rest)
    type_ = media_type(data)
    if type_ is None:
        raise NotFound(GONE)
    return Response(data, media_type=type_, headers=BRIEFLY if kind == "shared" else HEADERS)


async def example_output(deps: Deps, live: Live, index: int, lane: str = "free") -> Picture:
    """What a release makes of one of its own examples, asked of the engine once; NotFound where that is no picture."""
    key = (live.release, index)
    if key not in deps.stock.examples:
        parts = await run_in_threadpool(health.example_parts, deps, live, index)
        until = time.monotonic() + max(EXAMPLE_S, live.manifest.deadline_s)
        picture = pictures.of(await deps.engine.predict(live.release, parts, until, lane)) if parts else None
        if picture is None:
            raise NotFound(GONE)
        deps.stock.examples[key] = picture
    return deps.stock.examples[key]


async def lighten(deps: Deps, live: Live) -> bool:
    """Makes the small copies of what a play page opens with, ahead of the first visitor; whether all are there."""
    examples = [index for index in range(SAMPLES) if example_path(live.manifest, index)]
    shown = [(THUMB, "example", index) for index in examples]
    shown += [(OPENING, "example", 0)] if 0 in examples else []
    shown += [(OPENING, "output", 0)] if makes_picture(live, 0) else []
    for side, kind, index in shown:
        await _light(deps, side, kind, live.release, index, "idle")
    return all((live.release, *one) in deps.stock.light for one in shown)


async def _light(deps: Deps, side: int, kind: str, release: str, which: Any, lane: str = "free") -> bytes:
    """A small copy of a release's own picture, made once; the picture itself where none can be made."""
    key = (release, side, kind, which)
    if key not in deps.stock.light:
        if kind == "output":
            data = (await _example_output(deps, release, which)).data
        else:
            data = await run_in_threadpool(KINDS[kind], deps, release, which)
        try:
            deps.stock.light[key] = (await deps.engine.light(data, side, lane)).data
        except InputError:  # of this one there never will be a small copy
            deps.stock.light[key] = data
        except TeahouseError:  # not right now: a page with a large picture is better than one with none
            return data
    return deps.stock.light[key]


async def _example_output(deps: Deps, release: str, index: int) -> Picture:
    shown = deps.serving.apps.values()
    live = next((one.champion for one in shown if one.champion and one.champion.release == release), None)
    if live is None:
        raise NotFound(GONE, do_next="Load the page again.")
    return await example_output(deps, live, index)


def _pooled(deps: Deps, prediction: str) -> bytes:
    with deps.house.db.read() as c:
        row = pool.of_prediction(c, ids.parse(prediction))
    if row is None:
        raise NotFound(GONE, do_next="Load the page again.")
    return deps.house.blobs.get(row.blob)


def example_ratio(deps: Deps, live: Live, index: int) -> float:
    """Width over height of an example's picture: of its small copy, which stands upright, else of the file; 1 where it
    has none. Runs in a thread."""
    data = deps.stock.light.get((live.release, OPENING, "example", index)) or example_photo(deps, live, index)
    try:
        width, height = header_size(data or b"")
    except InputError:
        return 1.0
    return width / height if width > 0 and height > 0 else 1.0


def example_photo(deps: Deps, live: Live, index: int) -> bytes | None:
    """The picture of a release's example, or None where the example has none. Runs in a thread."""
    return _example(deps, live.release, index) if example_path(live.manifest, index) else None


def _example(deps: Deps, release: str, index: int) -> bytes:
    folder = _folder(deps, release)
    path = example_path(bundle.read(folder), index)
    if not path:
        raise NotFound(GONE)
    return (folder / path).read_bytes()


def _chip(deps: Deps, release: str, path: str) -> bytes:
    folder = _folder(deps, release)
    if path not in bundle.read(folder).files:
        raise NotFound(GONE, do_next="Load the page again.")
    return (folder / path).read_bytes()


def _folder(deps: Deps, release: str) -> Path:
    """Where a release lies; NotFound where it does not any more."""
    folder = deps.house.releases / release
    if not ids.is_digest(release) or not folder.is_dir():
        raise NotFound(GONE, do_next="Load the page again.")
    return folder


def _kept(deps: Deps, prediction: str) -> bytes:
    with deps.house.db.read() as c:
        rows = inputs.of_prediction(c, ids.parse(prediction))
    row = next((row for row in rows if row.blob), None)
    if row is None:
        raise NotFound(GONE)
    return deps.house.blobs.get(row.blob)


def _shared(deps: Deps, token: str, which: str, owner: bool) -> bytes:
    with deps.house.db.read() as c:
        row = shares.get(c, token) if owner else shares.shown(c, token)
    blob = getattr(row, which) if row is not None and which in ("picture", "photo") else None
    if blob is None:
        raise NotFound(GONE)
    return deps.house.blobs.get(blob)


KINDS = {"example": _example, "chip": _chip, "kept": _kept, "pool": _pooled, "shared": _shared}


def static(request: Request) -> Response:
    """A file of the site's own, under an address that changes with its content."""
    response = render.static_file(request.path_params["version"], request.path_params["path"])
    if response.status_code == 404:
        raise NotFound("There is nothing under this address.")
    return response
