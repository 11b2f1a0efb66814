"""Erasures: forgetting a prediction or a visitor, and the log that makes a restored backup forget them again."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from teahouse.ids import parse, text
from teahouse.store import consents, feedback, held, inputs, labels, predictions, rows, shares, visitors
from teahouse.store.tables import erasures


def add(c: sa.Connection, kind: str, ref: str, reason: str, at: int) -> int | None:
    """Write an erasure down (kind: prediction, visitor or label, ref: its id as text; share, or hidden for one that
    the owner hides, ref: its token); None if it was there."""
    return rows.add_new(c, erasures, {"at": at, "kind": kind, "ref": str(ref), "reason": reason})


def since(c: sa.Connection, seq: int = 0, limit: int = 1000) -> list[Any]:
    """Erasures newer than this seq, oldest first."""
    return rows.after(c, erasures, seq=seq, limit=limit)


def holds(c: sa.Connection, kind: str, ref: str) -> bool:
    """Whether this was erased."""
    return rows.one(c, erasures, erasures.c.kind == kind, erasures.c.ref == str(ref)) is not None


def forget_prediction(c: sa.Connection, id: bytes, reason: str, at: int) -> list[str]:
    """Take all that a visitor gave and said out of a prediction, and end the yes that stood for it; digests of the
    blobs that nothing holds any more. What a challenger answered beside it goes with it: it was made of the same."""
    blobs = []
    for shadow in predictions.shadows(c, id):
        blobs += forget_prediction(c, shadow, reason, at)
    while (consent := consents.for_prediction(c, id)) is not None:
        consents.withdraw(c, consent.id, at)
    return [*blobs, *empty_prediction(c, id, reason, at)]


def empty_prediction(c: sa.Connection, id: bytes, reason: str, at: int) -> list[str]:
    """The same where the visitor took nothing back: their days are over."""
    label = labels.of_prediction(c, id)
    blobs = set(inputs.erase(c, id))
    if label is not None:
        blobs.update(labels.erase(c, label.id))
        add(c, "label", text(label.id), reason, at)
    blobs.update(shares.forget(c, id))
    feedback.erase(c, id)
    predictions.erase(c, id)
    predictions.erase_shadows(c, id)
    add(c, "prediction", text(id), reason, at)
    return held.unnamed(c, blobs)


def take_back_share(c: sa.Connection, prediction: bytes, reason: str, at: int) -> list[str]:
    """Show a prediction to nobody any more; digests of the blobs that nothing holds any more."""
    tokens, blobs = shares.take_back(c, prediction, at)
    for token in tokens:
        add(c, "share", token, reason, at)
    return held.unnamed(c, blobs)


def forget_visitor(c: sa.Connection, id: bytes, reason: str, at: int) -> list[str]:
    """Forget all of a visitor's predictions, words and consents; digests of the blobs that nothing holds any more."""
    blobs: list[str] = []
    while mine := predictions.of_visitor(c, id):
        for row in mine:
            blobs += forget_prediction(c, row.id, reason, at)
    consents.withdraw_all(c, id, at)
    feedback.erase_visitor(c, id)
    consents.erase_visitor(c, id)
    visitors.erase(c, id)
    add(c, "visitor", text(id), reason, at)
    return blobs


def replay(c: sa.Connection, log: Iterable[tuple[str, str, str, int]]) -> list[str]:
    """Forget again what (kind, ref, reason, at) say was forgotten; digests of the blobs that nothing holds any more."""
    blobs: list[str] = []
    for kind, ref, reason, at in log:
        if kind == "visitor":
            blobs += forget_visitor(c, parse(ref), reason, at)
        elif kind == "prediction" and predictions.get(c, parse(ref)) is not None:
            blobs += forget_prediction(c, parse(ref), reason, at)
        elif kind == "label" and (label := labels.get(c, parse(ref))) is not None:
            blobs += held.unnamed(c, labels.erase(c, label.id))
        elif kind == "share" and (share := shares.get(c, ref)) is not None:
            blobs += take_back_share(c, share.prediction, reason, at)
        elif kind == "hidden":
            shares.hide(c, ref, at)
        add(c, kind, ref, reason, at)
    return blobs
