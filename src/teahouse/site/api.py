"""The public API besides predicting: apps, one prediction, a word on it, its end."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, Field

from teahouse import ids, telemetry
from teahouse.errors import InputError
from teahouse.feedback import collect, erase
from teahouse.model import shape
from teahouse.site import accuracy, visitors
from teahouse.site.accuracy import Accuracy
from teahouse.site.deps import Deps, Shown, deps_of
from teahouse.spec.fields import Feedback, field_from_json
from teahouse.store import feedback as words
from teahouse.store import inputs, predictions, releases, tallies

log = telemetry.log("site")

HOUR_MS = 3_600_000


class AppOut(BaseModel):
    """An app: what it takes, what it answers, how often it is right."""

    app: str
    title: str
    description: str
    open: bool
    release: str | None = None
    number: int | None = None
    input: dict[str, Any] = Field(default_factory=dict, description="JSON Schema of each field, by its name.")
    output: dict[str, Any] | None = Field(None, description="JSON Schema of the output.")
    accuracy: Accuracy | None = None


class AppsOut(BaseModel):
    """All apps of the site."""

    apps: list[AppOut]


class PredictionOut(BaseModel):
    """A prediction, for whoever holds its receipt or is its visitor."""

    id: str
    app: str
    release: str
    at: int = Field(description="Milliseconds since 1970, UTC.")
    output: Any
    latency_ms: float
    word: dict[str, Any] | None = Field(None, description="The latest word on it: kind and value.")
    kept: bool = Field(description="True where the photo is kept.")


class WordIn(BaseModel):
    """A word on an answer: it was right, or what is right."""

    kind: Literal["agree", "correct", "choose", "rate", "comment"]
    value: bool | str | dict[str, str]


class WordOut(BaseModel):
    """The word is kept. ``ask_consent``: the photo could teach, and the visitor was not asked yet."""

    id: str
    ask_consent: bool


def apps(request: Request) -> AppsOut:
    """The apps of this site."""
    deps = deps_of(request)
    return AppsOut(apps=[out(deps, shown) for shown in deps.serving.apps.values()])


def app(request: Request, app: str) -> AppOut:
    """One app."""
    deps = deps_of(request)
    return out(deps, deps.serving.app(app))


def out(deps: Deps, shown: Shown) -> AppOut:
    """An app as the API gives it."""
    live = shown.champion
    description = str(shown.declaration.get("description") or "")
    if live is None:
        return AppOut(app=shown.name, title=shown.title, description=description, open=False)
    return AppOut(
        app=shown.name,
        title=shown.title,
        description=description,
        open=live.ready,
        release=live.release,
        number=live.number,
        input={name: field.schema() for name, field in live.fields.items()},
        output=live.output.schema(),
        accuracy=accuracy.of(deps, live),
    )


def prediction(request: Request, id: str) -> PredictionOut:
    """One prediction, by its receipt or its visitor's cookie; 404 for everybody else."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = predictions.get(c, ids.parse(id))
        refuse_gone(request, row)
        word, kept = words.latest(c, row.id), bool(inputs.of_prediction(c, row.id))
    said = {"kind": word.kind, "value": word.value} if word is not None else None
    return PredictionOut(id=id, app=row.app, release=row.release, at=row.at, output=row.output, latency_ms=row.ms,
                         word=said, kept=kept)  # fmt: skip


def refuse_gone(request: Request, row: Any) -> None:
    """NotFound unless the prediction is there, was not erased, and this request may open it."""
    visitors.refuse_stranger(request, row if row is None or row.given is not None else None, row.id if row else b"")


def feedback(request: Request, id: str, said: WordIn) -> WordOut:
    """A word on a prediction: on disk before this answers; the same word twice counts once."""
    deps = deps_of(request)
    key = request.headers.get("idempotency-key", "")
    if len(key) > 200 or not key.isascii() or not (key == "" or key.isprintable()):
        raise InputError("This Idempotency-Key can not be used.", "It has 1 to 200 plain characters.")
    with deps.house.db.read() as c:
        row = predictions.get(c, ids.parse(id))
        refuse_gone(request, row)
        manifest = shape.from_json(releases.get(c, row.release).manifest)
    truth = checked(manifest, said, row.output)
    at = deps.clock()

    def write(c: Any) -> tuple[bytes, bool]:
        last = words.latest(c, row.id)
        if not key and last is not None and (last.kind, last.value) == (said.kind, said.value):
            return last.id, bool(inputs.of_prediction(c, row.id))
        idem = key or ids.text(ids.new_id())
        rules = rules_of(deps, row.app)
        word = collect.Word(ids.new_id(), row.id, row.visitor, idem, said.kind, said.value, truth, at, rules)
        first = not any(truth_of(manifest, one, row.output) is not None for one in words.of_prediction(c, row.id))
        kept, new = collect.say_word(c, word)
        if new and first and truth is not None:  # one that changes its mind is still one visitor
            output = row.output if isinstance(row.output, dict) else {}
            agrees = float(truth == {"label": output.get("label")})
            tallies.add(c, tallies.Tally(row.app, row.release, row.arm, at // HOUR_MS, "agree", 1, agrees))
        return kept.id, bool(inputs.of_prediction(c, row.id))

    word, kept = deps.house.db.write(write)
    log.info("word", app=row.app, prediction=id, kind=said.kind)
    return WordOut(id=ids.text(word), ask_consent=not kept and truth is not None)


def rules_of(deps: Deps, app: str) -> collect.Rules:
    """What this house does with a word on an answer of this app."""
    shown, loop = deps.serving.apps.get(app), deps.settings.loop
    after = int((shown.declaration.get("retrain_after") if shown else None) or loop.retrain_after)
    return collect.Rules(loop.review, after if loop.train == "here" else None)


def checked(manifest: shape.Manifest, said: WordIn, output: Any) -> Any:
    """The right answer that a word states, or None; InputError for a word that this output does not take."""
    field = field_from_json(manifest.output)
    if said.kind not in field.feedback:
        known = ", ".join(sorted(field.feedback))
        raise InputError(f'An answer of this app takes no "{said.kind}".', f"It takes: {known}.")
    if said.kind == "agree" and not isinstance(said.value, bool):
        raise InputError('"agree" says true or false.', do_next='Send {"kind": "agree", "value": true}.')
    return truth_of(manifest, said, output)


def truth_of(manifest: shape.Manifest, said: Any, output: Any) -> Any:
    """The right answer that a word (its kind and value) states, or None."""
    return field_from_json(manifest.output).truth(Feedback(said.kind, said.value), output)


def forget(request: Request, id: str) -> Response:
    """Erases a prediction at once: its row's personal part, what was said of it, and the photo."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = predictions.get(c, ids.parse(id))
    refuse_gone(request, row)
    freed = deps.house.db.write(lambda c: erase.forget_prediction(c, deps.house, row.id, "visitor"))
    erase.delete_blobs(deps.house, freed)
    log.info("forgotten", app=row.app, prediction=id)
    return Response(status_code=204)
