"""What makes a browser offer to install the site: its manifest, the worker that keeps its shell, the offline page."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from starlette.responses import Response

from teahouse import ids
from teahouse.site import pages, render
from teahouse.site.deps import Deps, deps_of

PAPER = "#f4eee1"
SHORT = 14  # letters that a phone shows under an icon
SHORTCUTS = 4
ICONS = (
    ("192x192", "any", "img/icon-192.png"),
    ("512x512", "any", "img/icon-512.png"),
    ("512x512", "maskable", "img/icon-maskable.png"),
)
CACHED = {"Cache-Control": "no-cache"}


def manifest(request: Request) -> Response:
    """GET /manifest.webmanifest: the name, the icons and the first page of the installed site."""
    deps = deps_of(request)
    name, shown = title(deps), list(deps.serving.apps.values())
    told: dict[str, Any] = {
        "id": "/",
        "name": name,
        "short_name": short(name),
        "lang": "en",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": PAPER,
        "background_color": PAPER,
        "icons": [
            {"src": render.static(path), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for sizes, purpose, path in ICONS
        ],
    }
    if len(shown) > 1:
        told["shortcuts"] = [{"name": one.title, "url": f"/{one.name}"} for one in shown[:SHORTCUTS]]
    return Response(json.dumps(told, ensure_ascii=False), media_type="application/manifest+json", headers=CACHED)


def title(deps: Deps) -> str:
    """What the site calls itself: its own title, else that of its one app."""
    shown = list(deps.serving.apps.values())
    return deps.settings.site.title or (shown[0].title if len(shown) == 1 else "Teahouse")


def short(name: str) -> str:
    """As many whole words of a name as a phone shows under an icon."""
    found = ""
    for word in name.split():
        if found and len(f"{found} {word}") > SHORT:
            break
        found = f"{found} {word}".strip()
    return found


def worker(request: Request) -> Response:
    """GET /sw.js: the worker of today's shell. Whatever of it changes, this text changes, and browsers take it anew."""
    page = render.html(away(deps_of(request)), nonce="")
    sheets = [address for address in _sheets(page) if address.startswith("/static/")]
    version = ids.sha256(page.encode())[:12]
    shell = {"name": f"shell-{version}", "at": f"/static/{render.stand().hash}/", "page": "/offline", "first": sheets}
    text = f"const SHELL = {json.dumps(shell)};\n".encode() + render.stand().files["js/sw.js"]
    return Response(text, media_type="text/javascript", headers=CACHED)


def _sheets(page: str) -> list[str]:
    """The addresses in a page's links to style sheets."""
    links = [part.partition(">")[0] for part in page.split("<link ")[1:]]
    return [link.partition('href="')[2].partition('"')[0] for link in links if 'rel="stylesheet"' in link]


def offline(request: Request) -> Response:
    """GET /offline: what the installed site shows without a connection."""
    return render.render(away(deps_of(request)), request.state.nonce)


def away(deps: Deps) -> pages.Offline:
    """The page of a house that can not be reached."""
    return pages.Offline(shell=pages.Shell(title=title(deps)))
