"""Stripe: its hosted checkout page, its signed webhooks, its own memory of what happened. The one door to its library.

After https://docs.stripe.com/payments/checkout, /webhooks and /api; each call ends after ten seconds in all, and after
three that failed in a row none is made for half a minute."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from teahouse import ids, telemetry
from teahouse.errors import BadEvent, NotReady, SettingsError, TeahouseError, TillRefused
from teahouse.payments.till import Order, TillEvent, number
from teahouse.store.house import sync_folder, write_private

log = telemetry.log("payments")

CALL_S = 10.0  # a whole call, however slowly the other side talks
TOLERANCE_S = 300  # an event's signature may be so old, or so far ahead of this clock
FAILURES, REST_S = 3, 30.0
PAY_WITHIN_S = 3600  # from the order on; Stripe takes no page that is open for less than half an hour
EVENTS = (
    "checkout.session.completed", "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
    "checkout.session.expired", "charge.refunded", "charge.dispute.created", "charge.dispute.closed",
    "refund.failed",
)  # fmt: skip
MARK = "teahouse"  # the key of metadata that says which site an object is of
KEY, SECRET, API = "TEAHOUSE_STRIPE_KEY", "TEAHOUSE_STRIPE_WEBHOOK_SECRET", "TEAHOUSE_STRIPE_API"
FILE = "stripe.json"


@dataclass(frozen=True)
class Access:
    """What opens a Stripe account. key: secret or restricted; secret: of the webhook; api: where it answers, "" the
    real one."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    api: str = ""

    @property
    def live(self) -> bool:
        """Whether the key moves real money."""
        return "_live_" in self.key


def access(secrets: Path) -> Access:
    """The access that the environment gives, or the house's secrets; SettingsError where a part of it is missing."""
    told = kept(secrets)
    key = os.environ.get(KEY, "") or told.get("key", "")
    secret = os.environ.get(SECRET, "") or told.get("secret", "")
    api = address()
    if not key.startswith(("sk_", "rk_")):
        raise SettingsError("Stripe has no key here.", "A key begins with sk_ or rk_.", "Run `teahouse pay connect`.")
    if not secret.startswith("whsec_") or len(secret) < 12:
        why = "Without it nobody could tell Stripe's events from anybody's; it begins with whsec_."
        raise SettingsError("The webhook's secret is missing.", why, "Run `teahouse pay connect`.")
    return Access(key, secret, api)


def kept(secrets: Path) -> dict[str, str]:
    """Key and secret as `keep` wrote them down; none where nothing is kept."""
    file = secrets / FILE
    return json.loads(file.read_text()) if file.is_file() else {}


def address() -> str:
    """Where Stripe's API answers in a test on this machine; "" everywhere else."""
    api = os.environ.get(API, "")
    if api and urlsplit(api).hostname not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError(f"{API} can not be {api}.", "It is for tests on this machine.", "Leave it out.")
    return api


def keep(secrets: Path, key: str, secret: str) -> None:
    """Writes the access down among the house's secrets, in place of the one of before."""
    fresh = secrets / f".{FILE}.{ids.text(ids.new_id())}"
    write_private(fresh, json.dumps({"key": key, "secret": secret}).encode())
    fresh.replace(secrets / FILE)
    sync_folder(secrets)


class StripeRefused(TillRefused):
    """Stripe said no. What is told of it is for anybody; `said` and `reason`, Stripe's own words and its code for them,
    name keys and what the account may do: they are for the owner alone, and in no answer to a visitor."""

    def __init__(self, said: str, reason: str) -> None:
        nothing = "Try again later; nothing was charged."
        super().__init__("Buying does not work just now.", "Its maker was told.", nothing)
        self.said, self.reason = said, reason


class Stripe:
    """The till of a Stripe account, for one site: what another site sells with the same account is of no concern."""

    name = "stripe"

    def __init__(self, given: Access, site: str, clock: Callable[[], float] = time.time) -> None:
        self.access, self.site, self.clock = given, site, clock
        self.live = given.live
        self.failures, self.rests_until = 0, 0.0

    def checkout(self, order: Order) -> str:
        """The address of Stripe's page for an order."""
        marks = {MARK: self.site, "order": order.id, "pass": order.pass_id.hex()}
        named = f"{order.predictions} answers of “{order.title}”"
        told = f"{named}. Your pass: {order.code}. Number of the purchase: {number(order.id)}"
        params = {
            "mode": "payment",
            "client_reference_id": order.id,
            "line_items": [{
                "quantity": 1,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": order.amount,
                    "product_data": {"name": named, "description": f"Your pass: {order.code}"},
                },
            }],
            "metadata": marks,
            # the receipt shows it, so that the pass can be restored from there
            "payment_intent_data": {"metadata": marks, "description": told},
            "success_url": f"{order.back_url}&paid={order.id}",
            "cancel_url": order.back_url,
            "expires_at": ids.made_at(bytes.fromhex(order.id.removeprefix("order-"))) // 1000 + PAY_WITHIN_S,
        }  # fmt: skip
        # who presses again for the same order gets the same page; asked for in other words it would be refused
        options = {"idempotency_key": f"{order.id}-{ids.digest_of(params)[:16]}"}
        return self.call(lambda stripe: stripe.v1.checkout.sessions.create_async(params, options)).url

    def event(self, body: bytes, headers: Mapping[str, str]) -> TillEvent | None:
        """What a webhook tells; BadEvent unless Stripe signed this very body for this account a moment ago."""
        import stripe

        header = headers.get("stripe-signature", "")
        try:
            stripe.WebhookSignature.verify_header(body, header, self.access.secret, TOLERANCE_S)
            told = json.loads(body)
            signed_at = int(dict(part.split("=", 1) for part in header.split(","))["t"])
        except (stripe.SignatureVerificationError, ValueError, KeyError) as error:
            raise BadEvent("This is not an event of Stripe's.", str(error).split(" for payload")[0][:200]) from None
        if signed_at > self.clock() + TOLERANCE_S:
            raise BadEvent("This event is of the future.", "One of the two clocks is wrong.")
        if not isinstance(told, dict) or bool(told.get("livemode")) != self.live:
            raise BadEvent("This event is of the other mode.", "Test and live events have addresses of their own.")
        if told.get("account"):
            raise BadEvent("This event is of another account.", "This site sells for itself alone.")
        return self.read(told)

    def read(self, told: Mapping[str, Any]) -> TillEvent | None:
        """An event of Stripe's in the words of this house; None for one that says nothing here."""
        kind, item = told.get("type", ""), (told.get("data") or {}).get("object") or {}
        if kind not in EVENTS:
            return None
        marks = item.get("metadata") or {}
        by_payment = kind.startswith("charge.dispute.") or kind == "refund.failed"  # which name the payment alone
        if not by_payment and marks.get(MARK) != self.site:
            return None
        word, amount = {
            "checkout.session.completed": ("pending", item.get("amount_total")),
            "checkout.session.async_payment_succeeded": ("paid", item.get("amount_total")),
            "checkout.session.async_payment_failed": ("failed", 0),
            "checkout.session.expired": ("expired", 0),
            "charge.refunded": ("refunded", item.get("amount_refunded")),
            "charge.dispute.created": ("disputed", item.get("amount")),
            "charge.dispute.closed": ("dispute_lost", item.get("amount")),
            "refund.failed": ("refund_failed", item.get("amount")),
        }[kind]
        if kind == "checkout.session.completed" and item.get("payment_status") == "paid":
            word = "paid"
        if kind == "charge.dispute.closed" and item.get("status") in ("won", "warning_closed"):
            word = "dispute_won"
        return TillEvent(
            id=str(told["id"]),
            kind=word,
            at=int(told.get("created", 0)) * 1000,
            order=marks.get("order") or None,
            payment=item.get("payment_intent") or None,
            amount=int(amount or 0),
            currency=str(item.get("currency") or "").upper(),
        )

    def since(self, at: int) -> Iterable[TillEvent]:
        """All events since then, of the thirty days that Stripe remembers."""
        params = {"created": {"gte": max(0, at // 1000)}, "types": list(EVENTS), "limit": 100}
        found: list[TillEvent] = []
        while True:
            here = dict(params)
            page = self.call(lambda stripe, here=here: stripe.v1.events.list_async(here))
            found += [event for one in page.data if (event := self.read(one.to_dict())) is not None]
            if not page.has_more:
                return found
            params["starting_after"] = page.data[-1].id

    def refund(self, payment: str) -> None:
        """Gives all of a payment back; once it went back, nothing."""
        try:
            # without a key of the payment's: Stripe would tell a failure again for a day, whatever was mended since
            self.call(lambda client: client.v1.refunds.create_async({"payment_intent": payment}))
        except StripeRefused as error:
            if error.reason != "charge_already_refunded":
                raise

    def account(self) -> dict[str, Any]:
        """What Stripe says of the account: whether it may take money and pay it out."""
        return self.call(lambda stripe: stripe.v1.accounts.retrieve_current_async()).to_dict()

    def webhooks(self) -> list[dict[str, Any]]:
        """The webhooks that the account has."""
        return [one.to_dict() for one in self.call(lambda s: s.v1.webhook_endpoints.list_async({"limit": 100})).data]

    def end_webhook(self, id_: str) -> None:
        """Takes a webhook away."""
        self.call(lambda stripe: stripe.v1.webhook_endpoints.delete_async(id_))

    def add_webhook(self, url: str) -> str:
        """Makes a webhook that tells this address all that is needed; its secret, which Stripe tells only now."""
        params = {"url": url, "enabled_events": list(EVENTS), "description": "Teahouse"}
        return self.call(lambda stripe: stripe.v1.webhook_endpoints.create_async(params)).secret

    def call(self, ask: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        """One call to Stripe, in a thread. NotReady where it does not answer, TillRefused where it does."""
        import stripe

        if self.failures >= FAILURES and time.monotonic() < self.rests_until:
            raise unreachable("It did not answer a moment ago.")

        async def asked() -> Any:
            base = {"base_addresses": {"api": self.access.api}} if self.access.api else {}
            http = stripe.HTTPXClient(timeout=CALL_S)
            client = stripe.StripeClient(self.access.key, http_client=http, max_network_retries=1, **base)
            try:
                async with asyncio.timeout(CALL_S):
                    return await ask(client)
            finally:
                await http.close_async()

        try:
            found = asyncio.run(asked())
        except stripe.APIConnectionError as error:
            raise self.failed(error) from error
        except TimeoutError as error:
            raise self.failed(error) from error
        except stripe.StripeError as error:
            if isinstance(error, stripe.APIError) or (error.http_status or 500) >= 500:  # the former of garbage too
                raise self.failed(error) from error
            self.failures = 0
            raise said(error) from error
        self.failures = 0
        return found

    def failed(self, error: Exception) -> TeahouseError:
        """Counts a failure; what to say of it."""
        self.failures, self.rests_until = self.failures + 1, time.monotonic() + REST_S
        log.warning("stripe-not-reached", error=type(error).__name__, failures=self.failures)
        late = isinstance(error, TimeoutError)
        return unreachable("It did not answer in time." if late else "It can not be reached.")


def said(error: Any) -> StripeRefused:
    """Stripe's refusal, with its own words, which are logged."""
    words = (getattr(error, "user_message", None) or str(error))[:300]
    reason = getattr(error, "code", None) or ""
    log.warning("stripe-refused", status=error.http_status, reason=reason, said=words)
    return StripeRefused(words, reason)


def unreachable(why: str) -> NotReady:
    """What is said where Stripe does not answer; nothing was paid then."""
    return NotReady("The till does not answer just now.", why, "Try again in a moment; no money moved.",
                    retry_after=int(REST_S))  # fmt: skip
