"""The till's side of the site: webhooks, what a till remembers, and the play money of the test till."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Literal

from fastapi import Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from teahouse import telemetry
from teahouse.errors import Conflict, NotFound, TeahouseError
from teahouse.payments import orders
from teahouse.payments.play_money import PlayMoney
from teahouse.payments.till import TillEvent
from teahouse.site import given as bodies
from teahouse.site.deps import Deps, deps_of
from teahouse.store import till_events

log = telemetry.log("site")

HOUR_S, SOON_S = 3600.0, 15.0
OVERLAP_MS = 86_400_000  # an event may be told a day after one that happened later
OUTCOMES = {"pay": "paid", "decline": "failed", "later": "pending", "expire": "expired"}


class PlayIn(BaseModel):
    """What becomes of an order at the test till."""

    outcome: Literal["pay", "decline", "later", "expire"]


class PlayOut(BaseModel):
    """Where to go from here."""

    back: str


async def webhook(request: Request) -> Response:
    """POST /api/till/{provider}: one event of the till, verified on the bytes as they came; 204 once it is kept. No
    cookie is read and no origin asked for: its signature is all that counts."""
    deps = deps_of(request)
    till = await run_in_threadpool(lambda: deps.till)
    if request.path_params["provider"] != till.name or isinstance(till, PlayMoney):
        raise NotFound("This site has no such till.")
    body = await bodies.read_body(request)
    event = till.event(body, request.headers)
    if event is not None:
        new = await deps.house.db.write_async(lambda c: orders.take(c, event, deps.clock()))
        log.info("till-told", kind=event.kind, order=event.order, new=new)
    return Response(status_code=204)


def play(request: Request, order: str, given: PlayIn) -> PlayOut:
    """Pays, or does not, with play money: the event goes the road that Stripe's go. Once it is paid, that is that."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = till_events.order(c, order)
        state = orders.standing(row, till_events.of_order(c, order)).state if row is not None else "ordered"
    if state not in ("ordered", "pending"):
        raise Conflict("This order is dealt with.", f"It is {state}.", "Make another one.")
    tell_play(deps, order, OUTCOMES[given.outcome])
    return PlayOut(back=f"/pass?app={row.body['app']}&paid={order}" if row is not None else "/pass")


def tell_play(deps: Deps, order: str, kind: str) -> None:
    """The test till tells of an order."""
    if not isinstance(deps.till, PlayMoney):
        raise NotFound("This site takes no play money.")
    with deps.house.db.read() as c:
        row = till_events.order(c, order)
    if row is None or row.body["live"]:
        raise NotFound("There is no such order here.")
    body, headers = deps.till.make(kind, order, row.body["amount"], row.body["currency"], deps.clock())
    event = deps.till.event(body, headers)
    take(deps, [event] if event is not None else [])


def take(deps: Deps, events: Iterable[TillEvent]) -> tuple[int, int]:
    """Keeps these events and does what they mean, each in a transaction of its own; how many were news, and how many
    could not be taken (a pass is damaged): those are left for the next time, and hold up none of the others."""
    news = failed = 0
    for one in events:
        try:
            news += deps.house.db.write(lambda c, one=one: orders.take(c, one, deps.clock()))
        except TeahouseError as error:
            failed += 1
            log.error("till-event-not-taken", event=one.id, order=one.order, code=error.code, why=error.why)
    return news, failed


def reconcile(deps: Deps) -> int:
    """Asks the till for what happened and was not told here (a webhook that did not come through, a house that was
    shut); how many events were news. It looks back to the last time that all of it was taken, not to the last event
    that was told: one that comes through does not hide those that did not."""
    at = deps.clock()
    with deps.house.db.read() as c:
        since = till_events.looked_at(c) or till_events.first_order_at(c)
    if since is None:
        return 0
    news, failed = take(deps, deps.till.since(max(0, since - OVERLAP_MS)))
    if not failed:
        deps.house.db.write(lambda c: till_events.mark_looked(c, at))
    if news:
        log.info("till-reconciled", events=news)
    return news


class Purser:
    """Looks at what a day costs, and at the till every hour; sooner where a buyer waits for a payment to arrive."""

    def __init__(self, deps: Deps) -> None:
        self.deps, self.looked = deps, float("-inf")
        self.at_till: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """One look at each, if it is time; at the till only where it takes real money, and beside all else: however
        slow it is, a rollback does not wait for it."""
        deps, now = self.deps, time.monotonic()
        await deps.cap.look(deps)
        if deps.settings.money.till == "test" or (self.at_till is not None and not self.at_till.done()):
            return
        if now - self.looked >= (SOON_S if deps.till_awaited else HOUR_S):
            self.looked, deps.till_awaited = now, False
            self.at_till = asyncio.create_task(self.ask(), name="the till's memory")

    async def ask(self) -> None:
        """One look at the till."""
        try:
            await asyncio.to_thread(reconcile, self.deps)
        except TeahouseError as error:
            log.warning("till-not-asked", code=error.code, why=error.why)
