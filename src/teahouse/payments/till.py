"""The till as the house sees it: an order goes in, events come out. Two sides: play money, and Stripe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

KINDS = (
    "paid", "pending", "failed", "expired", "refunded", "refund_failed", "disputed", "dispute_won", "dispute_lost",
)  # fmt: skip


def number(order: str) -> str:
    """The number of a purchase, by which buyers and the owner name an order to each other: the end of its id."""
    return order[-12:]


@dataclass(frozen=True)
class Order:
    """What is to be paid for. amount: minor units of `currency`; all of it comes from the server's own declaration.
    code: of the pass, so that the receipt can restore it; back_url: where the buyer returns to."""

    id: str
    pass_id: bytes
    app: str
    title: str
    amount: int
    currency: str
    predictions: int
    code: str = field(repr=False)
    back_url: str


@dataclass(frozen=True)
class TillEvent:
    """What a till told, verified. id: its own, unique; kind: of KINDS; at: ms UTC by the till's clock; order: ours;
    payment: the till's name of the payment, which is all that a dispute names; amount: minor units paid, or given back
    so far in all."""

    id: str
    kind: str
    at: int
    order: str | None
    payment: str | None
    amount: int = 0
    currency: str = ""


class Till(Protocol):
    """Where money is taken."""

    name: str
    live: bool  # whether it is real money

    def checkout(self, order: Order) -> str:
        """The address at which to pay. The same order gets the same page, however often it is asked for."""

    def event(self, body: bytes, headers: Mapping[str, str]) -> TillEvent | None:
        """What this body tells; None where it is of no concern here. BadEvent unless it is the till's own and fresh."""

    def since(self, at: int) -> Iterable[TillEvent]:
        """All that happened since then (ms UTC), as the till itself remembers it."""

    def refund(self, payment: str) -> None:
        """Gives all of a payment back; again, and nothing more happens."""
