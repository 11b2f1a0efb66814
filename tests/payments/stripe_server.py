"""A loopback server that speaks the part of Stripe's API that a till needs, and signs its events as Stripe does.

It remembers sessions, payments and events; `pay`, `fail`, `expire`, `refund`, `dispute` do what people do at Stripe's
own pages, and give the event. Idempotency keys are honoured; `trouble` makes it fail as networks do."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY, SECRET = "sk_test_51TeahouseLoopback", "whsec_loopback0123456789"
PAGE = 100


def nested(form: str) -> dict[str, Any]:
    """a[b][0][c]=1 as Stripe reads it."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        path = name.replace("]", "").split("[")
        at = found
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = value
    return found


def signed(body: bytes, secret: str = SECRET, at: float | None = None, scheme: str = "v1") -> str:
    """The Stripe-Signature of a body."""
    when = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{when}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={when},{scheme}={digest}"


class StripeServer:
    """The account behind the API."""

    def __init__(self, live: bool = False) -> None:
        self.live, self.trouble, self.once = live, "", 0
        self.sessions: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[int, Any]] = {}  # by idempotency key: Stripe keeps failures too, for a day
        self.refuses: tuple[int, dict[str, str]] | None = None  # what it answers to all that would change something
        self.events: list[dict[str, Any]] = []
        self.refunded: dict[str, int] = {}
        self.endpoints: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str, str]] = []
        self.lock, self.number = threading.Lock(), itertools.count(1)
        self.clock = time.time
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                server.handle(self, "GET", "")

            def do_DELETE(self) -> None:
                server.handle(self, "DELETE", "")

            def do_POST(self) -> None:
                server.handle(self, "POST", self.rfile.read(int(self.headers.get("content-length") or 0)).decode())

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    # ---- what people do -------------------------------------------------------------------------------------------

    def order(self, order: str) -> dict[str, Any]:
        return next(one for one in self.sessions.values() if one["client_reference_id"] == order)

    def pay(self, order: str, kind: str = "checkout.session.completed", status: str = "paid") -> dict[str, Any]:
        session = self.order(order)
        session |= {"payment_status": status, "status": "complete"}
        return self.tell(kind, session)

    def fail(self, order: str) -> dict[str, Any]:
        return self.tell("checkout.session.async_payment_failed", self.order(order))

    def expire(self, order: str) -> dict[str, Any]:
        self.order(order)["status"] = "expired"
        return self.tell("checkout.session.expired", self.order(order))

    def charge(self, order: str) -> dict[str, Any]:
        session = self.order(order)
        payment = session["payment_intent"]
        return {"id": f"ch_{payment}", "object": "charge", "payment_intent": payment, "metadata": session["metadata"],
                "amount": session["amount_total"], "currency": session["currency"],
                "amount_refunded": self.refunded.get(payment, 0)}  # fmt: skip

    def refund(self, order: str, amount: int | None = None) -> dict[str, Any]:
        charge = self.charge(order)
        so_far = self.refunded.get(charge["payment_intent"], 0)
        self.refunded[charge["payment_intent"]] = min(charge["amount"], so_far + (amount or charge["amount"]))
        return self.tell("charge.refunded", self.charge(order))

    def dispute(self, order: str, closed: str = "") -> dict[str, Any]:
        charge = self.charge(order)
        item = {"id": f"dp_{charge['id']}", "object": "dispute", "charge": charge["id"], "metadata": {},
                "payment_intent": charge["payment_intent"], "amount": charge["amount"], "currency": charge["currency"],
                "status": closed or "needs_response"}  # fmt: skip
        return self.tell(f"charge.dispute.{'closed' if closed else 'created'}", item)

    def tell(self, kind: str, item: dict[str, Any]) -> dict[str, Any]:
        event = {"id": f"evt_{next(self.number)}", "object": "event", "type": kind, "livemode": self.live,
                 "created": int(self.clock()), "api_version": "2026-10-28.endive",
                 "data": {"object": json.loads(json.dumps(item))}}  # fmt: skip
        self.events.append(event)
        return event

    # ---- the API ----------------------------------------------------------------------------------------------------

    def handle(self, asked: Any, method: str, body: str) -> None:
        path = urlsplit(asked.path)
        key = asked.headers.get("idempotency-key") or ""
        self.calls.append((method, path.path, key))
        if self.trouble == "hang":
            time.sleep(40)  # the trouble itself: it never answers
            return
        if self.trouble == "refuse":
            asked.connection.close()
            return
        if self.trouble == "garbage":
            self.send(asked, 200, b"<html>captive portal</html>")
            return
        if self.trouble == "drip":
            asked.send_response(200)
            asked.send_header("content-length", "1000000")
            asked.end_headers()
            with suppress(OSError):  # who waits no longer hangs up
                for _ in range(400):
                    asked.wfile.write(b" ")
                    asked.wfile.flush()
                    time.sleep(0.1)  # the trouble itself
            return
        if self.once > 0:
            self.once -= 1
            self.send(asked, 500, {"error": {"type": "api_error", "message": "Stripe is busy."}})
            return
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            self.send(asked, 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}})
            return
        with self.lock:
            if key and key in self.answers:
                self.send(asked, *self.answers[key])
                return
            if self.refuses and method == "POST":
                status, found = self.refuses[0], {"error": {"type": "invalid_request_error", **self.refuses[1]}}
            else:
                status, found = self.answer(method, path.path, nested(path.query or body))
            if key:
                self.answers[key] = status, found
        self.send(asked, status, found)

    def answer(self, method: str, path: str, given: dict[str, Any]) -> tuple[int, Any]:
        if (method, path) == ("POST", "/v1/checkout/sessions"):
            return 200, self.session(given)
        if (method, path) == ("GET", "/v1/events"):
            return 200, self.listed(given)
        if (method, path) == ("POST", "/v1/refunds"):
            return self.refund_of(given["payment_intent"])
        if (method, path) == ("GET", "/v1/account"):
            return 200, {"id": "acct_1", "object": "account", "charges_enabled": True, "payouts_enabled": True,
                         "country": "DE", "default_currency": "eur"}  # fmt: skip
        if method == "DELETE":
            self.endpoints = [one for one in self.endpoints if not path.endswith(f"/{one['id']}")]
            return 200, {"id": path.rsplit("/", 1)[1], "object": "webhook_endpoint", "deleted": True}
        if path == "/v1/webhook_endpoints":
            if method == "POST":
                made = {"id": f"we_{next(self.number)}", "object": "webhook_endpoint", "url": given["url"],
                        "status": "enabled", "enabled_events": list(given["enabled_events"].values())}  # fmt: skip
                self.endpoints.append(made)
                return 200, {**made, "secret": SECRET}
            return 200, {"object": "list", "data": self.endpoints, "has_more": False, "url": path}
        return 404, {"error": {"type": "invalid_request_error", "message": f"no {method} {path} here"}}

    def session(self, given: dict[str, Any]) -> dict[str, Any]:
        number = next(self.number)
        item = given["line_items"]["0"]["price_data"]
        made = {"id": f"cs_test_{number}", "object": "checkout.session", "status": "open", "payment_status": "unpaid",
                "client_reference_id": given["client_reference_id"], "metadata": given["metadata"],
                "payment_intent": f"pi_{number}", "amount_total": int(item["unit_amount"]),
                "currency": item["currency"], "url": f"https://checkout.stripe.com/c/pay/cs_test_{number}",
                "success_url": given["success_url"], "expires_at": int(given["expires_at"]),
                "description": given["payment_intent_data"]["description"]}  # fmt: skip
        self.sessions[made["id"]] = made
        return made

    def listed(self, given: dict[str, Any]) -> dict[str, Any]:
        since = int(given.get("created", {}).get("gte", 0))
        kinds = set(given.get("types", {}).values())
        found = [one for one in reversed(self.events) if one["created"] >= since and one["type"] in kinds]
        if after := given.get("starting_after"):
            found = found[[one["id"] for one in found].index(after) + 1 :]
        here = found[: min(PAGE, int(given.get("limit", 10)))]
        return {"object": "list", "url": "/v1/events", "data": here, "has_more": len(here) < len(found)}

    def refund_of(self, payment: str) -> tuple[int, Any]:
        session = next((one for one in self.sessions.values() if one["payment_intent"] == payment), None)
        if session is None:
            return 404, {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such"}}
        if self.refunded.get(payment, 0) >= session["amount_total"]:
            code = "charge_already_refunded"
            return 400, {"error": {"type": "invalid_request_error", "code": code, "message": "Already refunded."}}
        self.refund(session["client_reference_id"])
        return 200, {"id": f"re_{payment}", "object": "refund", "status": "succeeded", "payment_intent": payment}

    def send(self, asked: Any, status: int, found: Any) -> None:
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        asked.send_response(status)
        asked.send_header("content-type", "application/json")
        asked.send_header("content-length", str(len(body)))
        asked.end_headers()
        asked.wfile.write(body)
