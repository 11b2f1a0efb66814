"""The API as an OpenAPI document: what the routes say of themselves, and what all of them have in common."""

from __future__ import annotations

from copy import deepcopy
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from teahouse.site.deps import Deps, Shown
from teahouse.spec.fields import absent

WORDS = """Every request is answered in JSON; an error is {"error": {code, what, why, do_next}}.
Limits: a picture has up to 10 MB, 24 megapixels and 8,192 pixels a side, a text 10,000 characters, a form 20 fields,
JSON 32 levels."""
Json = dict[str, Any]

# What every request may be answered with, whatever it asks for: said once.
ALWAYS = {
    "400": "The request cannot be read.",
    "413": "The body is too large.",
    "415": "The body is compressed.",
    "421": "The site has another name.",
    "429": "Too many requests from one network; Retry-After says for how long.",
    "503": "The house is full; Retry-After says for how long.",
}
WAITS = {"429", "503"}
OURS = "Another site's page may have sent it: it needs this site's Origin, or an authority of its own and no cookie."
REFUSALS = {
    "401": "Log in, or send an owner's key.",
    "403": "The site has no owner yet, or a key may not do this.",
    "404": "There is no such thing, or it is not yours.",
    "409": "It does not go with what is there.",
    "422": "Something in the request does not fit.",
    "502": "The till refused it, and says why.",
    "507": "The disk is full.",
}
# Beyond what follows from an operation's kind: an id in the path is one that may not be there, and so on.
MORE = {
    "report": ("404",),
    "owner-log-in": ("401", "404", "409", "422"),
    "owner-review": ("404",),
    "owner-undo": ("404", "409"),
    "owner-rollout": ("409",),
    "owner-ask-job": ("404",),
    "owner-reviews": ("404",),
    "owner-refund": ("404", "409", "502"),
    "checkout": ("404", "502"),
    "restore-pass": ("404",),
}

PREDICT = {
    "201": "The answer.",
    "402": "Today's free answers are used and nothing is left on the pass; `buy` is where to get more.",
    "404": "There is no such app.",
    "409": "The Idempotency-Key was used for something else.",
    "413": "Over 10 MB, 24 megapixels or 8,192 pixels a side.",
    "422": "Not a picture that can be read here, or a field that does not fit.",
    "503": "Full, or the model is being loaded; Retry-After says for how long.",
    "504": "The model took too long.",
    "507": "The disk is full, and an answer that cannot be kept is not given.",
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
PURPOSES = "^([ ,]*|keep, *train|train, *keep|train)$"
KEY = {"type": "string", "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"}


def document_of(app: FastAPI, deps: Deps) -> Json:
    """The document of the routes, with a path for each open app's predictions from its manifest."""
    if not hasattr(app.state, "openapi_of_routes"):
        title = deps.settings.site.title or "Teahouse"
        made = get_openapi(title=title, version=version("teahouse"), description=WORDS, routes=app.routes)
        app.state.openapi_of_routes = finished(made)
    document = deepcopy(app.state.openapi_of_routes)
    document["components"]["securitySchemes"] = ways_in(deps)
    names = sorted(deps.serving.apps)
    for path, operations in document["paths"].items():
        for parameter in (one for told in operations.values() for one in told.get("parameters", [])):
            if parameter["name"] == "app" and "{app}" in path and names:
                parameter["schema"] = {"type": "string", "enum": names}
    for shown in deps.serving.apps.values():
        if shown.champion is not None:
            document["paths"][f"/api/apps/{shown.name}/predictions"] = {"post": predictions_of(shown)}
    return document


def finished(document: Json) -> Json:
    """The framework's document with the plain routes in it, and with what each operation may refuse."""
    paths, parts = document["paths"], document.setdefault("components", {})
    for path, operations in PLAIN.items():
        paths[path] = {**paths.get(path, {}), **deepcopy(operations)}
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's shape, which nobody gets here
        schemas.pop(name, None)
    for schema in schemas.values():
        leave_out_none(schema)
    schemas["Error"] = ERROR
    parts["responses"] = {f"Always{status}": refusal(status, words) for status, words in ALWAYS.items()}
    for path, operations in paths.items():
        for method, told in operations.items():
            finish(path, method, told)
    return document


def leave_out_none(schema: Json) -> None:
    """What is null is not sent (`response_model_exclude_none`): a property that may be null may be absent."""
    if "required" in schema:
        properties = schema["properties"]
        schema["required"] = [name for name in schema["required"] if not may_be_none(properties[name])]


def may_be_none(schema: Json) -> bool:
    """Whether a schema takes null: it says so, or says nothing."""
    says = {"type", "anyOf", "allOf", "oneOf", "enum", "const", "$ref"} & schema.keys()
    return not says or any(one.get("type") == "null" for one in schema.get("anyOf", ()))


def finish(path: str, method: str, told: Json) -> None:
    """Adds to an operation what it may refuse, who may use it, and its headers."""
    name, tags, changes = told["operationId"], told["tags"], method != "get"
    told.setdefault("parameters", []).extend(HEADERS.get(name, []))
    if name in LINKS:
        good = next(status for status in told["responses"] if status.startswith("2"))
        told["responses"][good]["links"] = LINKS[name]
    statuses = set(MORE.get(name, ()))
    if "owner" in tags:
        statuses |= {"401", "403"}
        told["security"] = [{"ownerKey": []}, {"ownerSession": []}]
    if "{" in path or any(one["name"] == "app" for one in told["parameters"]):
        statuses.add("404")
    if changes:
        statuses |= {"507"} if name == "feedback" else {"403", "507"}
    if "requestBody" in told or any(one["in"] == "query" for one in told["parameters"]):
        statuses.add("422")
    own = {status: one for status, one in told["responses"].items() if status != "422" or one.get("ours")}
    for status in sorted(statuses - own.keys()):
        words = OURS if status == "403" and "owner" not in tags else REFUSALS[status]
        own[status] = refusal(status, words)
    told["responses"] = complete(own)


def complete(own: Json) -> Json:
    """An operation's own answers, and those that every request may get."""
    for one in own.values():
        one.pop("ours", None)
    always = {status: {"$ref": f"#/components/responses/Always{status}"} for status in ALWAYS}
    return dict(sorted({**always, **own}.items()))


def refusal(status: str, words: str) -> Json:
    """An answer that is an error, in the one shape."""
    told: Json = {
        "description": words,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    if status in WAITS:
        told["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    return told


def ways_in(deps: Deps) -> Json:
    """How the owner is known."""
    cookie = "__Host-owner" if deps.settings.url.startswith("https:") else "owner"
    return {
        "ownerKey": {"type": "http", "scheme": "bearer", "description": "An owner's key, for a program."},
        "ownerSession": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "The browser's log-in."},
    }


def predictions_of(shown: Shown) -> Json:
    """The operation that asks one app for an answer."""
    live = shown.champion
    assert live is not None
    schemas = {name: field.schema() for name, field in live.fields.items()}
    must = sorted(name for name, one in live.fields.items() if not absent.can_be(one))
    coded = {name: {**one, **CODED} if live.fields[name].binary else one for name, one in schemas.items()}
    whole: Json = {"type": "object", "required": must, "additionalProperties": False}
    content: Json = {
        "multipart/form-data": {"schema": {**whole, "properties": schemas}},
        "application/json": {"schema": {**whole, "properties": coded}},
    }
    if len(must) == 1 and live.fields[must[0]].binary:
        content = {"image/*": {"schema": schemas[must[0]]}, **content}
    answers: Json = {status: refusal(status, words) for status, words in PREDICT.items()}
    schema = answer_schema(live.output.schema())
    answers["201"]["content"] = {"application/json": {"schema": schema, "example": ANSWER}, "text/event-stream": {}}
    answers["201"]["links"] = {
        name: link(name, {"path.id": "$response.body#/id", "header.X-Receipt": "$response.body#/receipt"})
        for name in ("prediction", "feedback", "share", "unshare", "forget", "keep-input")
    }
    parameters = [
        {**header("Idempotency-Key", ONCE), "schema": KEY},
        header("X-Pass", "The code of a pass, where the app costs something: a program has no cookie."),
        {**header("X-Consent", YES), "schema": {"type": "string", "pattern": PURPOSES}},
    ]
    if live.output.kind == "image":
        answers["201"]["content"]["application/json"]["example"] = {**ANSWER, **PICTURE}
        answers["201"]["content"]["image/*"] = {"schema": FILE}
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
        "responses": complete(answers),
    }


def answer_schema(output: Json) -> Json:
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


def header(name: str, words: str, required: bool = False) -> Json:
    """A header parameter."""
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}, "description": words}


def link(operation: str, parameters: dict[str, str] | None = None) -> Json:
    """Where an answer leads on to."""
    return {"operationId": operation, "parameters": parameters or {}}


def exactly(name: str, pattern: str, words: str) -> Json:
    """A header that must be there, and be this."""
    return {**header(name, words, required=True), "schema": {"type": "string", "pattern": pattern}}


ONCE = "The same key and the same input get the same answer again. Take a random one."
YES = "keep, train: keep the photo and learn from it, while the visitor's yes stands."
RECEIPT = header("X-Receipt", "The prediction's receipt, or else its visitor's cookie.")
HEADERS = {
    "prediction": [RECEIPT],
    "forget": [RECEIPT],
    "unshare": [RECEIPT],
    "feedback": [
        RECEIPT,
        header("X-Other-Receipt", "With choose: the receipt of the other one."),
        {**header("Idempotency-Key", "The same key again is the same word."), "schema": KEY},
    ],
    "report": [RECEIPT],
    "owner-ask-job": [
        {**header("Idempotency-Key", "The same key again is the same job."), "schema": {**KEY, "maxLength": 150}}
    ],
}
LINKS = {
    "share": {
        "hide": link("owner-share", {"path.token": "$response.body#/token"}),
        "report": {**link("report"), "requestBody": {"kind": "other", "share": "$response.body#/token"}},
    },
    "teach": {
        "photo": link("teach-photo", {"path.item": "$response.body#/items/0/item"}),
        "word": {**link("taught"), "requestBody": {"answers": [{"item": "$response.body#/items/0/item"}]}},
    },
    "report": {"done": link("owner-close-report", {"path.id": "$response.body#/receipt"})},
    "owner-reviews": {
        "decide": {
            **link("owner-review"),
            "requestBody": {"label": "$response.body#/items/0/label", "decision": "accept"},
        }
    },
    "owner-versions": {"first": link("owner-version", {"path.id": "$response.body#/versions/0/id"})},
    "owner-runs": {"first": link("owner-run", {"path.id": "$response.body#/runs/0/id"})},
    "owner-releases": {"first": link("owner-release", {"path.id": "$response.body#/releases/0/release"})},
    "owner-ask-job": {
        "job": link("owner-job", {"path.id": "$response.body#/job"}),
        "file": link("owner-job-file", {"path.id": "$response.body#/job"}),
    },
    "owner-make-key": {"end": link("owner-end-key", {"path.id": "$response.body#/id"})},
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "what", "why", "do_next"],
            "properties": {name: {"type": "string"} for name in ("code", "what", "why", "do_next")},
        }
    },
}
FILE = {"type": "string", "format": "binary"}
CODED = {"format": "byte", "contentEncoding": "base64"}  # how JSON carries a file; a data URL is taken as well
ID, ITEM, APP = (
    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("id", "item", "app")
)
INPUT: Json = {
    "tags": ["visitor"],
    "operationId": "keep-input",
    "summary": "Let the photo be kept.",
    "description": "The same body again that was predicted, with the purposes that the visitor said yes to.",
    "parameters": [ID, RECEIPT, exactly("X-Consent", "^(keep, *train|train, *keep)$", "keep, train")],
    "requestBody": {"required": True, "content": {"image/*": {"schema": FILE}}},
    "responses": {
        "201": {
            "description": "It is kept; with a private `link` to it for who has no cookie here.",
            "content": {"application/json": {"schema": {"type": "object", "required": ["id", "kept", "purposes"]}}},
        },
        "404": refusal("404", "There is no such prediction, or it is not yours."),
        "409": refusal("409", "This is not what was predicted."),
        "422": {**refusal("422", "X-Consent is missing, or this is no picture."), "ours": True},
    },
}
SHARE: Json = {
    "tags": ["visitor"],
    "operationId": "share",
    "summary": "Show an answer to whoever has the link.",
    "description": "Send what was made again, and the photo if it shall stand beside it (with the answer's `inputs` "
    "where it has some): their bytes must be the same. Once more: the same link, shown anew.",
    "parameters": [ID, RECEIPT, exactly("X-Consent", "^show$", "show")],
    "requestBody": {
        "required": False,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"picture": FILE, "photo": FILE, "inputs": {"type": "object"}},
                }
            }
        },
    },
    "responses": {
        "201": {
            "description": "It is shown.",
            "content": {
                "application/json": {
                    "schema": {"type": "object", "required": ["token", "url", "card", "until"]},
                    "example": {"token": "…", "url": "…/shared/…", "card": "…/card.png", "until": 0},
                }
            },
        },
        "403": refusal("403", "The owner of the site has hidden it, or another site's page sent this."),
        "404": refusal("404", "There is no such prediction, or it is not yours."),
        "409": refusal("409", "These are not the bytes of this answer, or a seed's own page shows it already."),
        "422": {**refusal("422", "X-Consent is missing, or a part is."), "ours": True},
    },
}


def sent(tag: str, name: str, summary: str, words: str, kind: str, parameters: tuple[Json, ...] = ()) -> Json:
    """An operation that answers with no JSON."""
    answer = {"200": {"description": words, "content": {kind: {}}}}
    return {"tags": [tag], "operationId": name, "summary": summary, "parameters": list(parameters), "responses": answer}


ZIP, EVENTS, CSV = "application/zip", "text/event-stream", "text/csv"
PLAIN: dict[str, Json] = {
    "/api/predictions/{id}/input": {"put": INPUT},
    "/api/predictions/{id}/share": {"post": SHARE},
    "/api/apps/{app}/teach/{item}": {
        "get": sent("anyone", "teach-photo", "A picture of a round.", "It is small, made anew.", "image/*", (APP, ITEM))
    },
    "/api/mine/export": {
        "get": sent("visitor", "export", "Everything of the visitor as a zip.", "data.json and the kept photos.", ZIP)
    },
    "/api/till/{provider}": {
        "post": {
            "tags": ["anyone"], "operationId": "till", "summary": "What a till tells of a payment.",
            "description": "An event as Stripe sends it; only its signature, over the very bytes, counts.",
            "parameters": [{"name": "provider", "in": "path", "required": True, "schema": {"type": "string"}}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
            "responses": {"204": {"description": "It is kept."}},
        }
    },  # fmt: skip
    "/api/owner/live": {"get": sent("owner", "owner-live", "What changes, as events.", "It does not end.", EVENTS)},
    "/api/owner/money.csv": {
        "get": sent("owner", "owner-money", "The ledger as a table.", "Every entry a row, oldest first.", CSV)
    },
    "/api/owner/jobs/{id}/file": {
        "get": sent("owner", "owner-job-file", "The zip of an export.", "Rows and photos.", ZIP, (ID,))
    },
}
