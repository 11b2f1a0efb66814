"""A second picture beside a first, so that a visitor can say which one they like better."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from teahouse import ids
from teahouse.errors import Conflict, NothingToDo, NotReady
from teahouse.site import api, given, pictures, pool, predict, security, visitors
from teahouse.site.deps import Deps, Live, Shown, deps_of
from teahouse.site.purse import Fare
from teahouse.spec.fields.absent import is_drawn
from teahouse.store import predictions

NO_OTHER = "There is nothing to compare this with."


async def create(request: Request) -> Response:
    """POST /api/apps/{app}/predictions: an answer; with X-Beside another one to what that prediction answered.

    The other one is the challenger's where one waits for choices, else of another seed."""
    beside = request.headers.get("x-beside")
    if beside is None:
        return await predict.create(request)
    deps = deps_of(request)
    shown = deps.serving.app(request.path_params["app"])
    first = await run_in_threadpool(look, request, deps, ids.parse(beside))
    rival = pictures.challenger(shown)
    if first.app != shown.name or not pictures.is_picture(first.output):
        raise NothingToDo(NO_OTHER)
    if first.arm == "pool":
        return await from_pool(request, deps, shown, first, rival)
    fare = await run_in_threadpool(fare_of, deps, first, rival)
    with deps.purses.pairing(first.id) as alone:
        asked = with_seed(deps, await predict.read(request, deps, fare if alone else None), first.seed)
        if not secrets.compare_digest(asked.given, first.given):
            raise Conflict("This is not what was predicted.", "It differs from what the first picture was made of.",
                           "Send exactly the same again.")  # fmt: skip
        other = challenged(asked, rival, first.id) if rival is not None else reseeded(deps, asked, request)
        # who the first one belongs to: a receipt opens one prediction, so it earns no cookie that opens all
        mine = other.visitor.page and other.visitor.id == first.visitor
        visitor = replace(other.visitor, id=first.visitor, page=mine)
        other = replace(other, visitor=visitor, held=bool(first.held), standing=None, beside=first.id)
        return await predict.respond(request, deps, other)


def look(request: Request, deps: Deps, id_: bytes) -> Any:
    """The first prediction, where this request may speak of it. Runs in a thread."""
    with deps.house.db.read() as c:
        row = predictions.get(c, id_)
    api.refuse_unspoken(request, row)
    return row


def fare_of(deps: Deps, first: Any, rival: Live | None) -> Fare | None:
    """Nothing is paid for a challenger's picture, the first time: it is the house that wants to know. None: as ever."""
    if rival is None:
        return None
    deps.cap.refuse()
    with deps.house.db.read() as c:
        return None if predictions.shadows(c, first.id) else Fare()


def with_seed(deps: Deps, asked: predict.Asked, seed: int | None) -> predict.Asked:
    """The same question with the first one's seed: who left it to be drawn need not send it."""
    drawn = {name: seed for name, one in asked.live.fields.items() if is_drawn(one)}
    if not drawn or seed is None:
        return asked
    parts = {name: drawn.get(name, value) for name, value in asked.parts.items()}
    return replace(asked, parts=parts, given=given.digest(deps.key("given"), parts))


def challenged(asked: predict.Asked, rival: Live, first: bytes) -> predict.Asked:
    """The same question to the challenger."""
    if rival.fields.keys() != asked.parts.keys():
        raise NothingToDo(NO_OTHER, "The release that waits takes something else.")
    for name, one in rival.fields.items():
        one.check(asked.parts[name])
    return replace(asked, live=rival, arm="shadow", shadow_of=first)


def reseeded(deps: Deps, asked: predict.Asked, request: Request) -> predict.Asked:
    """The same question with another seed."""
    fields = asked.live.fields
    rest = {name: value for name, value in asked.parts.items() if not is_drawn(fields[name])}
    if len(rest) == len(asked.parts):
        raise NothingToDo(NO_OTHER, "No other release waits for choices.")
    key = request.headers.get("idempotency-key", "")
    parts = given.fill(rest, fields, key and f"{key} beside {request.headers['x-beside']}")
    return replace(asked, parts=parts, given=given.digest(deps.key("given"), parts))


async def from_pool(request: Request, deps: Deps, shown: Shown, first: Any, rival: Live | None) -> Response:
    """Another picture of the pool: of the challenger's own where there is one, as visitors would see it."""
    live = rival or shown.champion
    if live is None or not live.ready:
        raise NotReady("This app is not open yet.", do_next="Try again in a moment.", retry_after=5)
    piece = deps.stock.deck(live.release).draw(time.monotonic(), but=first.id)
    if piece is None:
        piece = await pool.made(deps, live, pool.seed_field(live).draw(), security.client_network(request))
    body = {**pool.body(live, shown, piece), "pair": visitors.pair(deps, first.id, piece.prediction)}
    return predict.answered(request, body, piece.picture)
