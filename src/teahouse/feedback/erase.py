"""Erase: forget one prediction, one row or a whole visitor, at once in the tables and soon in every frozen copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from teahouse import failpoints, ids
from teahouse.store import erasures, held, jobs, labels
from teahouse.store.house import House


def forget_prediction(c: Any, house: House, prediction: bytes, reason: str) -> list[str]:
    """Null what is personal in the prediction and all that hangs on it; the blobs that nothing holds any more.

    The caller deletes these after the commit. Frozen versions are the loop's: the job "erase" is asked for here."""
    freed = erasures.forget_prediction(c, prediction, reason, ids.now_ms())
    _ask_loop(c)
    failpoints.here("erasure")
    return freed


def take_back_share(c: Any, house: House, prediction: bytes, reason: str) -> list[str]:
    """Show a prediction to nobody any more; the blobs that nothing holds any more. No frozen version knows of it."""
    return erasures.take_back_share(c, prediction, reason, ids.now_ms())


def forget_visitor(c: Any, house: House, visitor: bytes, reason: str) -> list[str]:
    """The same for all that a visitor ever gave and said, and for the visitor."""
    freed = erasures.forget_visitor(c, visitor, reason, ids.now_ms())
    _ask_loop(c)
    failpoints.here("erasure")
    return freed


def forget_label(c: Any, house: House, label: bytes, reason: str) -> list[str]:
    """Forget a row of any source; a visitor's with all of its prediction."""
    row = labels.get(c, label)
    if row is None:
        return []
    if row.prediction is not None:
        return forget_prediction(c, house, row.prediction, reason)
    freed = labels.erase(c, label)
    erasures.add(c, "label", ids.text(label), reason, ids.now_ms())
    _ask_loop(c)
    return held.unnamed(c, freed)


def delete_blobs(house: House, blobs: list[str]) -> None:
    """After the commit: the bytes go too, and what SQLite's log still holds of the rows (at once, or as soon as the
    site finds a moment without a reader)."""
    failpoints.here("erasure-blobs")
    drop_unnamed(house, blobs)
    house.db.checkpoint(patience=0)


def drop_unnamed(house: House, blobs: Iterable[str]) -> int:
    """Delete those of the blobs that no row names; how many. Under the write lock, so that no row can name one again
    between the question and the deletion."""

    def drop(c: Any) -> int:
        gone = held.unnamed(c, blobs)
        for blob in gone:
            house.blobs.delete(blob)
        return len(gone)

    blobs = set(blobs)
    return house.db.write(drop) if blobs else 0


def _ask_loop(c: Any) -> None:
    """One waiting job is enough for all erasures so far."""
    if not any(job.kind == "erase" for job in jobs.waiting(c)):
        jobs.ask(c, jobs.Asked(ids.new_id(), "erase", None, {}, "house"))
