"""Audit: the owner's decisions, and what follows for visitors whose words counted before anybody looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from teahouse.feedback import collect
from teahouse.feedback.collect import TRUST, Rules
from teahouse.store import labels, reviews


def decide(c: Any, decided: reviews.Decision, like: Sequence[bytes], rules: Rules) -> int:
    """The owner's decision of a row and of those that look like it; how many were decided. Where it makes a visitor
    doubted, what else counted on their word alone waits for the owner; where it ends a doubt, their words count."""
    whose = _visitors(c, [decided.label, *like])
    before = {one: collect.is_doubted(c, *one) for one in whose}
    many = reviews.decide_all(c, decided, like)
    for one in whose:
        if collect.is_doubted(c, *one) != before[one]:
            _heed(c, *one, rules, decided.at)
    return many


def undo(c: Any, by: str, at: int, label: bytes | None, rules: Rules) -> bytes | None:
    """Take the owner's last decision back (`reviews.undo`), and what followed from it; its label, or None."""
    gone = reviews.undo(c, by, at, label)
    for one in _visitors(c, gone):
        _heed(c, *one, rules, at)
    return gone[0] if gone else None


def _heed(c: Any, app: str, visitor: bytes, rules: Rules, at: int) -> None:
    """Bring what counts of a visitor in line with what the owner saw of them."""
    if not collect.is_doubted(c, app, visitor):
        collect.weigh_again(c, app, visitor, rules, at)
        return
    review = collect.review_of(c, app, rules)
    for row in reviews.counted_of(c, app, visitor):
        reviews.take_back(c, row.id, TRUST, at)
        for other in reviews.near_rows(c, app, row.near) if row.near else ():
            if other.reviewed_by == TRUST and other.visitor != visitor and collect.is_near(row.near, other.near):
                reviews.take_back(c, other.id, TRUST, at)  # it may have been believed for saying the same
                collect.weigh(c, other.id, review, at)


def _visitors(c: Any, of: Iterable[bytes]) -> set[tuple[str, bytes]]:
    """(app, visitor) of these labels."""
    found = [labels.get(c, label) for label in of]
    return {(row.app, row.visitor) for row in found if row is not None and row.visitor is not None}
