"""Kept: how much room visitors' photos take, of one visitor, of one network in a day and of all, and the word past it.

Whoever comes when it is full is refused: nothing that somebody let us keep makes room for what is new."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

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

    def all(self, deps: Deps, most: float) -> int:
        """How many it is, about. Runs in a thread: where there are many it takes a moment to count them."""
        old = time.monotonic() - self.counted
        if old > COUNT_S or (self.bytes > most and old > SOON_S):
            with deps.house.db.read() as c:
                blobs = inputs.blobs(c)
            self.bytes, self.counted = size_of(deps.house.blobs, blobs), time.monotonic()
        return self.bytes


def refuse_more(deps: Deps, visitor: bytes | None, network: bytes | None, new: Collection[tuple[str, int]]) -> None:
    """Raises where these (digest and bytes of each) are more than a visitor, a network today or all may have; else
    counts them. What the visitor has here already is nothing new. Runs in a thread."""
    blobs: set[str] = set()
    if visitor is not None:
        with deps.house.db.read() as c:
            blobs = set(inputs.blobs(c, visitor))
    size = sum(size for digest, size in new if digest not in blobs)
    if not size:
        return
    if size_of(deps.house.blobs, blobs) + size > VISITOR:
        why = f"This site keeps {VISITOR / 1e6:,.0f} MB of one visitor."
        raise TooLarge("Your photos fill the room that you have here.", why, 'Take some back under "my data".')
    most = deps.settings.keep.most_gb * 1e9
    if deps.kept.all(deps, most - size) + size > most:
        raise DiskFull("There is no room to keep photos right now.", "Others' photos fill it: none of them has to go.",
                       "Try again another day; answers still come.")  # fmt: skip
    taken = quotas.Taken(retention.day_of(deps.clock()), (network or b"").hex(), "kept", size, NETWORK)
    if not deps.house.db.write(lambda c: quotas.take(c, taken)):
        why = f"This site keeps {NETWORK / 1e6:,.0f} MB a day of one network."
        raise TooMany("That was a lot for one day.", why, "Try again tomorrow; answers still come.", retry_after=3600)
    deps.kept.bytes += size


def size_of(store: FolderBlobs, blobs: Collection[str]) -> int:
    """The bytes of these blobs."""
    return sum(map(store.size, blobs))
