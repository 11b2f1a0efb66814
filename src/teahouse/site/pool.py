"""The pool: pictures of seeds, made while the house is idle; shown are those that the app itself likes best."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from teahouse import ids, telemetry
from teahouse.engine.port import Answer
from teahouse.errors import NotFound, NotReady, TeahouseError
from teahouse.feedback import erase
from teahouse.site import given, keep, media, paying, pictures
from teahouse.site.budget import work_s
from teahouse.site.deps import Deps, Live, Shown, deps_of
from teahouse.site.stock import Deck, Piece
from teahouse.spec.fields import Picture
from teahouse.spec.fields.absent import is_drawn
from teahouse.store import pool, predictions, rows, tables, tallies

log = telemetry.log("site")

LOOK_S, RETRY_S, ONE_S, COUNT_S, HOUR_S = 0.5, 10.0, 30.0, 60.0, 3600.0
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NEXT = 8


@dataclass(frozen=True)
class Rules:
    """`keep` pictures are shown of each release, the best of `make` times as many. A picture is replaced after `shows`
    shows, or an hour after its first; at most `turn` of them at once, and then not before `rest_s` seconds."""

    keep: int = 96
    make: int = 4
    first: int = 8
    round: int = 24
    shows: int = 20
    turn: int = 8
    rest_s: float = 30.0


RULES = Rules()


class NotDrawn(NotFound):
    """A picture that nobody was given yet, of an app whose answers are counted: looking at a page makes none."""


@dataclass(frozen=True)
class Made:
    """An answer that nobody asked for, and what it was made of."""

    parts: given.Parts
    told: Answer
    ms: float
    id: bytes = field(default_factory=ids.new_id)


class PooledOut(BaseModel):
    """A picture of the pool: its prediction, the seed it came of, the address of its bytes, what may be said of it."""

    id: str
    seed: int
    picture: str
    feedback: list[dict[str, Any]]


class PoolOut(BaseModel):
    """The next pictures to show; none where the app makes nothing by itself."""

    items: list[PooledOut]


def listing(request: Request, app: str) -> PoolOut:
    """The next eight pictures of an app that makes them of seeds: so that "another one" takes no waiting."""
    deps = deps_of(request)
    shown = deps.serving.app(app)
    live = shown.champion
    if live is None:
        return PoolOut(items=[])
    pieces, said = deps.stock.deck(live.release).hand(NEXT, time.monotonic()), pictures.choices(live, shown)
    return PoolOut(items=[PooledOut(id=one.id, seed=one.seed, picture=one.address, feedback=said) for one in pieces])


def shown_on(request: Request, deps: Deps, live: Live) -> dict[str, Any]:
    """The fields of the play page that tell of the picture it opens with; none where this request has no such."""
    piece = getattr(request.state, "piece", None)
    if piece is None:
        return {}
    numbers = deps.stock.deck(live.release).numbers(RULES.make)
    return {"seed": piece.seed, "picture": piece.address, "prediction": piece.id, "pool": numbers}


async def opening(deps: Deps, live: Live, network: str) -> Piece | None:
    """The picture that the next page opens with: another one each time, and where the pool is empty one made now, if it
    may be."""
    piece = deps.stock.deck(live.release).draw(time.monotonic())
    if piece is None:
        with suppress(TeahouseError):  # the page stands without a picture too
            seed = deps.stock.seed_in_making(live.release) or seed_field(live).draw()
            piece = await made(deps, live, seed, network)
    return piece


def seed_field(live: Live) -> Any:
    """The release's field that is drawn."""
    return next(one for one in live.fields.values() if is_drawn(one))


def body(live: Live, shown: Shown, piece: Piece) -> dict[str, Any]:
    """A piece as the API gives an answer, without its bytes. Nobody needs a receipt for what is nobody's."""
    return {
        "id": piece.id,
        "receipt": "",
        "app": live.app,
        "release": live.release,
        "output": pictures.told(piece.picture),
        "confidence": None,
        "familiar": None,
        "latency_ms": 0.0,
        "feedback": pictures.choices(live, shown),
        "kept": False,
        "seed": piece.seed,
    }


async def made(deps: Deps, live: Live, seed: int, network: str, again: bool = False) -> Piece:
    """What this release makes of a seed: from the pool, else made now, once for all who ask at the same moment, on the
    account of the network that asked first. Where answers are counted nothing new is made (NotDrawn): only again, for
    who was given it; nor anything past the cap (ClosedForToday)."""
    piece = deps.stock.of_seed(live.release, seed)
    if piece is not None:
        return piece
    key = (live.release, seed)
    work = deps.stock.making.get(key)
    if work is None:
        if not again and paying.is_counted(deps.serving.app(live.app)):
            raise NotDrawn(f"Number {seed} is not drawn yet.", "New ones come as one plays.", f"Play at /{live.app}.")
        deps.cap.refuse()
        work = deps.stock.making[key] = asyncio.create_task(make_now(deps, live, seed, network))
        work.add_done_callback(lambda _: deps.stock.making.pop(key, None))
    return await asyncio.shield(work)


async def make_now(deps: Deps, live: Live, seed: int, network: str) -> Piece:
    """One picture, on the disk's books before it is shown, remembered in memory alone; its work is the network's."""
    try:
        with deps.budget.under_way(network) as lane:
            found = await one(deps, live, time.monotonic() + live.manifest.deadline_s, lane, seed)
            deps.budget.spend((network,), "seconds", work_s(found.told))
            piece = piece_of(deps, live, found)
            row = row_of(deps, live, found)
            await deps.house.db.append(tables.predictions, row)
    except BaseException as error:
        deps.budget.spend((network,), "seconds", work_s(error))
        deps.costs.work(live.app, "open", work_s(error))
        deps.pulse.over(error)
        raise
    deps.pulse.over()
    deps.stock.pass_by(live.release, piece)
    return piece


async def one(deps: Deps, live: Live, until: float, lane: str, seed: int | None = None) -> Made:
    """One answer to a seed (drawn, if none is given) with all the rest at its start. NotReady for no picture."""
    began = time.monotonic()
    parts = given.fill({} if seed is None else {seed_field(live).name: seed}, live.fields)
    told = await deps.engine.predict(live.release, parts, until, lane)
    deps.costs.work(live.app, "open", work_s(told))
    if pictures.of(told) is None:
        raise NotReady("This app makes no pictures.")
    return Made(parts, told, (time.monotonic() - began) * 1000)


def row_of(deps: Deps, live: Live, found: Made) -> dict[str, Any]:
    """The prediction's row: of no visitor, and open to anyone's word."""
    return {
        "at": deps.clock(),
        "id": found.id,
        "app": live.app,
        "release": live.release,
        "form": found.told.form,
        "arm": "pool",
        "given": given.digest(deps.key("given"), found.parts),
        "seed": pictures.seed_of(live.fields, found.parts),
        "output": pictures.kept_output(deps, found.told),
        "held": False,
        "cached": False,
        "ms": found.ms,
    }


def piece_of(deps: Deps, live: Live, found: Made) -> Piece:
    """The piece as it lies in memory."""
    seed, picture = pictures.seed_of(live.fields, found.parts), pictures.of(found.told)
    assert seed is not None and picture is not None
    address = media.pool_address(deps, found.id)
    return Piece(found.id, ids.text(found.id), seed, picture, address, found.told.score)


class Filler:
    """Makes pictures while nobody waits for the engine, one at a time."""

    def __init__(self, deps: Deps, rules: Rules | None = None) -> None:
        self.deps, self.rules = deps, rules or RULES
        self.loaded: set[str] = set()
        self.answered: set[str] = set()
        self.begun: dict[str, list[Made]] = {}
        self.turned: dict[str, float] = {}
        self.rests: dict[str, float] = {}
        self.tidied = self.counted = time.monotonic()

    async def run(self) -> None:
        """Goes on until it is cancelled; whatever breaks is logged and tried again."""
        while True:
            try:
                pause = 0.0 if await self.turn() else LOOK_S
            except Exception as error:  # edge: the site goes on with the pictures that it has
                log.error("pool-broke", error=repr(error), exc_info=True)
                pause = RETRY_S
            await asyncio.sleep(pause)

    async def turn(self) -> bool:
        """One round for each release that wants one; whether any did. One that can not goes on later, as it is."""
        found = False
        for live in self.lives():
            if time.monotonic() < self.rests.get(live.release, 0.0):
                continue
            try:
                found |= await self.work(live)
            except TeahouseError as error:
                log.warning("pool-waits", app=live.app, release=live.release[:12], code=error.code, what=error.what)
                self.rests[live.release] = time.monotonic() + RETRY_S
        await self.count()
        await self.tidy()
        return found

    async def work(self, live: Live) -> bool:
        """What can be made ahead of a release's visitors; whether there may be more to do."""
        if pictures.is_of_seeds(live):
            return await self.fill(live)
        if live.state == "full":
            await self.answer_example(live)
        return False

    def lives(self) -> list[Live]:
        """Champions first: visitors see theirs."""
        shown = self.deps.serving.apps.values()
        champions = [one.champion for one in shown if one.champion is not None and one.champion.ready]
        return [*champions, *(live for one in shown for live in one.shadows if live.ready)]

    async def fill(self, live: Live) -> bool:
        """Makes one round of pictures for a release, if it wants any; past the cap it shows those that it has."""
        deck = await self.opened(live)
        if self.deps.cap.closed is not None:
            return False
        count, old = self.wanted(live, deck)
        if not count:
            return False
        keep.refuse_full(self.deps)
        best = await self.best(live, count)
        if not best:
            return False
        out = [piece.prediction for piece in old[: len(best)]]
        new = await run_in_threadpool(store, self.deps, live, best, out)
        deck.put(new)
        deck.take(out)
        self.turned[live.release] = time.monotonic()
        log.info("pool-filled", app=live.app, release=live.release[:12], new=len(new), out=len(out), holds=len(deck))
        return True

    def wanted(self, live: Live, deck: Deck) -> tuple[int, list[Piece]]:
        """How many pictures to add now, and the pieces that go for them."""
        missing, now = self.rules.keep - len(deck), time.monotonic()
        if missing > 0:
            return min(missing, self.rules.round if len(deck) else self.rules.first), []
        if now - self.turned.get(live.release, 0.0) < self.rules.rest_s:
            return 0, []
        old = deck.due(self.rules.shows, now - HOUR_S)[: self.rules.turn]
        return len(old), old

    async def best(self, live: Live, count: int) -> list[Made]:
        """So many pictures: the best of several times as many, where the app says which it likes. None yet, where
        somebody waits for the engine: other releases, and the books, are not to wait for this round."""
        begun = self.begun.setdefault(live.release, [])  # what was made stays made where a round is broken off
        while len(begun) < count * (self.rules.make if begun and begun[0].told.score is not None else 1):
            if self.deps.engine.state().queue:
                return []
            begun.append(await one(self.deps, live, time.monotonic() + ONE_S, "idle"))
        best = sorted(begun, key=lambda made: -(made.told.score or 0.0))[:count]
        begun.clear()
        return best

    async def opened(self, live: Live) -> Deck:
        """The release's deck, with what lay on the disk from before."""
        deck = self.deps.stock.deck(live.release)
        if live.release not in self.loaded:
            deck.put(await run_in_threadpool(load, self.deps, live.release, self.rules.keep))
            self.loaded.add(live.release)
        return deck

    async def answer_example(self, live: Live) -> None:
        """What the play page opens with, before the first visitor comes: the picture made, and small copies."""
        if live.release in self.answered:
            return
        if live.output.kind == "image" and live.manifest.examples:
            await media.example_output(self.deps, live, 0, "idle")
        if await media.lighten(self.deps, live):
            self.answered.add(live.release)

    async def count(self) -> None:
        """Once a minute, writes down how many pages were opened with a picture."""
        opened, now = self.deps.stock.opened, time.monotonic()
        if not opened or now - self.counted < COUNT_S:
            return
        self.counted, self.deps.stock.opened = now, Counter()
        hour = self.deps.clock() // HOUR_MS

        def write(c: Any) -> None:
            for (app, release), n in opened.items():
                tallies.add(c, tallies.Tally(app, release, "pool", hour, "opened", n))

        await self.deps.house.db.write_async(write)

    async def tidy(self) -> None:
        """Lets go of what releases made that no app has on any more: of memory at once, of the disk a day later."""
        serving = self.deps.serving
        releases = {release for shown in serving.apps.values() for release in lives_of(shown)}
        self.deps.stock.keep_only(releases)
        self.loaded &= releases
        self.answered &= releases
        self.begun = {release: begun for release, begun in self.begun.items() if release in releases}
        if serving.settled and time.monotonic() - self.tidied > HOUR_S:
            self.tidied = time.monotonic()
            self.deps.stock.pass_on(releases, self.deps.clock() - DAY_MS // 2)
            await run_in_threadpool(drop_others, self.deps, releases)


def lives_of(shown: Shown) -> list[str]:
    """The releases that an app has in the table."""
    lives = (shown.champion, *shown.canaries, *shown.shadows)
    return [live.release for live in lives if live is not None]


def store(deps: Deps, live: Live, best: Sequence[Made], out: Sequence[bytes]) -> list[Piece]:
    """Puts pictures into the pool and takes others out; what is in. Runs in a thread."""
    found = [(made, piece_of(deps, live, made)) for made in best]
    blobs = [deps.house.blobs.put(piece.picture.data) for _, piece in found]

    def write(c: Any) -> tuple[list[Piece], list[str]]:
        new = []
        for (made, piece), blob in zip(found, blobs, strict=True):
            if not deps.house.blobs.exists(blob):  # another row's, erased since it was put
                deps.house.blobs.put(piece.picture.data)
            rows.add(c, tables.predictions, row_of(deps, live, made))
            row = pool.Made(live.app, live.release, piece.seed, made.id, blob, piece.score, deps.clock())
            if pool.add(c, row):
                new.append(piece)
        return new, pool.out(c, *out)

    gone = blobs
    try:
        new, gone = deps.house.db.write(write)
    finally:
        with suppress(TeahouseError):  # what stays all the same, the daily sweep finds
            erase.drop_unnamed(deps.house, gone)
    return new


def load(deps: Deps, release: str, most: int) -> list[Piece]:
    """What the pool holds of a release, the newest; a picture that can not be read goes. Runs in a thread."""
    with deps.house.db.read() as c:
        found = [(row, predictions.get(c, row.prediction)) for row in pool.of_release(c, release)]
    pieces, broken = [], []
    for row, made in found:
        try:
            data, told = deps.house.blobs.get(row.blob), made.output
            picture = Picture(data, told["media_type"], told["width"], told["height"])
        except (TeahouseError, KeyError, TypeError):
            broken.append(row.prediction)
            continue
        address = media.pool_address(deps, row.prediction)
        pieces.append(Piece(row.prediction, ids.text(row.prediction), row.seed, picture, address, row.score))
    broken += [piece.prediction for piece in pieces[:-most]]
    if broken:
        erase.drop_unnamed(deps.house, deps.house.db.write(lambda c: pool.out(c, *broken)))
    return pieces[-most:]


def drop_others(deps: Deps, live: set[str]) -> None:
    """Takes out of the pool what was made a day ago or before by releases that are live no more, also those of an app
    that has left the house. Runs in a thread."""
    until = deps.clock() - DAY_MS
    erase.drop_unnamed(deps.house, deps.house.db.write(lambda c: pool.out_of_releases(c, live, until)))
