"""The API told: its document at /openapi.json, and a page of our own that reads it."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from teahouse.site import pages, render
from teahouse.site.deps import deps_of
from teahouse.site.shell import shell_of

PLAIN = {
    "200": "The answer.",
    "201": "It is written down.",
    "202": "It is written down.",
    "204": "Done; there is no more to say.",
}


def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


def page(request: Request) -> Response:
    """The API as a page."""
    deps = deps_of(request)
    document = request.app.openapi()
    # as the reader reached it: the setting's port may be 0, "any free one"
    url = (deps.settings.site.url or str(request.base_url)).rstrip("/")
    chapters = tuple(
        pages.Chapter(title, operations)
        for title, tag in (("Play", "anyone"), ("What you gave", "visitor"))
        if (operations := operations_of(document, tag, url))
    )
    shown = pages.Docs(
        shell=shell_of(deps),
        version=version("teahouse"),
        chapters=chapters,
    )
    return render.render(shown, request.state.nonce)


def operations_of(document: dict[str, Any], tag: str, url: str) -> tuple[pages.Operation, ...]:
    """The operations of one kind of user, as the page shows them."""
    return tuple(
        operation(document, method.upper(), path, told, url)
        for path, methods in sorted(document["paths"].items())
        for method, told in methods.items()
        if tag in told.get("tags", []) and not path.startswith("/api/owner/")
    )


def operation(document: dict[str, Any], method: str, path: str, told: dict[str, Any], url: str) -> pages.Operation:
    """One operation for the page."""
    parameters = tuple(
        pages.Parameter(
            one["name"], one["in"], type_of(one["schema"]), one.get("description", ""), one.get("required", False)
        )
        for one in told.get("parameters", [])
    )
    good = next((answer for status, answer in told["responses"].items() if status.startswith("2")), {})
    example = (good.get("content") or {}).get("application/json", {}).get("example")
    summary, words = told.get("summary", "").rstrip("."), told.get("description", "")
    return pages.Operation(
        method=method,
        path=path,
        summary=summary,
        words="" if words.rstrip(".") in summary else words,
        parameters=parameters,
        body=", ".join((told.get("requestBody") or {}).get("content", {})),
        answer=json.dumps(example, ensure_ascii=False, indent=1) if example else "",
        statuses=tuple(
            (status, said(status, one)) for status, one in sorted(told["responses"].items()) if "$ref" not in one
        ),
        curl=curl(method, path, url),
    )


def said(status: str, answer: dict[str, Any]) -> str:
    """What a status means: the route's own words, or ours for what the framework puts in their place."""
    words = answer.get("description", "")
    return PLAIN.get(status, words) if words == "Successful Response" else words


def type_of(schema: dict[str, Any]) -> str:
    """A schema's type in a word or two."""
    either = " or ".join(str(one.get("type", "value")) for one in schema.get("anyOf", []))
    kind = schema.get("type") or either or "value"
    return kind if isinstance(kind, str) else " or ".join(kind)


def curl(method: str, path: str, url: str) -> str:
    """The operation as one line of a shell."""
    line = f"curl {'' if method == 'GET' else f'-X {method} '}{url}{path}"
    if path.endswith(("/predictions", "/input")):
        line += " -H 'Content-Type: image/jpeg' --data-binary @photo.jpg"
    elif path.endswith("/feedback"):
        word = json.dumps({"kind": "agree", "value": True})
        line += f""" -H "X-Receipt: $RECEIPT" -H 'Content-Type: application/json' -d '{word}'"""
    elif path.endswith("/share") and method == "POST":
        line += """ -H "X-Receipt: $RECEIPT" -H 'X-Consent: show' -F picture=@made.jpg -F photo=@photo.jpg"""
    elif path == "/api/reports":
        word = json.dumps({"kind": "other", "share": "TOKEN"})
        line += f""" -H 'Content-Type: application/json' -H 'Origin: {url}' -d '{word}'"""
    if path.endswith("/input"):
        line += """ -H "X-Receipt: $RECEIPT" -H 'X-Consent: keep, train'"""
    return line
