"""Kept: how much room visitors' photos take, of one visitor, of one network in a day and of all, and the word past it.

Whoever comes when it is full is refused: nothing that somebody let us keep makes room for what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from teahouse.errors import DiskFull, TooLarge, TooMany
from teahouse.feedback import retention
from teahouse.store import inputs, quotas

if TYPE_CHECKING:
    from teahouse.site.deps import Deps
    from teahouse.store.blobs import FolderBlobs

VISITOR, NETWORK = 100_000_000, 1_000_000_000  # bytes; an export of "my data" holds what a visitor may have here
COUNT_S, SOON_S = 600.0, 30.0  # all are counted anew so often, and sooner where it seemed full


class Kept:
    """The bytes of all photos that visitors let this house keep, counted now and then and added up between."""

    def __init__(self) -> None:
        self.bytes, self.counted = 0, float("-inf")
        self._counting = threading.Lock()

    def all(self, deps: Deps, most: float) -> int:
        """How many it is, about. Runs in a thread: where there are many it takes a moment to count them. One does, and
        whoever comes meanwhile gets the number of before."""
        old = time.monotonic() - self.counted
        if (old > COUNT_S or (self.bytes > most and old > SOON_S)) and self._counting.acquire(blocking=False):
            try:
                with deps.house.db.read() as c:
                    blobs = inputs.blobs(c)
                self.bytes, self.counted = size_of(deps.house.blobs, blobs), time.monotonic()
            finally:
                self._counting.release()
        return self.bytes


def refuse_more(deps: Deps, visitor: bytes | None, network: bytes | None, new: Collection[tuple[str, int]]) -> None:
    """Raises where these (digest and bytes of each) are more than a visitor, a network today or all may have. What the
    visitor has here already is nothing new. Runs in a thread."""
    with deps.house.db.read() as c:
        blobs = of_visitor(c, visitor)
        size = sum(size for digest, size in new if digest not in blobs)
        fits = quotas.fits(c, taken_today(deps, network, size))
    if not size:
        return
    if size_of(deps.house.blobs, blobs) + size > VISITOR:
        why = f"This site keeps {VISITOR / 1e6:,.0f} MB of one visitor."
        raise TooLarge("Your photos fill the room that you have here.", why, 'Take some back under "my data".')
    most = deps.settings.keep.most_gb * 1e9
    if deps.kept.all(deps, most - size) + size > most:
        raise DiskFull("There is no room to keep photos right now.", "Others' photos fill it: none of them has to go.",
                       "Try again another day; answers still come.")  # fmt: skip
    if not fits:
        why = f"This site keeps {NETWORK / 1e6:,.0f} MB a day of one network."
        raise TooMany("That was a lot for one day.", why, "Try again tomorrow; answers still come.", retry_after=3600)


def count(c: Any, deps: Deps, row: Any, new: Collection[tuple[str, int]]) -> None:
    """Counts these of a prediction's row, in the transaction that is about to keep them."""
    blobs = of_visitor(c, row.visitor)
    size = sum(size for digest, size in new if digest not in blobs)
    if size:
        quotas.take(c, taken_today(deps, row.network, size))
        deps.kept.bytes += size


def of_visitor(c: Any, visitor: bytes | None) -> set[str]:
    """The digests of the photos that a visitor lets us keep."""
    return set(inputs.blobs(c, visitor)) if visitor is not None else set()


def taken_today(deps: Deps, network: bytes | None, size: int) -> quotas.Taken:
    """So many bytes of a network's today."""
    return quotas.Taken(retention.day_of(deps.clock()), (network or b"").hex(), "kept", size, NETWORK)


def size_of(store: FolderBlobs, blobs: Collection[str]) -> int:
    """The bytes of these blobs."""
    return sum(map(store.size, blobs))
