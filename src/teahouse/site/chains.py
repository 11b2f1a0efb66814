"""Chains: the ledger's chains of digests, followed in a thread when the owner looks, and what was found."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teahouse.store import ledger

if TYPE_CHECKING:
    from teahouse.site.deps import Deps

WAIT_S = 2.0  # so long a page waits for what is being looked at
REST, LONGEST_REST_S = 100, 600.0
"""It is looked at again after so many times what it took: a small ledger at every look, a large one now and then."""


@dataclass(frozen=True)
class Followed:
    """What a look found: how many entries there are, and (pass, what is wrong with its chain). at: when, ms UTC."""

    at: int
    entries: int
    faults: tuple[tuple[str, str], ...]


class Chains:
    """Follows all chains, in one thread at a time, and remembers the last look. Any thread asks."""

    def __init__(self) -> None:
        self.last: Followed | None = None
        self._again = float("-inf")
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def told(self, deps: Deps, wait_s: float = WAIT_S) -> Followed | None:
        """The last look, or a new one where it is time; None while the first one takes longer than `wait_s`."""
        with self._lock:
            if time.monotonic() >= self._again and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self.follow, args=(deps,), name="chains", daemon=True)
                self._thread.start()
            thread = self._thread
        if thread is not None:
            thread.join(wait_s)
        return self.last

    def follow(self, deps: Deps) -> Followed:
        """One look at all of the ledger."""
        began = time.monotonic()
        with deps.house.db.read() as c:
            found = tuple((pass_id.hex()[:12], words) for pass_id, words in ledger.faults(c))
            self.last = Followed(deps.clock(), ledger.size(c), found)
        ended = time.monotonic()
        self._again = ended + min(LONGEST_REST_S, REST * (ended - began))
        return self.last
