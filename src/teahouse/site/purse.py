"""Purse: how one answer is paid for, and the credits that answers under way have reserved. In memory alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from teahouse.errors import NoCredit
from teahouse.store.quotas import Taken


@dataclass(frozen=True)
class Fare:
    """How an answer is paid for. kind: open (nothing is counted), free, sample (one of the maker's own), paid, or
    again: it was answered `before` under its key, or may have been. balance: of the pass, as it was seen; left: free
    ones (or samples) of today, as they were seen; first: who paid real money is served first."""

    kind: str = "open"
    pass_id: bytes | None = None
    balance: int = 0
    quotas: tuple[Taken, ...] = ()
    left: int = 0
    first: bool = False
    before: Any = None

    @property
    def lane(self) -> str | None:
        """Where in the queue it stands, if that is not for its network to say."""
        return "paid" if self.first else None


@dataclass(frozen=True)
class Left:
    """What is left after an answer: free ones today, and on the pass."""

    free: int
    credits: int

    def json(self) -> dict[str, int]:
        """As the answer tells it."""
        return {"free": self.free, "credits": self.credits}


class Purses:
    """What answers under way have reserved: credits by pass, free ones by visitor. Lives in one event loop."""

    def __init__(self) -> None:
        self.reserved: Counter[bytes | str] = Counter()
        self.paired: set[bytes] = set()

    @contextmanager
    def reserve(self, fare: Fare) -> Iterator[None]:
        """Holds what an answer will take; NoCredit where others have reserved all there is."""
        held = fare.pass_id if fare.kind == "paid" else fare.quotas[0].subject if fare.quotas else None
        if held is None:
            yield
            return
        if self.reserved[held] >= (fare.balance if fare.kind == "paid" else fare.left):
            raise NoCredit("All that you have left is being used.", "Its answers are on their way.",
                           "Wait for them.", retry_after=2)  # fmt: skip
        self.reserved[held] += 1
        try:
            yield
        finally:
            self.reserved[held] -= 1
            if not self.reserved[held]:
                del self.reserved[held]

    @contextmanager
    def pairing(self, prediction: bytes) -> Iterator[bool]:
        """While another picture is made beside a prediction's: whether it is the only one that is."""
        alone = prediction not in self.paired
        self.paired.add(prediction)
        try:
            yield alone
        finally:
            if alone:
                self.paired.discard(prediction)
