"""The hot route: a visitor gives something, the answer is on disk before they see it."""

from __future__ import annotations

import asyncio
import functools
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from teahouse import failpoints, ids, telemetry
from teahouse.engine.port import Answer
from teahouse.errors import Conflict, DiskFull, InputError, NotReady, QueueFull, TeahouseError
from teahouse.feedback import collect
from teahouse.site import again, given, keep, mirror, paying, pictures, refusals, security, seen, visitors
from teahouse.site.budget import VISITOR, work_s
from teahouse.site.deps import Deps, Live, Shown, deps_of
from teahouse.site.pulse import Pulse
from teahouse.site.purse import Fare
from teahouse.site.visitors import Visitor
from teahouse.spec.fields import Picture
from teahouse.store import rows, tables, tallies

log = telemetry.log("site")

HOUR_MS = 3_600_000
BEAT_S = 0.5
SOON_S = 0.05


@dataclass(frozen=True)
class Asked:
    """A request for an answer, read and checked."""

    id: bytes
    shown: Shown
    live: Live
    arm: str
    visitor: Visitor
    held: bool
    parts: given.Parts
    given: bytes
    network: bytes
    key: str | None = None
    standing: Any = None
    shadow_of: bytes | None = None
    device: str = "other"
    payers: tuple[str, ...] = ("",)  # whose budgets its work is counted in, the network's first
    lane: str = "free"
    fare: Fare = Fare()
    beside: bytes | None = None  # the prediction that this one is to be compared with
    cached: bool = False  # answered from memory
    received_ms: float = 0.0
    began: float = field(default_factory=time.monotonic)


Outcome = tuple[Any, Answer, bool]
"""The answer's row, the engine's answer, and whether what was given is kept."""


async def create(request: Request) -> Response:
    """POST /api/apps/{app}/predictions: 201 with the answer, or a stream of events that ends with it."""
    deps = deps_of(request)
    return await respond(request, deps, await read(request, deps))


async def respond(request: Request, deps: Deps, asked: Asked) -> Response:
    """The answer as it was asked for: JSON, a stream of events, or the picture itself."""
    if "text/event-stream" in request.headers.get("accept", ""):
        work = asyncio.create_task(answer(deps, asked))
        await asyncio.wait({work}, timeout=SOON_S)
        if work.done():
            work.result()  # what fails at once is a plain refusal, with its status
        response: Response = Events(deps, asked, work)
    else:
        row, told, kept = await unless_they_leave(request, answer(deps, asked))
        response = answered(request, body(deps, asked, row, told, kept), pictures.of(told))
        response.background = Sent(deps.pulse, told)  # type: ignore[assignment]
    if asked.visitor.page:  # also the one that is there: its half year begins anew
        visitors.set_cookie(request, response, asked.visitor.id)
    return response


class Events(StreamingResponse):
    """A stream of events, which ends the work that it tells of also where its visitor left before it began."""

    def __init__(self, deps: Deps, asked: Asked, work: asyncio.Task[Outcome]) -> None:
        super().__init__(events(deps, asked, work), media_type="text/event-stream")
        self.work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.work.cancel()


class Sent:
    """Notes where the time of an answer went, once its last byte was handed over."""

    def __init__(self, pulse: Pulse, told: Answer) -> None:
        self.pulse, self.told, self.began = pulse, told, time.monotonic()

    async def __call__(self) -> None:
        self.pulse.took({**self.told.ms, "send": (time.monotonic() - self.began) * 1000}, self.told.batch)


async def unless_they_leave(request: Request, work: Awaitable[Outcome]) -> Outcome:
    """The outcome; ClientDisconnect where nobody is there any more to see it, and then nothing is worked out for them:
    what waits leaves the queue. Looked for where it takes a while: a task for each answer would cost more than it
    saves."""
    mine, watching = asyncio.current_task(), list[asyncio.Task[None]]()
    assert mine is not None

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        mine.cancel()

    soon = asyncio.get_running_loop().call_later(SOON_S, lambda: watching.append(asyncio.create_task(watch())))
    try:
        return await work
    except asyncio.CancelledError:
        if watching and watching[0].done():
            mine.uncancel()
            raise ClientDisconnect from None
        raise
    finally:
        soon.cancel()
        for one in watching:
            one.cancel()


def answered(request: Request, body: dict[str, Any], picture: Picture | None) -> Response:
    """201 with the body, or with the picture alone where that is asked for."""
    if picture is not None and pictures.wants_bytes(request.headers.get("accept", "")):
        return pictures.as_bytes(body, picture)
    return Response(msgspec.json.encode(with_picture(body, picture)), 201, media_type="application/json")


def with_picture(body: dict[str, Any], picture: Picture | None) -> dict[str, Any]:
    """The body with its picture in it."""
    if picture is None:
        return body
    return {**body, "output": {"picture": pictures.data_url(picture), **body["output"]}}


async def read(request: Request, deps: Deps, fare: Fare | None = None) -> Asked:
    """Reads and checks a request; draws arm and lot before anything is known of the answer. fare: how it is paid for,
    where that is known."""
    came = time.monotonic()
    try:
        asked = await _read(request, deps, fare)
    except (TeahouseError, HTTPException) as error:  # the latter of a body that streams in
        deps.pulse.over(error)
        raise
    return replace(asked, received_ms=(time.monotonic() - came) * 1000)


async def _read(request: Request, deps: Deps, fare: Fare | None) -> Asked:
    shown = deps.serving.app(request.path_params["app"])
    if shown.champion is None or not shown.champion.ready:
        why = "Its release is not loaded."
        raise NotReady("This app is not open yet.", why, "Try again in a moment.", retry_after=5)
    network = security.client_network(request)
    until = time.monotonic() + shown.deadline_s
    visitor, payers = visitors.visitor_of(request), [network]
    key, lane = given.idempotency_key(request), deps.budget.lane(network)
    counted = paying.is_counted(shown)
    if (full := deps.engine.full(shown.champion.release, until, "paid" if counted else lane)) is not None:
        await deps.budget.hold(network)
        raise full  # before anything is looked up, and the photo read
    digest = visitors.network_digest(deps, security.client_address(request))
    compared = fare is not None  # one of two, which has a fare of its own
    fare = fare or await paying.fare(request, shown, visitor, digest, key and stored_key(visitor.id, key))
    if counted and (full := deps.engine.full(shown.champion.release, until, fare.lane or lane)) is not None:
        await deps.budget.hold(network)
        raise full
    if not visitor.fresh:
        payers.append(visitor.id.hex())
        deps.budget.take(payers[-1], VISITOR)
    purposes = given.purposes(request)
    body = await given.read_body(request)
    deps.budget.spend(payers[1:], "bytes", len(body))  # the network's are counted for all requests alike
    opened = None
    if visitor.fresh and key is not None:
        opened = await given.opened_soon(request, body, shown.champion.fields, deps.key("given"))
        visitor = visitors.named_by(visitor, deps, key, opened[1])
        fare = await paying.renamed(deps, shown, fare, visitor, (digest, stored_key(visitor.id, key)))
    live, arm = visitors.choose(shown, visitor, deps.key("arm"))
    if opened is None or live is not shown.champion:
        opened = await given.opened_soon(request, body, live.fields, deps.key("given"))
    if counted and not compared:
        fare = await paying.unless_sample(deps, shown, live, fare, (visitor, digest), opened[1])
    standing = None
    if "keep" in purposes and visitor.page and not visitor.fresh:
        standing = await run_in_threadpool(keep.standing, deps, visitor.id)
    return Asked(
        id=ids.new_id(),
        shown=shown,
        live=live,
        arm=arm,
        visitor=visitor,
        held=visitors.is_held(deps, shown, visitor.id),
        parts=opened[0],
        given=opened[1],
        network=digest,
        key=key and stored_key(visitor.id, key),
        standing=standing,
        device=seen.device_of(request.headers.get("user-agent", "")),
        payers=tuple(payers),
        fare=fare,
    )


def stored_key(visitor: bytes, key: str) -> str:
    """An Idempotency-Key as it is kept: the visitor's own, so that two who chose the same one do not meet."""
    return ids.keyed(visitor, key.encode("ascii")).hex()


async def answer(deps: Deps, asked: Asked) -> Outcome:
    """The answer, after it is on disk. A photo under a standing yes is cleaned meanwhile."""
    try:
        with deps.purses.reserve(asked.fare), deps.budget.under_way(asked.payers[0]) as of_network:
            lane = asked.fare.lane or of_network
            found = await _answer(deps, asked if lane == asked.lane else replace(asked, lane=lane))
    except BaseException as error:
        worked(deps, asked, error)
        deps.pulse.over(error)
        raise
    deps.pulse.over()
    return found


async def _answer(deps: Deps, asked: Asked) -> Outcome:
    if (known := await again.known(deps, asked)) is not None:
        return known[0], Answer(known[0].output, form=known[0].form), known[1]
    cleaning = None
    if asked.standing:
        whose = asked.visitor.id, asked.network
        cleaning = asyncio.create_task(keep.clean_or_none(deps, asked.live.fields, asked.parts, *whose))
    try:
        asked, told = await worked_out(deps, asked)
        cleaned = await keep.in_time(cleaning) if cleaning else None
    finally:
        if cleaning:
            cleaning.cancel()
    worked(deps, asked, told)
    came = time.monotonic()
    ms = (came - asked.began) * 1000
    row, kept = await written(deps, asked, told, ms, cleaned)
    commit = (time.monotonic() - came) * 1000
    failpoints.here("committed")
    if row.id == asked.id:
        deps.looks.add(asked.live, asked.arm, told, (asked.visitor.id, asked.network), row.look, row.at)
        if not asked.cached:
            deps.looks.took(asked.live, asked.arm, told)
        deps.mirror.offer(deps, asked, told)
    log.info("answered", app=asked.shown.name, release=row.release[:12], id=ids.text(row.id), arm=row.arm,
             ms=round(ms, 1), batch=told.batch, kept=kept)  # fmt: skip
    return row, replace(told, ms={"receive": asked.received_ms, **told.ms, "commit": commit}), kept


def worked(deps: Deps, asked: Asked, told: Answer | BaseException) -> None:
    """Counts what a worker did, whatever came of it: for who asked, and for the house's costs."""
    seconds, kind = work_s(told), asked.fare.kind
    deps.budget.spend(asked.payers, "seconds", seconds)
    kind = "free" if kind in ("again", "sample") else kind
    deps.costs.work(asked.shown.name, kind, seconds, isinstance(told, Answer))


async def worked_out(deps: Deps, asked: Asked) -> tuple[Asked, Answer]:
    """What the engine answers, and who was asked for it in the end: where a canary fails, the champion answers instead,
    within the same deadline, and the visitor sees nothing of it. What was answered a moment ago is answered again."""
    known = deps.known.get(asked.live, asked.given, asked.network)
    if known is not None:
        return replace(asked, cached=True), replace(known, ms={}, batch=1)
    asked, told = await asked_of(deps, asked)
    deps.known.put(asked.live, asked.given, asked.network, told)
    return asked, told


async def asked_of(deps: Deps, asked: Asked) -> tuple[Asked, Answer]:
    """The same by the engine."""
    until, champion = asked.began + asked.shown.deadline_s, asked.shown.champion
    if asked.arm == "canary" and champion is not None and champion.fields.keys() == asked.parts.keys():
        half = asked.began + asked.shown.deadline_s / 2  # the other half is the champion's
        try:
            return asked, await deps.engine.predict(asked.live.release, asked.parts, half, asked.lane)
        except TeahouseError as error:
            if not isinstance(error, InputError) or mirror.is_its_own(error):
                return await in_its_place(deps, asked, champion, until, error)
            await failed(deps, asked, error)
            raise
    return asked, await told_by(deps, asked, until)


async def in_its_place(
    deps: Deps, asked: Asked, champion: Live, until: float, error: TeahouseError
) -> tuple[Asked, Answer]:
    """The champion's answer to what a canary had none to. What neither can take speaks against what was given, and is
    no error of the canary's: nobody sinks it by a photo that breaks every model."""
    instead = replace(asked, live=champion, arm="full")
    worked(deps, asked, error)
    try:
        told = await told_by(deps, instead, until)
    except TeahouseError as other:
        if other.status >= 500:
            await failed(deps, asked, error)
        raise
    await failed(deps, asked, error)
    return instead, told


async def told_by(deps: Deps, asked: Asked, until: float) -> Answer:
    """The answer of the release that is asked; where none comes, that is counted."""
    try:
        return await deps.engine.predict(asked.live.release, asked.parts, until, asked.lane)
    except TeahouseError as error:
        await failed(deps, asked, error)
        raise


async def written(
    deps: Deps, asked: Asked, told: Answer, ms: float, cleaned: list[keep.Clean] | None
) -> tuple[Any, bool]:
    """The answer's row on the disk, and if its photo is kept. Without room for the photo the answer still comes."""
    row = row_of(deps, asked, told, ms)
    if cleaned:
        with suppress(DiskFull):
            writing = functools.partial(write, deps=deps, asked=asked, told=told, row=row, cleaned=cleaned)
            return await run_in_threadpool(keep.store, deps, cleaned, writing)
    try:
        if asked.fare.kind != "open":
            return await deps.house.db.write_async(lambda c: (recorded(c, asked, told, row), False))
        seq = await deps.house.db.append(tables.predictions, row, counts(asked, told, ms, row["at"]))
    except Conflict:
        first = await run_in_threadpool(again.first, deps, asked)
        if first is None:
            raise
        return first
    return SimpleNamespace(seq=seq, **row), False


def row_of(deps: Deps, asked: Asked, told: Answer, ms: float) -> dict[str, Any]:
    """The answer's row."""
    return {
        "at": deps.clock(),
        "id": asked.id,
        "app": asked.shown.name,
        "release": asked.live.release,
        "form": told.form,
        "arm": asked.arm,
        "visitor": asked.visitor.id,
        "network": asked.network,
        "key": asked.key,
        "given": asked.given,
        "shadow_of": asked.shadow_of,
        "seed": pictures.seed_of(asked.live.fields, asked.parts),
        "output": pictures.kept_output(deps, told),
        "held": asked.held,
        "cached": asked.cached,
        "ms": ms,
        "look": {**told.look, "device": asked.device, "familiar": told.familiar} if told.look else None,
    }


def write(
    c: Any, deps: Deps, asked: Asked, told: Answer, row: dict[str, Any], cleaned: list[keep.Clean]
) -> tuple[Any, bool]:
    """Writes the answer, its tallies and what is kept, and tells if it kept; or finds the answer of this key."""
    first = again.of_key(c, asked)
    if first is not None:
        return first
    at, found = row["at"], recorded(c, asked, told, row)
    # the yes may have ended while the model was at work
    yes = keep.stands(c, asked.visitor.id)
    if yes is not None:
        purposes = sorted(given.CONSENT & set(yes.purposes))  # a yes to others' eyes is for the one photo
        keep.write(c, deps, collect.Kept(found, cleaned, purposes, True, yes.text_version, at))
    return found, yes is not None


def recorded(c: Any, asked: Asked, told: Answer, row: dict[str, Any]) -> SimpleNamespace:
    """Writes the answer, takes what it costs, and adds its tallies: all of it or nothing."""
    seq = rows.add(c, tables.predictions, row)
    left = paying.pay(c, asked.fare, row["id"], row["at"])
    tallies.add_all(c, counts(asked, told, row["ms"], row["at"]))
    return SimpleNamespace(seq=seq, left=left, **row)


def counts(asked: Asked, told: Answer, ms: float, at: int) -> list[tallies.Tally]:
    """What an answer adds to this hour."""
    found = [tally(asked, "answers", ms, at)]
    return [*found, tally(asked, "unfamiliar", 0.0, at)] if told.familiar is False else found


def tally(asked: Asked, what: str, total: float, at: int) -> tallies.Tally:
    """One thing of this hour."""
    return tallies.Tally(asked.shown.name, asked.live.release, asked.arm, at // HOUR_MS, what, 1, total)


async def failed(deps: Deps, asked: Asked, error: TeahouseError) -> None:
    """Counts an answer that did not come; errors of ours against the release, refusals of the input and of a crowd not.
    An input that breaks a canary counts too: the champion may well take it."""
    broke = mirror.is_its_own(error) if asked.arm == "canary" else error.status >= 500
    if broke and not isinstance(error, QueueFull):
        error_of = tally(asked, "errors", 0.0, deps.clock())
        await deps.house.db.write_async(lambda c: tallies.add(c, error_of))
    log.warning("not-answered", app=asked.shown.name, release=asked.live.release[:12], code=error.code, what=error.what)


def body(deps: Deps, asked: Asked, row: Any, told: Answer, kept: bool) -> dict[str, Any]:
    """The answer as the API gives it, a picture without its bytes; of a repeated request the first answer."""
    repeated, picture, champion = row.id != asked.id, pictures.of(told), asked.shown.champion
    if not repeated and champion is not None and row.release == champion.release:
        asked = replace(asked, live=champion)  # it answered in the place of a canary that could not
    if picture is not None:
        if row.release != asked.live.release:
            raise Conflict("This key made a picture that is not kept.", do_next="Take a new key.")
        output = pictures.told(picture)
    else:
        output = row.output if repeated else told.output
    values = {name: asked.parts[name] for name, one in asked.live.fields.items() if not one.binary}
    return {
        "id": ids.text(row.id),
        "receipt": visitors.receipt(deps, row.id),
        "app": row.app,
        "release": row.release,
        "output": output,
        "confidence": confidence(output),
        "familiar": told.familiar,
        "latency_ms": round(row.ms, 2),
        "feedback": feedback_choices(asked.live, asked.shown),
        "kept": kept,
        **({"left": left.json()} if (left := getattr(row, "left", None)) is not None else {}),
        **({"pair": visitors.pair(deps, asked.beside, row.id)} if asked.beside else {}),
        **({"inputs": values} if values else {}),
        **({"seed": row.seed} if row.seed is not None else {}),
    }


def confidence(output: Any) -> float | None:
    """How sure the answer is of itself, 0..1; None where it has no scores."""
    scores = output.get("scores") if isinstance(output, dict) else None
    return max(scores.values()) if scores else None


def feedback_choices(live: Live, shown: Shown | None = None) -> list[dict[str, Any]]:
    """What may be said of an answer of this release: kinds, with the values of each."""
    choices = pictures.choices(live, shown)
    if "agree" in live.output.feedback:
        choices.append({"kind": "agree", "values": [True, False]})
    if "correct" in live.output.feedback:
        words = getattr(live.output, "words", None)
        choices.append({"kind": "correct", "values": words() if words else []})
    return choices


async def events(deps: Deps, asked: Asked, work: asyncio.Task[Outcome]) -> AsyncIterator[bytes]:
    """The place in the queue while it lasts, then the answer or the error. Who is let in before tells no one's place
    upwards."""
    place, wait = sys.maxsize, float("inf")
    try:
        while not work.done():
            stands = deps.engine.place(asked.live.release, asked.parts)
            if stands is not None:
                place, wait = min(place, stands[0]), min(wait, stands[1])
                yield event("queued", {"place": place, "wait_s": round(wait, 1)})
            await asyncio.wait({work}, timeout=BEAT_S)
        row, told, kept = work.result()
        sent = Sent(deps.pulse, told)
        yield event("answer", with_picture(body(deps, asked, row, told, kept), pictures.of(told)))
        await sent()
    except TeahouseError as error:
        yield event("error", {"error": error.as_dict()})
    except Exception as error:  # edge: the stream has begun, so the error goes into it
        log.error("request-broke", app=asked.shown.name, error=repr(error), exc_info=True)
        yield event("error", {"error": refusals.BROKEN})


def event(name: str, data: Any) -> bytes:
    """One event of a stream."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
