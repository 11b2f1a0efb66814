"""Purse: how one answer is paid for, and the credits that answers under way have reserved. In memory alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from teahouse.errors import NoCredit
from teahouse.store.quotas import Taken


@dataclass(frozen=True)
class Fare:
    """How an answer is paid for. kind: open (nothing is counted), free, paid, or again (it was answered before under
    its key). balance: of the pass, as it was seen."""

    kind: str = "open"
    pass_id: bytes | None = None
    balance: int = 0
    quotas: tuple[Taken, ...] = ()

    @property
    def lane(self) -> str | None:
        """Where in the queue it stands, if that is not for its network to say: who paid is served first."""
        return "paid" if self.balance else None


@dataclass(frozen=True)
class Left:
    """What is left after an answer: free ones today, and on the pass."""

    free: int
    credits: int

    def json(self) -> dict[str, int]:
        """As the answer tells it."""
        return {"free": self.free, "credits": self.credits}


class Purses:
    """Credits that answers under way have reserved, by pass. Lives in one event loop."""

    def __init__(self) -> None:
        self.reserved: Counter[bytes] = Counter()

    @contextmanager
    def reserve(self, fare: Fare) -> Iterator[None]:
        """Holds a credit of a paid answer; NoCredit where others have reserved all there are."""
        if fare.kind != "paid" or fare.pass_id is None:
            yield
            return
        if self.reserved[fare.pass_id] >= fare.balance:
            raise NoCredit("All that is left on this pass is being used.", "Its answers are on their way.",
                           "Wait for them, or buy more.", retry_after=2)  # fmt: skip
        self.reserved[fare.pass_id] += 1
        try:
            yield
        finally:
            self.reserved[fare.pass_id] -= 1
            if not self.reserved[fare.pass_id]:
                del self.reserved[fare.pass_id]
