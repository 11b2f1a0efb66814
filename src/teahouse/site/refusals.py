"""Turns an error into an answer: one JSON shape for programs, a page for people, never a trace."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match

from teahouse.errors import (
    Conflict,
    InputError,
    NotFound,
    NotReady,
    QueueFull,
    Refused,
    TeahouseError,
    TooLarge,
    TooMany,
    Unauthorised,
)
from teahouse.site import render
from teahouse.site.pages import Shell, Trouble

LOG_IN = "/owner/login"
SEE_DOCS = "See /docs for what there is."
WORDS = {  # what, why, what to do next
    400: ("This request cannot be read.", "It is cut off, or not what it says it is.", SEE_DOCS),
    404: ("There is nothing under this address.", "It was never here, or it is gone.", SEE_DOCS),
    405: ("This address cannot be used in that way.", "It knows other methods.", SEE_DOCS),
    413: ("That is too much at once.", "The body is larger than this address takes.", "Send less."),
    415: ("This kind of content cannot be used here.", "This address takes another Content-Type.", SEE_DOCS),
    421: ("This site does not answer under that name.", "It has another.", "Use the address that it gives out."),
    503: ("The site is full just now.", "Too much is being sent to it at this moment.", "Try again in a moment."),
}
BROKEN = {
    "code": "internal",
    "what": "Something broke on our side.",
    "why": "",
    "do_next": "Try again; the owner can see it in the log.",
}
CODES = {400: "bad-request", 405: "method-not-allowed", 415: "unsupported-content", 421: "misdirected"}
CLASSES: dict[int, type[TeahouseError]] = {
    401: Unauthorised, 403: Refused, 404: NotFound, 409: Conflict, 413: TooLarge, 422: InputError, 429: TooMany,
    503: NotReady,
}  # fmt: skip


async def refused(request: Request, error: Exception) -> Response:
    """The answer to a request that one of our own errors ended."""
    assert isinstance(error, TeahouseError)
    return answer(request, error.status, error.as_dict(), retry_after(error))


async def invalid(request: Request, error: Exception) -> Response:
    """The answer to a body or a parameter that does not fit: the first place and what is wrong there."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0] if error.errors() else {"loc": (), "msg": ""}
    place = ".".join(str(part) for part in first["loc"] if part != "body")[:200]
    why = f"{place}: {first['msg']}" if place else str(first["msg"])
    body = InputError("This request does not fit.", why[:300], "See /docs for what is expected.").as_dict()
    return answer(request, 422, body)


async def http_refused(request: Request, error: Exception) -> Response:
    """The answer where the framework itself refused: no such path, no such method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    words = WORDS.get(status, ("This request was refused.", "", SEE_DOCS))
    kind = CLASSES.get(status)
    body = kind(*words).as_dict() if kind else plain(CODES.get(status, "refused"), *words)
    response = answer(request, status, body)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    if status == 405:
        response.headers["Allow"] = ", ".join(sorted(methods_of(request)))
    return response


def methods_of(request: Request) -> set[str]:
    """The methods of an address: those of all its routes, where the framework names those of the first."""
    found = (route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in found for method in getattr(route, "methods", None) or ()}


def broken(request: Request) -> Response:
    """The answer where something of ours broke: it says so, and nothing of what."""
    return answer(request, 500, BROKEN)


def plain(code: str, what: str, why: str = "", do_next: str = "") -> dict[str, Any]:
    """The body of an error that has no class of its own."""
    return {"code": code, "what": what, "why": why, "do_next": do_next}


def retry_after(error: TeahouseError) -> int | None:
    """Whole seconds to wait, at least 1, for the errors that pass by themselves."""
    if "retry_after" in error.extra:
        return max(1, math.ceil(float(error.extra["retry_after"] or 1)))
    if isinstance(error, QueueFull):
        return max(1, math.ceil(float(error.extra.get("wait") or 1)))
    return 2 if error.status == 503 else 60 if error.status == 429 else None


def wants_page(request: Request) -> bool:
    """True where a person looks: not below /api/, and HTML is welcome."""
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def answer(request: Request, status: int, body: dict[str, Any], retry: int | None = None) -> Response:
    """An error in the register of who asks. Pages of the owner lead to the log-in."""
    path = request.url.path
    response: Response
    if not wants_page(request):
        response = JSONResponse({"error": body}, status)
    elif status == 401 and request.method == "GET" and path != LOG_IN:
        response = RedirectResponse(f"{LOG_IN}?next={quote(path)}", 303)
    else:
        response = page(request, status, body, retry)
    if retry is not None:
        response.headers["Retry-After"] = str(retry)
    return response


def page(request: Request, status: int, body: dict[str, Any], retry: int | None) -> Response:
    """The error as a page."""
    nonce, deps = getattr(request.state, "nonce", ""), getattr(request.app.state, "deps", None)
    title = deps.settings.site.title if deps is not None else ""
    trouble = Trouble(
        shell=Shell(title=title or "Teahouse"),
        status=status,
        code=body["code"],
        what=body["what"],
        why=body["why"],
        do_next=body["do_next"],
        retry_after=retry,
    )
    return render.render(trouble, nonce, status)
