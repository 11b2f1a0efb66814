"""Pages of apps that draw: they open with a picture, another one at each refresh, or that of a seed's own address."""

from __future__ import annotations

import functools
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from teahouse.errors import NotFound
from teahouse.site import pages, pictures, play, pool, refusals, render, security, visitors
from teahouse.site.deps import Deps, Live, Shown, deps_of
from teahouse.site.shell import shell_of
from teahouse.site.stock import Piece
from teahouse.spec.fields import Picture
from teahouse.store import predictions

FRESH_S = 5.0
MOST = 64
SEED = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z")
NOTHING = "There is nothing under this address."
Page = Callable[[Request], Response]


@dataclass(frozen=True)
class Blank:
    """A page cut where the parts of one response go: its nonce, and the picture it opens with."""

    parts: tuple[bytes, ...]
    names: tuple[str, ...]
    at: float

    def filled(self, values: dict[str, bytes]) -> bytes:
        """The page with these values, by name."""
        whole = [self.parts[0]]
        for name, part in zip(self.names, self.parts[1:], strict=True):
            whole += (values[name], part)
        return b"".join(whole)


class Blanks:
    """Pages rendered once in some seconds, and filled for each visitor: nothing on them differs otherwise."""

    def __init__(self) -> None:
        self._marks = {name: secrets.token_hex(12) for name in ("nonce", "seed", "picture", "id")}
        self._kept: dict[tuple[object, ...], Blank] = {}
        self._cuts = re.compile("|".join(f"(?P<{name}>{mark})" for name, mark in self._marks.items()).encode())

    async def page(self, request: Request, endpoint: Page, key: tuple[object, ...], piece: Piece) -> Response:
        """The page of `endpoint` with this piece on it; as it was some seconds ago, if it was."""
        blank = self._kept.get(key)
        if blank is None or time.monotonic() - blank.at > FRESH_S:
            response = await run_in_threadpool(endpoint, self.marked(request))
            if response.status_code != 200:
                return response
            blank = self.cut(bytes(response.body))
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[key] = blank
        values = {"nonce": request.state.nonce, "seed": str(piece.seed), "picture": piece.address, "id": piece.id}
        return render.GzippedPage(blank.filled({name: value.encode("ascii") for name, value in values.items()}))

    def marked(self, request: Request) -> Request:
        """The request as the endpoint sees it: with marks in place of what differs from one response to the next, and
        without the cookies of who happens to ask: others are shown this page too."""
        marks, scope = self._marks, request.scope
        headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        piece = Piece(b"", marks["id"], marks["seed"], Picture(b"", ""), marks["picture"])  # type: ignore[arg-type]
        state = {**scope["state"], "nonce": marks["nonce"], "piece": piece}
        return Request({**scope, "headers": headers, "state": state})

    def cut(self, html: bytes) -> Blank:
        """The page cut at the marks."""
        parts, names, at = [], [], 0
        for found in self._cuts.finditer(html):
            parts.append(html[at : found.start()])
            names.append(found.lastgroup or "")
            at = found.end()
        return Blank((*parts, html[at:]), tuple(names), time.monotonic())


def opens(endpoint: Page) -> Callable[[Request], Awaitable[Response]]:
    """The same page, which opens with a picture where its app draws some by itself."""

    @functools.wraps(endpoint)
    async def page(request: Request) -> Response:
        deps = deps_of(request)
        shown = shown_by(request, deps)
        live = shown.champion if shown else None
        if shown is None or live is None or not live.ready or not pictures.is_of_seeds(live):
            return await run_in_threadpool(endpoint, request)
        piece = await pool.opening(deps, live, security.client_network(request))
        if piece is None:
            return await run_in_threadpool(endpoint, request)
        deps.stock.opened[live.app, live.release] += 1
        return await request.app.state.blanks.page(request, endpoint, key_of(request, shown), piece)

    return page


def shown_by(request: Request, deps: Deps) -> Shown | None:
    """The app whose page this is: the one that is named, or the only one."""
    apps, name = deps.serving.apps, request.path_params.get("app")
    if name is not None:
        return apps.get(name)
    return next(iter(apps.values())) if len(apps) == 1 else None


def key_of(request: Request, shown: Shown) -> tuple[object, ...]:
    """What a page is the same for: app, release, and the address that its reader sees."""
    assert shown.champion is not None
    here, many = request.scope, len(deps_of(request).serving.apps)
    return (shown.name, shown.champion.release, many, here["scheme"], request.headers.get("host", ""), here["path"])


def nothing() -> NotFound:
    """The refusal of an address under which there is nothing."""
    return NotFound(NOTHING, do_next="The home page shows what there is.")


def asked_seed(request: Request, deps: Deps) -> tuple[Shown, Live, int]:
    """The app, its champion and the seed that an address names; NotFound where there is no such picture."""
    shown = deps.serving.apps.get(request.path_params["app"])
    live = shown.champion if shown else None
    digits = request.path_params["seed"]
    if shown is None or live is None or not pictures.is_of_seeds(live) or not SEED.match(digits):
        raise nothing()
    if int(digits) >= 2**32:
        raise NotFound(NOTHING, "A seed is a whole number from 0 to 4,294,967,295.")
    return shown, live, int(digits)


async def seed_page(request: Request) -> Response:
    """GET /{app}/seeds/{seed}: the picture of this seed, made now where the pool does not hold it and it may be."""
    deps = deps_of(request)
    shown, live, seed = asked_seed(request, deps)
    if not live.ready:
        return await run_in_threadpool(play.app_page, request)
    try:
        piece = await piece_of(request, deps, live, seed)
    except pool.NotDrawn as error:
        if not refusals.wants_page(request):
            raise
        return await run_in_threadpool(not_drawn, request, deps, shown, error)
    key = (*key_of(request, shown)[:-1], "seeds")
    deps.stock.opened[live.app, live.release] += 1
    return await request.app.state.blanks.page(request, play.app_page, key, piece)


async def piece_of(request: Request, deps: Deps, live: Live, seed: int) -> Piece:
    """The picture of a seed, made again where it was an answer of this visitor's: they paid for it once."""
    network = security.client_network(request)
    try:
        return await pool.made(deps, live, seed, network)
    except pool.NotDrawn:
        if not await run_in_threadpool(was_given, request, deps, live, seed):
            raise
    return await pool.made(deps, live, seed, network, again=True)


def was_given(request: Request, deps: Deps, live: Live, seed: int) -> bool:
    """Whether this picture is among the last hundred answers of the visitor who asks. Runs in a thread."""
    visitor = visitors.cookie_visitor(request)
    if visitor is None:
        return False
    with deps.house.db.read() as c:
        mine = predictions.of_visitor(c, visitor)
    return any((one.release, one.seed) == (live.release, seed) for one in mine)


def not_drawn(request: Request, deps: Deps, shown: Shown, error: pool.NotDrawn) -> Response:
    """The page of a picture that is not there yet: it leads to where it can be. Runs in a thread."""
    there = "Others are there, and new ones come as you play."
    page = pages.Closed(shell=shell_of(deps), title=shown.title, what=error.what, do_next=there, play=f"/{shown.name}")
    return play.show(request, page, error.status)


home = opens(play.home)
app_page = opens(play.app_page)
