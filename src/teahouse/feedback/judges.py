"""Judges: which rows and choices are evidence of their own: one of each look, and only so many of one visitor."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from teahouse.feedback import fair
from teahouse.store import feedback, labels

NEAR_BITS = 6
BANDS, BITS = 7, 9  # six flipped bits leave one of seven bands as it was
VISITOR_ROWS, VISITOR_SHARE = 5, 0.1
CHOICES = (
    fair.Cap(lambda choice: choice.visitor, 3, 0.1),
    fair.Cap(lambda choice: choice.network, 30, 0.3),
)


def independent(rows: Iterable[Any]) -> list[Any]:
    """Of these rows (labels, or what `labels.gold_rows` tells of them; oldest first) those that a test may count: none
    looks like an older one (six bits of 64), and of one visitor there are at most five, or a tenth. More rows never
    make it fewer."""
    looks = Looks()
    fresh = [row for row in rows if looks.is_new(row.near or row.id)]
    most, of_visitor = max(VISITOR_ROWS, int(len(fresh) * VISITOR_SHARE)), Counter[bytes]()
    found = []
    for row in fresh:
        if row.source == "visitor":
            whose = row.visitor or row.network or b""
            of_visitor[whose] += 1
            if of_visitor[whose] > most:
                continue
        found.append(row)
    return found


def counts(c: Any, app: str) -> dict[str, int]:
    """`labels.counts` with the photos that may judge, as the judge counts them: gold_live (visitors') and gold_base
    (the maker's). What a page or a terminal tells of labels comes from here."""
    return {**labels.counts(c, app), "gold_live": live(c, app), "gold_base": base(c, app)}


def live(c: Any, app: str) -> int:
    """How many photos of visitors may judge, counted as the judge counts them."""
    return len(independent(labels.gold_rows(c, app, "gold_live")))


def base(c: Any, app: str) -> int:
    """The same of the rows that the maker brought."""
    return len(independent(labels.gold_rows(c, app, "gold_base")))


def choices(c: Any, app: str, champion: str, challenger: str) -> list[feedback.Choice]:
    """What visitors chose between these two releases, oldest first, as the judge counts it: of one visitor at most
    three or a tenth, of one network thirty or three tenths. What counted once counts on, whatever is chosen later."""
    return fair.in_order(feedback.choices(c, app, champion, challenger), CHOICES)


class Looks:
    """Near keys seen so far; keys of 64 bits are looked up by the bands that a near one shares with them."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._by_band: dict[tuple[int, int], list[int]] = defaultdict(list)

    def is_new(self, near: bytes) -> bool:
        """Whether nothing near this key was seen; from now on this one was."""
        new = self.near(near) is None
        self.add(near)
        return new

    def near(self, near: bytes) -> bytes | None:
        """The first key near this one that was added, or None."""
        if near in self._seen:
            return near
        if len(near) != 8:
            return None
        key = int.from_bytes(near)
        found = (other for band in _bands(key) for other in self._by_band[band])
        other = next((other for other in found if (key ^ other).bit_count() <= NEAR_BITS), None)
        return None if other is None else other.to_bytes(8)

    def add(self, near: bytes) -> None:
        """Know this key from now on."""
        if near in self._seen:
            return
        self._seen.add(near)
        if len(near) == 8:
            key = int.from_bytes(near)
            for band in _bands(key):
                self._by_band[band].append(key)


def _bands(key: int) -> list[tuple[int, int]]:
    return [(at, key >> at * BITS & (1 << BITS) - 1) for at in range(BANDS)]
