"""Photos that a visitor lets us keep: encoded again, stored by their digest, under the yes that allows it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from teahouse import ids, telemetry
from teahouse.errors import Conflict, DiskFull, InputError, NotFound, TeahouseError
from teahouse.feedback import collect, erase
from teahouse.model import shape
from teahouse.site import api, given, visitors
from teahouse.site.deps import Deps, deps_of
from teahouse.site.kept import count, refuse_more
from teahouse.site.pages import PURPOSE_VERSION
from teahouse.spec.fields import Field, field_from_json
from teahouse.store import consents, predictions, releases

log = telemetry.log("site")
T = TypeVar("T")

FREE_SHARE, FREE_BYTES = 0.05, 512_000_000
WAIT_S = 2.0  # that an answer waits for its photo to be ready, once in ten minutes for all of them to be counted


@dataclass(frozen=True)
class Clean:
    """One field as it may be kept: a blob (its digest, and the bytes that are in memory alone until `store`), or a
    value; `near` finds its near-duplicates."""

    field: str
    near: bytes
    blob: str | None = None
    value: Any = None
    data: bytes = field(default=b"", repr=False)


def standing(deps: Deps, visitor: bytes) -> Any:
    """The visitor's yes that holds for their next photos too, or None."""
    with deps.house.db.read() as c:
        return stands(c, visitor)


def stands(c: Any, visitor: bytes) -> Any:
    """The same in the caller's transaction. A yes to older words than today's holds for no further photo."""
    return consents.standing(c, visitor, PURPOSE_VERSION)


async def clean(deps: Deps, fields: Mapping[str, Field], parts: given.Parts) -> list[Clean]:
    """The fields as they may be kept, in memory alone: `store` puts them on the disk with their rows."""
    refuse_full(deps)
    found = []
    for name, one in fields.items():
        if not one.binary:
            found.append(Clean(name, one.near(parts[name]), value=parts[name]))
            continue
        cleaned = await deps.engine.clean(parts[name], one.json())
        found.append(Clean(name, cleaned.near, blob=ids.sha256(cleaned.data), data=cleaned.data))
    return found


async def clean_or_none(
    deps: Deps, fields: Mapping[str, Field], parts: given.Parts, visitor: bytes, network: bytes
) -> list[Clean] | None:
    """The same beside an answer, which is not to wait for it or fail with it: None where it can not be done, or where
    there is no room for it."""
    try:
        found = await clean(deps, fields, parts)
        await run_in_threadpool(refuse_more, deps, visitor, network, sizes(found))
        return found
    except TeahouseError as error:
        log.warning("photo-not-kept", code=error.code, what=error.what)
        return None


async def in_time(cleaning: asyncio.Task[list[Clean] | None]) -> list[Clean] | None:
    """What is cleaned, where that does not keep the answer waiting for long once it is there; else None."""
    try:
        return await asyncio.wait_for(cleaning, WAIT_S)
    except TimeoutError:
        log.warning("photo-not-kept", code="late", what="It took too long to make it ready.")
        return None


def sizes(cleaned: Sequence[Clean]) -> list[tuple[str, int]]:
    """The digests and bytes of what is cleaned."""
    return [(one.blob, len(one.data)) for one in cleaned if one.blob]


def refuse_full(deps: Deps) -> None:
    """DiskFull where the disk is so full that answers would soon find no room."""
    disk = shutil.disk_usage(deps.house.data)
    if disk.free < max(disk.total * FREE_SHARE, min(FREE_BYTES, disk.total / 4)):
        raise DiskFull("There is no room to keep photos right now.", do_next="Try again later; answers still come.")


def store(deps: Deps, cleaned: list[Clean], write: Callable[[Any], tuple[T, bool]]) -> tuple[T, bool]:
    """Puts the photos, then does `write`, which also tells if it kept them; if not, or if it fails, they go again.

    Runs in a thread: it comes to its end also where the visitor has left."""
    kept = False
    try:
        for one in cleaned:
            if one.blob:
                deps.house.blobs.put(one.data)
        told, kept = deps.house.db.write(write)
    finally:
        if not kept:
            with suppress(TeahouseError):  # what stays all the same, the daily sweep finds
                erase.drop_unnamed(deps.house, [one.blob for one in cleaned if one.blob])
    return told, kept


async def put_input(request: Request) -> Response:
    """PUT /api/predictions/{id}/input: the same body again, with the purposes that the visitor said yes to."""
    deps = deps_of(request)
    id_ = ids.parse(request.path_params["id"])
    row, fields = await run_in_threadpool(look, deps, request, id_)
    purposes = given.purposes(request, given.CONSENT | given.SHOW)
    if "keep" not in purposes:
        raise InputError("Nothing was allowed.", "X-Consent must name the purposes.", 'Send "X-Consent: keep, train".')
    body = await given.read_body(request)
    parts, digest = await run_in_threadpool(given.opened, request, body, fields, deps.key("given"))
    if not secrets.compare_digest(digest, row.given):
        raise Conflict("This is not what was predicted.", "Its bytes differ.", "Send exactly the same file again.")
    cleaned = await clean(deps, fields, parts)
    await run_in_threadpool(refuse_more, deps, row.visitor, row.network, sizes(cleaned))
    at, rules = deps.clock(), api.rules_of(deps, row.app)

    def keep(c: Any) -> tuple[list[str], bool]:
        if predictions.get(c, id_).given is None:  # erased while the photo was cleaned
            raise NotFound(visitors.NOTHING)
        write(c, deps, collect.Kept(row, cleaned, purposes, False, PURPOSE_VERSION, at, rules))
        return consents.for_prediction(c, id_, show=False).purposes, True  # of one kept before: what was allowed then

    purposes, _ = await run_in_threadpool(store, deps, cleaned, keep)
    log.info("photo-kept", app=row.app, prediction=ids.text(id_))
    link = await run_in_threadpool(link_of, deps, request, row)
    return JSONResponse({"id": ids.text(id_), "kept": True, "purposes": purposes, **link}, 201)


def link_of(deps: Deps, request: Request, row: Any) -> dict[str, str]:
    """Where who has no cookie here, as in a frame of another site, sees what is kept and takes it back later: the
    private link of a visitor who has this one prediction, so that it opens no more than its receipt does."""
    if row.visitor is None or visitors.cookie_visitor(request) is not None:
        return {}
    with deps.house.db.read() as c:
        alone = len(predictions.of_visitor(c, row.visitor, 2)) == 1
    return {"link": f"/mine/{visitors.sealed(deps.signers.link, row.visitor)}"} if alone else {}


def look(deps: Deps, request: Request, id_: bytes) -> tuple[Any, dict[str, Field]]:
    """The prediction, where this request may open it, and the fields of its release. Runs in a thread."""
    with deps.house.db.read() as c:
        row = predictions.get(c, id_)
        api.refuse_gone(request, row)
        manifest = shape.from_json(releases.get(c, row.release).manifest)
    return row, {one["name"]: field_from_json(one) for one in manifest.fields}


def write(c: Any, deps: Deps, kept: collect.Kept) -> None:
    """Writes down the yes and what is kept under it for a prediction's row, in the caller's transaction."""
    for one in kept.inputs:
        if one.blob and not deps.house.blobs.exists(one.blob):  # another row's, erased since it was put
            deps.house.blobs.put(one.data)
    count(c, deps, kept.prediction, sizes(kept.inputs))
    collect.keep_photo(c, kept)
