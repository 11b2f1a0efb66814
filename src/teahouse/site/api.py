"""The public API besides predicting: apps, one prediction, a word on it, its end."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from teahouse import ids, telemetry
from teahouse.errors import InputError, NotFound
from teahouse.feedback import collect, erase, trust
from teahouse.model import shape
from teahouse.site import accuracy, given, pictures, security, visitors
from teahouse.site.accuracy import Accuracy
from teahouse.site.deps import Deps, Shown, deps_of
from teahouse.spec.fields import Feedback, field_from_json
from teahouse.store import feedback as words
from teahouse.store import inputs, pool, predictions, releases, shares, tallies

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
    free_per_day: int | None = Field(None, description="Free answers a day, where answers are counted.")
    price: dict[str, Any] | None = Field(None, description="What more of them cost: amount in minor units, currency.")


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
    shared: str | None = Field(None, description="The path of the page that shows it to others.")


TAKES = {  # what the value is, by kind; of the others it hangs on the answer
    "agree": {"value": {"type": "boolean"}},
    "choose": {"value": {"const": True}, "other": {"type": "string"}},
    "rate": {"value": {"enum": list(pictures.RATES)}},
}


def taken(kind: str) -> dict[str, Any]:
    """JSON Schema of a word of this kind."""
    told = {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}}
    return {**told, "then": {"required": list(TAKES[kind]), "properties": TAKES[kind]}}


class WordIn(BaseModel):
    """A word on an answer: it was right, or what is right; a picture is loved or meh, or the better one of two."""

    model_config = ConfigDict(json_schema_extra={"allOf": [taken(kind) for kind in TAKES]})

    kind: Literal["agree", "correct", "choose", "rate", "comment"]
    value: bool | float | str | dict[str, str | float]
    other: str | None = Field(None, description="With choose: the id of the one that was liked less.")
    pair: str = Field("", max_length=100, description="With choose: `pair` of the one that came beside the other.")


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
        free_per_day=shown.declaration.get("free_per_day"),
        price=shown.declaration.get("price"),
    )


def prediction(request: Request, id: str) -> PredictionOut:
    """One prediction, by its receipt or its visitor's cookie; 404 for everybody else."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        row = predictions.get(c, ids.parse(id))
        refuse_gone(request, row)
        word, kept = words.latest(c, row.id), bool(inputs.of_prediction(c, row.id))
        share = shares.of_prediction(c, row.id)
    said = {"kind": word.kind, "value": word.value} if word is not None else None
    return PredictionOut(id=id, app=row.app, release=row.release, at=row.at, latency_ms=row.ms, word=said,
                         output=pictures.plain(row.output), kept=kept, shared=shared_path(share))  # fmt: skip


def shared_path(share: Any) -> str | None:
    """The path of a share's page; None for none."""
    return f"/shared/{share.token}" if share is not None and share.card is not None else None


def refuse_gone(request: Request, row: Any) -> None:
    """NotFound unless the prediction is there, was not erased, and this request may open it."""
    visitors.refuse_stranger(request, row if row is None or row.given is not None else None, row.id if row else b"")


@dataclass(frozen=True)
class Teller:
    """Whose word it is. A prediction's own visitor, or of what was made for nobody whoever asks, once; `network` is
    theirs then (a keyed digest), and `named` is false until they have a cookie."""

    visitor: bytes | None
    network: bytes | None = None
    named: bool = True


def feedback(request: Request, id: str, said: WordIn, response: Response) -> WordOut:
    """A word on a prediction: on disk before this answers; the same word twice counts once."""
    deps = deps_of(request)
    key = given.idempotency_key(request) or ""
    with deps.house.db.read() as c:
        row = predictions.get(c, ids.parse(id))
        refuse_unspoken(request, row)
        manifest = shape.from_json(releases.get(c, row.release).manifest)
        other = compared(c, request, row, said)
    truth = checked(manifest, said, row.output)
    teller = teller_of(request, row)
    word = collect.Word(ids.new_id(), row.id, teller.visitor, idem(teller, key), said.kind, said.value, truth,
                        deps.clock(), rules_of(deps, row.app), other, teller.network)  # fmt: skip
    kept, has_input, out = deps.house.db.write(lambda c: write(c, manifest, row, word, bool(key)))
    if out:
        deps.stock.out([row.id])
        erase.drop_unnamed(deps.house, out)
    if not teller.named:
        visitors.set_cookie(request, response, teller.visitor)
    log.info("word", app=row.app, prediction=id, kind=said.kind)
    ask = not has_input and truth is not None and not pictures.needs_nothing(manifest)
    return WordOut(id=ids.text(kept), ask_consent=ask)


def write(c: Any, manifest: shape.Manifest, row: Any, word: collect.Word, keyed: bool) -> tuple[bytes, bool, list[str]]:
    """Writes a word down, with its tally; (its id, whether what was given is kept, the blobs of a picture that is out).

    Where it is what the same visitor said last, that is the word."""
    has_input = bool(inputs.of_prediction(c, row.id))
    before = of_teller(c, row, word)
    last = before[-1] if before else None
    if not keyed and last is not None and (last.kind, last.value) == (word.kind, word.value):
        if last.other_prediction == word.other:
            return last.id, has_input, []
    first = not any(truth_of(manifest, one, row.output) is not None for one in before)
    kept, new = collect.say_word(c, word)
    if new and first and word.truth is not None:  # one that changes its mind is still one visitor
        tally(c, row, word)
    may_end = row.arm == "pool" and (word.kind, word.value) == ("rate", "meh")
    rated = words.rated(c, row.id) if may_end else []
    mehs = [trust.Meh(one.network, one.known_ms) for one in rated if one.value == "meh"]
    return kept.id, has_input, pool.out(c, row.id) if trust.takes_out(mehs) else []


def of_teller(c: Any, row: Any, word: collect.Word) -> list[Any]:
    """What the same visitor said of this prediction before, oldest first."""
    said = words.of_prediction(c, row.id)
    return [one for one in said if one.visitor == word.visitor] if row.arm == "pool" else said


def tally(c: Any, row: Any, word: collect.Word) -> None:
    """Counts a word of this hour: how often the answer was right, or its picture loved."""
    loved = word.kind == "rate"
    output = row.output if isinstance(row.output, dict) else {}
    good = word.value == "love" if loved else word.truth == {"label": output.get("label")}
    what = "rate" if loved else "agree"
    tallies.add(c, tallies.Tally(row.app, row.release, row.arm, word.at // HOUR_MS, what, 1, float(good)))


def refuse_unspoken(request: Request, row: Any, header: str = "x-receipt") -> None:
    """NotFound unless this request may say a word on the prediction: it is its visitor's, or was made for nobody."""
    there = row is not None and row.given is not None
    if not there or not (row.arm == "pool" or visitors.may_open(request, row.id, row.visitor, header)):
        raise NotFound(visitors.NOTHING, do_next="Check the link.")


def compared(c: Any, request: Request, row: Any, said: WordIn) -> bytes | None:
    """The prediction that was liked less, of a choice between two that were handed out side by side; else None.

    A challenger's answer says in its row whose other side it is, of two seeds the pair says it that came with the
    second: who has made one up themselves has no choice."""
    if said.kind != "choose":
        return None
    if said.value is not True or said.other is None:
        raise InputError('"choose" names the other one.', "", 'Send {"kind": "choose", "value": true, "other": "…"}.')
    other = predictions.get(c, ids.parse(said.other))
    refuse_unspoken(request, other, "x-other-receipt")
    beside = other.shadow_of == row.id or row.shadow_of == other.id
    handed = secrets.compare_digest(said.pair.encode(), visitors.pair(deps_of(request), row.id, other.id).encode())
    if other.id == row.id or not (beside or handed):
        why = "They were not shown side by side."
        raise InputError("These two cannot be compared.", why, "Send `pair` as it came.")
    return other.id


def teller_of(request: Request, row: Any) -> Teller:
    """Whose word this request brings."""
    if row.arm != "pool":
        return Teller(row.visitor)
    deps = deps_of(request)
    visitor = visitors.visitor_of(request)
    network = visitors.network_digest(deps, security.client_address(request))
    return Teller(visitor.id, network, named=not (visitor.fresh and visitor.page))


def idem(teller: Teller, key: str) -> str:
    """What makes saying a word twice harmless: the key as it was sent, or the teller's own where many may speak."""
    if key and teller.network is not None:
        return ids.keyed(teller.visitor or b"", key.encode("ascii")).hex()
    return key or ids.text(ids.new_id())


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
    if said.kind == "rate" and said.value not in pictures.RATES:
        raise InputError('"rate" says love or meh.', do_next='Send {"kind": "rate", "value": "love"}.')
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
    deps.known.clear()
    erase.delete_blobs(deps.house, freed)
    log.info("forgotten", app=row.app, prediction=id)
    return Response(status_code=204)
