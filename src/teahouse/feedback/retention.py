"""Retention: what is older than the house keeps it goes, a little at a time. The days and the clock are arguments."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from teahouse import ids
from teahouse.feedback import erase
from teahouse.store import (
    consents,
    erasures,
    feedback,
    held,
    jobs,
    labels,
    passes,
    predictions,
    quotas,
    reports,
    shares,
    visitors,
)
from teahouse.store.house import House

DAY_MS = 86_400_000
REASON = "retention"
PASS_MS = 45 * DAY_MS  # a payment may take 14 days to arrive, and a till remembers for 30 more what it told nobody
PHOTOS, ROWS = 10, 500  # in one transaction: others want to write too
NAMED_S = 3600  # a blob that is put gets its row within seconds
GRACE_S = 10.0  # and in a request that lives yet, sooner


@dataclass(frozen=True)
class Swept:
    """What went: photos that nobody accepted, answers' records, visitors who had nothing else here."""

    photos: int
    answers: int
    visitors: int


def ask(c: Any, at: int) -> tuple[bytes, bool]:
    """Ask for today's run (at: ms UTC); (its job, whether it is new): whoever asks, a day has one."""
    day = day_of(at)
    return jobs.ask(c, jobs.Asked(ids.new_id(), "retain", None, {}, "house", f"retain {day}", at))


def day_of(at: int) -> str:
    """The date of a moment (ms UTC)."""
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()


def sweep(house: House, days: int, at: int) -> Swept:
    """Empty what is older than `days` at the moment `at` (ms UTC); doing it again finds nothing.

    What is shown to others ends so long after its answer. Photos that nobody accepted go with their labels. An
    accepted row stays while its yes stands, and with it what its visitor needs to see it and to take it back. Of any
    other answer the bare record stays: when, and which release. What was made for the pool has been nobody's answer:
    nothing of it stays, unless somebody said a word on it. Passes on which nothing was ever bought go after PASS_MS."""
    until = at - days * DAY_MS
    shared = _drop_shares(house, until, at)
    photos = _drop_photos(house, until, at)
    answers = _fade_answers(house, until)
    house.db.write(lambda c: feedback.fade_pool(c, until))
    _all(lambda: house.db.write(lambda c: labels.fade(c, until, ROWS)))
    _all(lambda: house.db.write(lambda c: consents.fade(c, until, ROWS)))
    _all(lambda: house.db.write(lambda c: reports.fade(c, until, ROWS)))
    house.db.write(lambda c: quotas.sweep(c, day_of(at - DAY_MS)))
    gone = _all(lambda: house.db.write(lambda c: visitors.fade(c, until, ROWS)))
    _all(lambda: house.db.write(lambda c: passes.sweep(c, at - PASS_MS, ROWS)))
    house.keys.passing("network", at)  # its time ends on a quiet site too
    sweep_blobs(house)
    made = _all(lambda: house.db.write(lambda c: predictions.drop_unsaid(c, until, ROWS)))
    if shared or photos or answers or made or gone:
        house.db.checkpoint()
    return Swept(photos, answers, gone)


def sweep_blobs(house: House, older_s: float = NAMED_S) -> int:
    """Remove blobs that no row names: of a process that was killed between the photo and its row; how many."""
    return _drop(house, _unnamed(house, house.blobs.older(older_s)))


def sweep_erased(house: House, grace_s: float = GRACE_S) -> int:
    """The same for the bytes of an erasure that was killed before it came to them, whenever they were put; how many.
    What is younger than `grace_s` may be about to get its row: that is waited for, and looked at again."""
    left = _unnamed(house, house.blobs.digests())
    if not left:
        return 0
    if set(left) - set(house.blobs.older(grace_s)):
        time.sleep(grace_s)
    old = set(house.blobs.older(grace_s))
    return _drop(house, [blob for blob in left if blob in old])


def _unnamed(house: House, blobs: list[str]) -> list[str]:
    house.db.write(labels.name_blobs)
    with house.db.read() as c:
        named = held.all(c)
    return [blob for blob in blobs if blob not in named]


def _drop(house: House, left: list[str]) -> int:
    return sum(erase.drop_unnamed(house, left[start : start + PHOTOS]) for start in range(0, len(left), PHOTOS))


def _drop_shares(house: House, until: int, at: int) -> int:
    """End what is shown of older answers, and what is shown without a yes: what is not shown can not stay."""

    def write(c: Any) -> tuple[int, list[str]]:
        blobs = []
        old = shares.expired(c, until, PHOTOS)
        for prediction in old:
            blobs += erasures.take_back_share(c, prediction, REASON, at) + shares.forget(c, prediction)
        return len(old), blobs

    def drop() -> int:
        count, blobs = house.db.write(write)
        erase.drop_unnamed(house, blobs)
        return count

    return _all(drop)


def _drop_photos(house: House, until: int, at: int) -> int:
    def write(c: Any) -> tuple[int, list[str]]:
        old = labels.unaccepted(c, until, PHOTOS)
        return len(old), [blob for _, row in old for blob in erasures.empty_prediction(c, row, REASON, at)]

    def drop() -> int:
        count, blobs = house.db.write(write)
        erase.drop_unnamed(house, blobs)
        return count

    return _all(drop)


def _fade_answers(house: House, until: int) -> int:
    faded = after = 0
    while True:
        with house.db.read() as c:
            old = predictions.expired(c, until, after, ROWS)
        if not old:
            return faded
        after, these = old[-1].seq, [row.id for row in old]
        house.db.write(lambda c, these=these: feedback.erase(c, *predictions.fade(c, these)))
        faded += sum(not row.kept for row in old)


def _all(some: Callable[[], int]) -> int:
    """Do it until there is nothing left to do; how many in all."""
    total = 0
    while count := some():
        total += count
    return total
