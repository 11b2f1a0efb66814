"""The owner's review: the queue, a decision, taking it back; and the labels that come of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from fastapi import Request

from teahouse import ids, telemetry
from teahouse.errors import InputError, NotFound, NothingToDo, likely
from teahouse.feedback import audit, collect, judges, order, teach, trust
from teahouse.site import api, missing, owner_access, pictures
from teahouse.site.deps import Deps, deps_of
from teahouse.site.owner_shapes import (
    Alike,
    DecisionGiven,
    DecisionOut,
    LabelOut,
    LabelsOut,
    QueueItem,
    QueueOut,
    Seq,
    UndoneOut,
)
from teahouse.spec.fields import Feedback, field_from_json
from teahouse.store import apps, labels, reviews, visitors

log = telemetry.log("site")

PAGE = 50


def queue(
    request: Request, app: str | None = None, after: str | None = None, limit: int = 20, aside: bool = False
) -> QueueOut:
    """What to review next, photos that look alike in one: those drawn by lot that can judge first, in an order that
    says nothing, then what teaches most, last those drawn by lot that count in no verdict. With ?aside=true what the
    house set aside by itself."""
    deps = deps_of(request)
    with deps.house.db.read() as c:
        shown = app_of(c, app)
        stacks = order.stacks(reviews.queue(c, shown.name, aside))
        set_aside = reviews.aside(c, shown.name)
        left = set_aside if aside else reviews.left(c, shown.name)
        told = missing.words(c, shown.name, shown.declaration)
        if after:
            seen = [row.rows[0].label for row in stacks]
            stacks = stacks[seen.index(ids.parse(after)) + 1 :] if ids.parse(after) in seen else stacks
        stacks = stacks[: min(max(limit, 1), 100)]
        known = known_among(c, shown.name, {stack.rows[0].visitor for stack in stacks} - {None}, deps.clock())
    choices = choices_of(shown.declaration)
    items = [item(stack, choices, known) for stack in stacks]
    return QueueOut(items=items, left=left, told=told or None, aside=set_aside or None)


def known_among(c: Any, app: str, whose: Collection[bytes], at: int) -> set[bytes]:
    """Those of these visitors who have standing: their word weighs more with the owner too."""
    return {one for one in whose if teach.standing_of(visitors.get(c, one), app, at).known}


def item(stack: order.Stack, choices: list[str], known: Collection[bytes] = ()) -> QueueItem:
    """A stack of the queue. One drawn by lot is shown bare: its label must be the owner's alone."""
    row = stack.rows[0]
    like = [Alike(label=ids.text(one.label), photo=photo_address(one.label, one.inputs), guess=guessed(one),
                  word=said(one), why=why(one)) for one in stack.rows[1:]]  # fmt: skip
    return QueueItem(
        label=ids.text(row.label),
        photo=photo_address(row.label, row.inputs),
        held=row.held,
        judges=row.judges,
        guess=guessed(row),
        word=said(row),
        choices=choices,
        given=beside_photo(row.inputs),
        like=like,
        why=why(row, row.visitor in known),
    )


def guessed(row: Any) -> Any:
    """What the release answered, as it may be told to the owner."""
    return None if row.held or pictures.is_picture(row.guess) else row.guess


def said(row: Any) -> Any:
    """What the visitor said, as it may be told to the owner."""
    return None if row.held or not isinstance(row.word, Mapping) else word_of(row.word)


def why(row: Any, known: bool = False) -> str:
    """Why a row stands where it stands, or why its word weighs, in a sentence; "" where there is nothing to say, and of
    what judges."""
    if row.held or row.reason:
        return row.reason
    if row.counts:
        return "It counts already, on their word alone."
    guess = row.guess if isinstance(row.guess, Mapping) else {}
    other = row.other.get("label") if isinstance(row.other, Mapping) else None
    if other is not None and other != guess.get("label"):
        return f"Another release says {str(other).replace('_', ' ')}."
    if isinstance(row.look, Mapping) and row.look.get("familiar") is False:
        return "It has never seen anything like this."
    if known and trust.Word("", row.word, scores=guess.get("scores")).is_surprising:
        return "Its visitor was right in teach rounds, but the release was all but sure of something else."
    return "Its visitor was right in teach rounds." if known else ""


def decide(request: Request, given: DecisionGiven) -> DecisionOut:
    """Keeps the owner's decision; asks for a training where it was the last label that one waits for."""
    deps = deps_of(request)
    owner_access.require_owner(request)
    label, at, began = ids.parse(given.label), deps.clock(), time.monotonic()

    def write(c: Any) -> tuple[str, bytes | None]:
        row = labels.get(c, label)
        if row is None:
            raise NotFound("This photo is gone.", "Its visitor deleted it.", "Go on with the next.")
        shown = app_of(c, row.app)
        truth = checked(given, row, shown.declaration)
        decided = reviews.Decision(label, given.decision, truth, labels.OWNER, given.reason, at)
        audit.decide(c, decided, [ids.parse(one) for one in given.like], api.rules_of(deps, row.app))
        return row.app, retrain_if_due(c, deps, shown, at)

    app, job = deps.house.db.write(write)
    with deps.house.db.read() as c:
        left = reviews.left(c, app)
    done = DecisionOut(label=given.label, left=left, job=ids.text(job) if job else None)
    ms = round((time.monotonic() - began) * 1000, 1)
    log.info("reviewed", label=given.label, decision=given.decision, job=done.job, ms=ms)
    return done


def checked(given: DecisionGiven, row: Any, declaration: Mapping[str, Any]) -> Any:
    """The right answer that this decision states, in the output's own shape; None where the visitor's word is taken."""
    if given.decision != "accept":
        return None
    if given.truth is None:
        if row.held:
            raise InputError(
                "Say what this photo shows.",
                "It was drawn by lot: only your own word counts.",
                "Pick a label.",
            )
        return None
    choices = choices_of(declaration)
    word = word_of(given.truth) if isinstance(given.truth, Mapping) else given.truth
    if choices and word not in choices:
        raise InputError(
            f'"{word}" is no label of this app.', f"Known: {', '.join(choices)}.", likely(str(word), choices).strip()
        )
    if not choices:
        return given.truth
    kind = "rate" if declaration["output"]["kind"] == "image" else "correct"
    return field_from_json(declaration["output"]).truth(Feedback(kind, word), {})


def word_of(truth: Mapping[str, Any]) -> Any:
    """What a truth comes down to: its label, what its visitor said of a picture, or its one value."""
    return truth.get("label", truth.get("rate", next(iter(truth.values()), None) if len(truth) == 1 else None))


def retrain_if_due(c: Any, deps: Deps, shown: Any, at: int) -> bytes | None:
    """The job of a training that is due now, asked for once; None where none is due."""
    needed = needed_of(deps, shown.declaration)
    if deps.settings.loop.train != "here":
        return None
    return collect.retrain_due(c, shown.name, needed, at)


def undo(request: Request, label: str | None = None) -> UndoneOut:
    """Takes the owner's last decision back; with ?label= only where it is that label's, so that asking twice undoes
    once."""
    deps = deps_of(request)
    wanted = ids.parse(label) if label else None

    def write(c: Any) -> UndoneOut:
        undone = audit.undo(c, labels.OWNER, deps.clock(), wanted, collect.Rules(deps.settings.loop.review))
        if undone is None:
            raise NothingToDo("There is no decision to take back.")
        row = labels.get(c, undone)
        return UndoneOut(label=ids.text(undone), left=reviews.left(c, row.app) if row is not None else 0)

    return deps.house.db.write(write)


def listing(request: Request, app: str | None = None, before: Seq | None = None, limit: int = PAGE) -> LabelsOut:
    """The labels of an app, newest first, and how many there are of each kind."""
    deps = deps_of(request)
    limit = min(max(limit, 1), 200)
    with deps.house.db.read() as c:
        shown = app_of(c, app)
        rows = labels.page(c, shown.name, before, limit)
        counts = judges.counts(c, shown.name)
    return LabelsOut(labels=[label_out(row) for row in rows], counts=counts, before=next_page(rows, limit))


def label_out(row: Any) -> LabelOut:
    """A label as the API gives it."""
    return LabelOut(
        label=ids.text(row.id),
        at=row.at,
        app=row.app,
        source=row.source,
        split=row.split,
        held=row.held,
        truth=row.answer,
        decision=row.decision,
        photo=photo_address(row.id, row.inputs),
    )


# ---- what other pages of the owner need too --------------------------------------------------------------------------


def app_of(c: Any, name: str | None) -> Any:
    """The app of this name, or the first one; NotFound where there is none."""
    row = apps.get(c, name) if name else next(iter(apps.all_latest(c)), None)
    if row is None:
        raise NotFound("There is no such app here.", do_next="See GET /api/apps.")
    return row


def choices_of(declaration: Mapping[str, Any]) -> list[str]:
    """The words that a truth may be: labels, of a picture love or meh; none where the output is of another kind."""
    if declaration["output"]["kind"] == "image":
        return list(pictures.RATES)
    words = getattr(field_from_json(declaration["output"]), "words", None)
    return list(words()) if words else []


def needed_of(deps: Deps, declaration: Mapping[str, Any]) -> int:
    """New accepted labels that set a training off."""
    return int(declaration.get("retrain_after") or deps.settings.loop.retrain_after)


def photo_address(label: bytes, inputs: Any) -> str:
    """The address of a label's photo, for the owner; "" where it has none."""
    return f"/owner/media/{ids.text(label)}" if blob_of(inputs) else ""


def blob_of(inputs: Any) -> str | None:
    """The digest of the first picture among a label's inputs."""
    given = inputs.values() if isinstance(inputs, Mapping) else ()
    return next((one["blob"] for one in given if isinstance(one, Mapping) and one.get("blob")), None)


def beside_photo(inputs: Any) -> dict[str, Any]:
    """What was given beside the pictures among a label's inputs, by field."""
    given = inputs.items() if isinstance(inputs, Mapping) else ()
    return {name: one for name, one in given if not (isinstance(one, Mapping) and "blob" in one)}


def next_page(rows: list[Any], limit: int) -> int | None:
    """The `before` of the next page, or None on the last."""
    return rows[-1].seq if len(rows) == limit else None
