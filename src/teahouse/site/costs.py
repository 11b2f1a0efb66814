"""Costs: what work and bytes the house spends on visitors, added up in memory and kept in `tallies` every few seconds.

Counted is all that a worker did, whether an answer came of it or not, and all bytes that came in and went out. What a
crash takes with it is a few seconds of a sum that bounds and informs; credits are another matter (see `store.ledger`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from teahouse.store import tallies

if TYPE_CHECKING:
    from teahouse.site.deps import Deps

WORK, BYTES = ("work:open", "work:free", "work:paid"), "bytes"
SITE = ""  # whose the bytes are: an address may name any app, and what it names is no row of ours
HOUR_MS = 3_600_000


class Costs:
    """Sums since they were kept last. Added to in the event loop; kept by a thread."""

    def __init__(self) -> None:
        self.n: Counter[tuple[str, str]] = Counter()
        self.totals: Counter[tuple[str, str]] = Counter()

    def work(self, app: str, kind: str, seconds: float, answers: int = 0) -> None:
        """So many seconds of a worker more, of open, free or paid play, and so many answers."""
        key = app, f"work:{kind}"
        self.totals[key] += seconds  # type: ignore[assignment]
        self.n[key] += answers

    def moved(self, size: int) -> None:
        """So many bytes more, in or out, of the site."""
        self.totals[SITE, BYTES] += size

    def keep(self, deps: Deps) -> None:
        """Writes what was added up since the last time."""
        if not self.totals:
            return
        n, totals = self.n, self.totals
        self.n, self.totals = Counter(), Counter()
        hour = deps.clock() // HOUR_MS
        rows = [tallies.Tally(app, "", "", hour, what, n[app, what], total) for (app, what), total in totals.items()]
        deps.house.db.write(lambda c: tallies.add_all(c, rows))
