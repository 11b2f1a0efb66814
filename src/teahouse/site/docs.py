"""The API told: /openapi.json from the routes themselves, and a page of our own that reads it."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from teahouse.site import pages, render
from teahouse.site.deps import Deps, Shown, deps_of
from teahouse.spec.fields import absent

WORDS = """Every request is answered in JSON; an error is {"error": {code, what, why, do_next}}.
Limits: a picture has up to 10 MB, 24 megapixels and 8,192 pixels a side, a text 10,000 characters, a form 20 fields,
JSON 32 levels."""
STATUSES = {
    "201": "The answer.",
    "404": "There is no such app.",
    "409": "The Idempotency-Key was used for something else.",
    "413": "Over 10 MB, 24 megapixels or 8,192 pixels a side.",
    "422": "Not a picture that can be read here, or a field that does not fit.",
    "429": "Too many requests from one network; Retry-After says for how long.",
    "503": "Full, or the model is being loaded; Retry-After says for how long.",
    "507": "The disk is full, and an answer that cannot be kept is not given.",
}
PLAIN = {
    "200": "The answer.",
    "201": "It is written down.",
    "204": "Done; there is no more to say.",
    "422": "Something in the request does not fit.",
}
ANSWER = {
    "id": "0193…", "receipt": "…", "app": "…", "release": "…",
    "output": {"label": "…", "scores": {}}, "confidence": 0.96,
    "familiar": True, "latency_ms": 12.5, "feedback": [{"kind": "agree", "values": [True, False]}], "kept": False,
}  # fmt: skip

PICTURE = {
    "output": {"picture": "data:image/jpeg;base64,…", "media_type": "image/jpeg", "width": 512, "height": 384},
    "confidence": None,
    "feedback": [{"kind": "rate", "values": ["love", "meh"]}],
}
AS_BYTES = " With Accept: image/* the answer is the picture itself, its id and receipt in X-Prediction and X-Receipt."
BESIDE = (
    "The id of an answer to the same input, with its X-Receipt: another picture comes, to be compared with that one. "
    "The better one then takes feedback of kind choose, with the other's id in `other` and the other's receipt in "
    "X-Other-Receipt."
)


def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


def openapi_of(app: FastAPI, deps: Deps) -> dict[str, Any]:
    """The document of the routes, with a path for each open app's predictions from its manifest."""
    if not hasattr(app.state, "openapi_of_routes"):
        title = deps.settings.site.title or "Teahouse"
        made = get_openapi(title=title, version=version("teahouse"), description=WORDS, routes=app.routes)
        app.state.openapi_of_routes = made
    document = dict(app.state.openapi_of_routes)
    paths = document["paths"] = dict(document.get("paths", {}))
    for shown in deps.serving.apps.values():
        if shown.champion is not None:
            paths[f"/api/apps/{shown.name}/predictions"] = {"post": predictions_of(shown)}
    paths["/api/predictions/{id}/input"] = {"put": INPUT}
    paths["/api/mine/export"] = {"get": EXPORT}
    paths["/api/predictions/{id}/share"] = {**paths.get("/api/predictions/{id}/share", {}), "post": SHARE}
    return document


def predictions_of(shown: Shown) -> dict[str, Any]:
    """The operation that asks one app for an answer."""
    live = shown.champion
    assert live is not None
    schemas = {name: field.schema() for name, field in live.fields.items()}
    must = sorted(name for name, one in live.fields.items() if not absent.can_be(one))
    whole = {"type": "object", "required": must, "properties": schemas}
    content: dict[str, Any] = {"multipart/form-data": {"schema": whole}, "application/json": {"schema": whole}}
    if len(must) == 1 and live.fields[must[0]].binary:
        content = {"image/*": {"schema": schemas[must[0]]}, **content}
    answers: dict[str, Any] = {status: {"description": words} for status, words in STATUSES.items()}
    answers["201"]["content"] = {"application/json": {"schema": answer_schema(live.output.schema()), "example": ANSWER}}
    parameters = [
        header("Idempotency-Key", "The same key and the same input get the same answer again. Take a random one."),
        header("X-Consent", "keep, train: keep the photo and learn from it, while the visitor's yes stands."),
    ]
    if live.output.kind == "image":
        answers["201"]["content"] = {
            "application/json": {"schema": answer_schema(live.output.schema()), "example": {**ANSWER, **PICTURE}},
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        }
        parameters.append(header("X-Beside", BESIDE))
    return {
        "tags": ["anyone"],
        "operationId": f"predict-{shown.name}",
        "summary": f"Ask “{shown.title}”.",
        "description": "One file as the raw body, or multipart, or JSON by field name with files in base64. "
        "With Accept: text/event-stream the place in the queue is told while it lasts."
        + (AS_BYTES if live.output.kind == "image" else ""),
        "parameters": parameters,
        "requestBody": {"required": bool(must), "content": content},
        "responses": answers,
    }


def answer_schema(output: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of an answer around its output."""
    text, number = {"type": "string"}, {"type": "number"}
    return {
        "type": "object",
        "required": ["id", "receipt", "app", "release", "output", "latency_ms"],
        "properties": {
            "id": text,
            "receipt": {**text, "description": "Opens this prediction: feedback, see, delete. Send it as X-Receipt."},
            "app": text,
            "release": text,
            "output": output,
            "confidence": {"type": ["number", "null"]},
            "familiar": {"type": ["boolean", "null"], "description": "False for an input unlike the training data."},
            "latency_ms": number,
            "feedback": {"type": "array", "items": {"type": "object"}},
            "kept": {"type": "boolean"},
            "inputs": {"type": "object", "description": "The inputs that are no files, as they were used."},
            "seed": {"type": "integer", "description": "The seed that was given or drawn."},
        },
    }


def header(name: str, words: str, required: bool = False) -> dict[str, Any]:
    """A header parameter."""
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}, "description": words}


ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
INPUT: dict[str, Any] = {
    "tags": ["visitor"],
    "operationId": "keep-input",
    "summary": "Let the photo be kept.",
    "description": "The same body again that was predicted, with the purposes that the visitor said yes to.",
    "parameters": [
        ID,
        header("X-Receipt", "The receipt of the prediction."),
        header("X-Consent", "keep, train", required=True),
    ],
    "requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
    "responses": {
        "201": {"description": "It is kept; with a private `link` to it for who has no cookie here."},
        "404": {"description": "There is no such prediction, or it is not yours."},
        "409": {"description": "This is not what was predicted."},
        "422": {"description": "X-Consent is missing."},
    },
}
FILE = {"type": "string", "format": "binary"}
SHARE: dict[str, Any] = {
    "tags": ["visitor"],
    "operationId": "share",
    "summary": "Show an answer to whoever has the link.",
    "description": "Send what was made again, and the photo if it shall stand beside it (with the answer's `inputs` "
    "where it has some): their bytes must be the same. Once more: the same link, shown anew.",
    "parameters": [
        ID,
        header("X-Receipt", "The prediction's receipt, or else its visitor's cookie."),
        header("X-Consent", "show", required=True),
    ],
    "requestBody": {
        "required": False,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"picture": FILE, "photo": FILE, "inputs": {"type": "object"}},
                }
            }
        },
    },
    "responses": {
        "201": {
            "description": "It is shown.",
            "content": {
                "application/json": {"example": {"token": "…", "url": "…/shared/…", "card": "…/card.png", "until": 0}}
            },
        },
        "403": {"description": "The owner of the site has hidden it."},
        "404": {"description": "There is no such prediction, or it is not yours."},
        "409": {"description": "These are not the bytes of this answer, or a seed's own page shows it already."},
        "422": {"description": "X-Consent is missing, or a part is."},
    },
}
EXPORT: dict[str, Any] = {
    "tags": ["visitor"],
    "operationId": "export",
    "summary": "Everything of the visitor as a zip.",
    "responses": {"200": {"description": "data.json and the kept photos.", "content": {"application/zip": {}}}},
}


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
        shell=pages.Shell(title=deps.settings.site.title or "Teahouse", many=len(deps.serving.apps) > 1),
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
        statuses=tuple((status, said(status, one)) for status, one in sorted(told["responses"].items())),
        curl=curl(method, path, url),
    )


def said(status: str, answer: dict[str, Any]) -> str:
    """What a status means: the route's own words, or ours for those that the framework puts in their place."""
    words = answer.get("description", "")
    return PLAIN.get(status, words) if words in ("Successful Response", "Validation Error") else words


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
