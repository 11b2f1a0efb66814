"""Pictures under signed addresses that end, and the site's own static files."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from fastapi import Request
from itsdangerous import BadSignature
from starlette.responses import Response

from teahouse import ids
from teahouse.errors import NotFound
from teahouse.model import bundle
from teahouse.site import render
from teahouse.site.deps import Deps, Live, deps_of
from teahouse.spec.fields.image import media_type
from teahouse.store import inputs

AGE_S = {"example": 12 * 3600, "kept": 3600}
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=600",
}
GONE = "This picture is not here any more."


def example_address(deps: Deps, live: Live, index: int) -> str:
    """The address of the picture of a release's example, for half a day; '' where the example has none."""
    return _signed(deps, ["example", live.release, index]) if example_path(live.manifest, index) else ""


def kept_address(deps: Deps, prediction: bytes) -> str:
    """The address of the photo that a visitor let us keep with a prediction, for an hour. Hand it only to them."""
    return _signed(deps, ["kept", ids.text(prediction)])


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


def show(request: Request) -> Response:
    """A picture: JPEG, PNG or WebP by its first bytes, and nothing else whatever it holds."""
    deps = deps_of(request)
    kind, rest = _opened(deps, request.path_params["token"])
    data = _example(deps, *rest) if kind == "example" else _kept(deps, *rest)
    type_ = media_type(data)
    if type_ is None:
        raise NotFound(GONE)
    return Response(data, media_type=type_, headers=HEADERS)


def _example(deps: Deps, release: str, index: int) -> bytes:
    folder = deps.house.releases / release
    if not ids.is_digest(release) or not folder.is_dir():
        raise NotFound(GONE, do_next="Load the page again.")
    path = example_path(bundle.read(folder), index)
    if not path:
        raise NotFound(GONE)
    return (folder / path).read_bytes()


def _kept(deps: Deps, prediction: str) -> bytes:
    with deps.house.db.read() as c:
        rows = inputs.of_prediction(c, ids.parse(prediction))
    row = next((row for row in rows if row.blob), None)
    if row is None:
        raise NotFound(GONE)
    return deps.house.blobs.get(row.blob)


def static(request: Request) -> Response:
    """A file of the site's own, under an address that changes with its content."""
    response = render.static_file(request.path_params["version"], request.path_params["path"])
    if response.status_code == 404:
        raise NotFound("There is nothing under this address.")
    return response
