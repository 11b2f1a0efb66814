"""What other sites show of a page that somebody links to: its title, a line, and a card with a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from teahouse.errors import ClosedForToday, TeahouseError
from teahouse.site import drawn, media, pages, pictures, pool, security
from teahouse.site.deps import Deps, Live, deps_of
from teahouse.site.stock import LruCache

KEPT, KEPT_BYTES = 32, 8_000_000
MOST_TEXT = 300
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # it is made to be shown elsewhere
}
Made = tuple[bytes, bool]
"""A card, and whether it may be shown again later as it is."""


class Cards:
    """The last cards of seeds and apps, in memory; who asks for one that is being drawn waits for that one."""

    def __init__(self) -> None:
        self._kept: LruCache[tuple[Any, ...], bytes] = LruCache(KEPT, KEPT_BYTES, len)
        self._drawing: dict[tuple[Any, ...], asyncio.Task[bytes]] = {}

    async def get(self, key: tuple[Any, ...], draw: Callable[[], Awaitable[Made]]) -> bytes:
        """The card of this key, drawn if it is not here."""
        if (kept := self._kept.get(key)) is not None:
            return kept
        work = self._drawing.get(key)
        if work is None:
            work = self._drawing[key] = asyncio.create_task(self._draw(key, draw))
            work.add_done_callback(lambda _: self._drawing.pop(key, None))
        return await asyncio.shield(work)

    async def _draw(self, key: tuple[Any, ...], draw: Callable[[], Awaitable[Made]]) -> bytes:
        card, lasts = await draw()
        if lasts:
            self._kept.put(key, card)
        return card


def site_title(deps: Deps) -> str:
    """What the site is called."""
    return deps.settings.site.title or "Teahouse"


def texts(deps: Deps, title: str, line: str) -> dict[str, str]:
    """What is written on a card, as it goes to the worker."""
    given = {"title": title, "line": line, "site": site_title(deps)}
    return {name: text[:MOST_TEXT].encode("utf-8", "replace").decode() for name, text in given.items()}


def as_png(card: bytes, seconds: int) -> Response:
    """A card that others may keep for so long."""
    return Response(card, media_type="image/png", headers={**HEADERS, "Cache-Control": f"public, max-age={seconds}"})


def said(output: Any) -> str:
    """An answer that is no picture, in a line; "" for a picture."""
    if not isinstance(output, dict):
        return ""
    if output.get("scores"):
        label = str(output.get("label", "")).replace("_", " ")
        return f"{label[:1].upper()}{label[1:]}, {pages.sureness(max(output['scores'].values()))}"
    value = output.get("text", output.get("number", ""))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


async def app_card(request: Request) -> Response:
    """GET /{app}/card.png: what the app makes of its first example; of seeds one that the pool shows."""
    deps = deps_of(request)
    shown = deps.serving.apps.get(request.path_params["app"])
    if shown is None:
        raise drawn.nothing()
    live = shown.champion

    async def draw() -> Made:
        found: list[bytes] | None = []
        if live is not None and live.ready:
            found = await pictures_of(deps, live, security.client_network(request))
        line = live.manifest.description if live else ""
        card = await deps.engine.card(texts(deps, shown.title, line), found or [])
        return card, found is not None

    key = (shown.name, live.release if live is not None and live.ready else "")
    return as_png(await request.app.state.cards.get(key, draw), 300)


async def pictures_of(deps: Deps, live: Live, network: str) -> list[bytes] | None:
    """The pictures of an app's card; None where they can not be had right now."""
    with suppress(TeahouseError):
        if pictures.is_of_seeds(live):
            piece = await pool.opening(deps, live, network)
            return [piece.picture.data] if piece is not None else None
        photo = await run_in_threadpool(media.example_photo, deps, live, 0)
        if live.output.kind != "image" or not live.manifest.examples:
            return [photo] if photo else []
        made = await media.example_output(deps, live, 0)
        return [photo, made.data] if photo else [made.data]
    return None


async def seed_card(request: Request) -> Response:
    """GET /{app}/seeds/{seed}/card.png; the app's own card where this picture is not there and is not made now."""
    deps = deps_of(request)
    shown, live, seed = drawn.asked_seed(request, deps)

    async def draw() -> Made:
        piece = await pool.made(deps, live, seed, security.client_network(request))
        return await deps.engine.card(texts(deps, shown.title, f"Number {seed}."), [piece.picture.data]), True

    try:
        return as_png(await request.app.state.cards.get((live.release, seed), draw), 300)
    except (pool.NotDrawn, ClosedForToday):
        return await app_card(request)
