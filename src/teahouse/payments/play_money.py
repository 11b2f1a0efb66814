"""The test till: play money, so that all of buying can be tried with no account anywhere; its page says so."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping

from teahouse.errors import BadEvent
from teahouse.ids import keyed, new_id
from teahouse.payments.till import KINDS, Order, TillEvent

SIGNATURE, OF_PLAY = "play-signature", "play-"
"""The header of a signature; what the name of a payment begins with that was none."""


class PlayMoney:
    """A till without money. Its events are signed with the house's own key, and go the same road as Stripe's."""

    name, live = "test", False

    def __init__(self, key: bytes) -> None:
        self.key = key

    def checkout(self, order: Order) -> str:
        """The test till's own page: a path, for it is on this site, by whatever name the buyer came."""
        return f"/pay/{order.id}"

    def make(self, kind: str, order: str, amount: int, currency: str, at: int) -> tuple[bytes, dict[str, str]]:
        """An event as this till tells it: its body and headers."""
        told = {"id": f"play-{new_id().hex()}", "kind": kind, "at": at, "order": order, "payment": f"{OF_PLAY}{order}",
                "amount": amount, "currency": currency}  # fmt: skip
        body = json.dumps(told).encode()
        return body, {SIGNATURE: keyed(self.key, body).hex()}

    def event(self, body: bytes, headers: Mapping[str, str]) -> TillEvent | None:
        """The event of this body; BadEvent where this house did not sign it."""
        if not hmac.compare_digest(headers.get(SIGNATURE, "").encode(), keyed(self.key, body).hex().encode()):
            raise BadEvent("This event is not the test till's.", "Its signature does not fit its body.")
        told = TillEvent(**json.loads(body))
        if told.kind not in KINDS:
            raise BadEvent("This event is not known.", told.kind)
        return told

    def since(self, at: int) -> Iterable[TillEvent]:
        """Nothing: what this till tells, it tells at once and in the same house."""
        return ()

    def refund(self, payment: str) -> None:
        """Nothing to do: its refund is the event that `make` makes."""
