"""The guard at the gate: hosts, origins, sizes, rates, and the headers of every response. Pure ASGI."""

from __future__ import annotations

import random
import re
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from teahouse import telemetry
from teahouse.errors import InputError, NotFound, Refused, TeahouseError, TooLarge, TooMany
from teahouse.site import origin, refusals
from teahouse.site.deps import Deps, deps_of
from teahouse.site.route import Route

log = telemetry.log("site")

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BODY = 1_000_000
PHOTO_BODY = 10_000_000 + 256_000  # the photo itself, and the frame that multipart puts around it
UNCOUNTED, UNCOUNTED_BELOW = frozenset({"/healthz", "/readyz", "/metrics"}), ("/static/", "/media/", "/api/till/")
ANSWERS = re.compile(r"/api/apps/[^/]+/predictions\Z")
BODIES = 200_000_000  # bytes of bodies in memory at once, in this process
OWNERS = ("/owner/", "/api/owner/")
OWNERS_BODIES = 20_000_000  # the same of the owner's side: its bodies are small, and no crowd takes their room
ANY_ORIGIN_HEADERS = "Content-Type, Accept, Idempotency-Key, X-Consent, X-Receipt, X-Beside, X-Other-Receipt, X-Pass"

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; form-action 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
# What differs where `request.state.framed` says that any page may hold this one in a frame.
FRAMED = {"X-Frame-Options": "", "Cross-Origin-Resource-Policy": "cross-origin"}
ANYWHERE = ("frame-ancestors 'none'", "frame-ancestors *")


class Guard:
    """Everything that is decided about a request before a handler sees it, and about a response after."""

    def __init__(self, app: ASGIApp, deps: Deps, site_map: Sequence[Route]) -> None:
        self.app, self.deps = app, deps
        self.hosts = origin.own_hosts(deps.settings)
        self.proxies = origin.Proxies(deps.settings.limits.trusted_proxies)
        self.open = [(route.method, compile_path(route.path)[0]) for route in site_map if route.any_origin]
        self.opens = opening(site_map)
        self.bodies, self.owners_bodies = Room(BODIES), Room(OWNERS_BODIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        nonce = secrets.token_urlsafe(16)
        scope["state"] = {**scope.get("state", {}), "nonce": nonce}
        self.proxies.unwrap(scope, headers)
        open_to = self.methods_of_any_origin(scope["path"])
        gate = Gate(send, self.dress(scope, headers, nonce, open_to))
        who, room = self.account(scope)
        request, body = Request(scope), Body(receive, body_limit(scope), room, who)
        try:
            if scope["method"] == "OPTIONS" and open_to and "access-control-request-method" in headers:
                self.check_host(headers)
                await preflight(open_to)(scope, receive, gate)
                return
            self.check(scope, headers, scope["method"] in open_to)
            self.admit(scope, who, room, int(headers.get("content-length", 0)))
            await self.app(scope, body, gate)
        except ClientDisconnect:
            log.info("client-left", path=self.loggable(scope["path"]))
        except (TeahouseError, HTTPException) as error:
            if isinstance(error, TooMany):
                await self.deps.budget.hold(who)
            await gate.refuse(request, scope, receive, error)
        except Exception as error:  # edge: whatever breaks is logged, and told without a trace
            path = self.loggable(scope["path"])
            log.error("request-broke", method=scope["method"], path=path, error=repr(error), exc_info=True)
            await gate.refuse(request, scope, receive, error)
        finally:
            if body.seen:
                self.deps.budget.spend((who,), "bytes", body.seen)
            self.deps.costs.moved(body.seen + gate.sent)
            body.let_go()

    def account(self, scope: Scope) -> tuple[str, Room]:
        """Who a request is counted with, and the room for its body. The owner's side is apart: who sits in one network
        with a crowd can still roll back."""
        network = origin.network_of((scope.get("client") or ("",))[0])
        if f"{scope['path']}/".startswith(OWNERS):
            return f"owner {network}", self.owners_bodies
        return network, self.bodies

    def admit(self, scope: Scope, who: str, room: Room, size: int) -> None:
        """Counts a request, or raises where there is no room for it or its network has had enough; the pulse hears of
        who wanted an answer and was turned away here."""
        try:
            if scope["path"] not in UNCOUNTED and not scope["path"].startswith(UNCOUNTED_BELOW):
                self.deps.budget.take(who)
            room.refuse(who, size)
        except (TooMany, HTTPException) as error:
            if scope["method"] == "POST" and ANSWERS.match(scope["path"]):
                self.deps.pulse.over(error)
            raise

    def loggable(self, path: str) -> str:
        """The path without a token: who reads the log is not to open with it what its visitor can."""
        return self.opens.sub(r"\1…", path)

    def methods_of_any_origin(self, path: str) -> list[str]:
        """The methods that any origin may use on this path."""
        return [method for method, pattern in self.open if pattern.match(path)]

    def check(self, scope: Scope, headers: Headers, any_origin: bool) -> None:
        """Raises where the request may not pass: host, size, origin, in that order."""
        self.check_host(headers)
        check_size(headers, body_limit(scope))
        if "\x00" in scope["path"] or "\\" in scope["path"]:
            raise NotFound(*refusals.WORDS[404])
        check_query(scope)
        if scope["method"] not in SAFE and not any_origin:
            check_origin(scope, headers, self.deps)

    def check_host(self, headers: Headers) -> None:
        """Raises 421 unless the one Host header names this site."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not origin.is_own(origin.host_name(hosts[0]), self.hosts, self.deps.settings):
            raise HTTPException(421)

    def dress(self, scope: Scope, headers: Headers, nonce: str, open_to: list[str]) -> Callable[[Message], None]:
        """What puts the headers on a response; a handler's own stand."""

        def on(message: Message) -> None:
            out = MutableHeaders(scope=message)
            framed = bool(scope["state"].get("framed"))
            for name, value in (HEADERS | FRAMED if framed else HEADERS).items():
                if value:
                    out.setdefault(name, value)
            policy = POLICY.format(nonce=nonce)
            out.setdefault("Content-Security-Policy", policy.replace(*ANYWHERE) if framed else policy)
            if origin.is_https(scope, headers, self.deps.settings):
                out.setdefault("Strict-Transport-Security", "max-age=63072000")
            if scope["method"] in open_to and "set-cookie" not in out:
                out.setdefault("Access-Control-Allow-Origin", "*")
                out.setdefault("Access-Control-Expose-Headers", "Retry-After, X-Prediction, X-Receipt, X-Seed")

        return on


class Gate:
    """The sending side of one response: dresses it, knows if it has begun, and how many bytes went out."""

    def __init__(self, send: Send, dress: Callable[[Message], None]) -> None:
        self.send, self.dress, self.begun, self.sent = send, dress, False, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.dress(message)
        self.sent += len(message.get("body", b""))
        await self.send(message)

    async def refuse(self, request: Request, scope: Scope, receive: Receive, error: Exception) -> None:
        """Answers with the error, unless an answer has begun; then the connection ends."""
        if self.begun:
            raise ConnectionAbortedError("the answer had begun") from error
        if isinstance(error, TeahouseError):
            response = await refusals.refused(request, error)
        elif isinstance(error, HTTPException):
            response = await refusals.http_refused(request, error)
        else:
            response = refusals.broken(request)
        await response(scope, receive, self)


def opening(site_map: Sequence[Route]) -> re.Pattern[str]:
    """What the paths begin with that hold a token, and the rest of them."""
    starts = {route.path.partition("{token}")[0] for route in site_map if "{token}" in route.path}
    return re.compile(rf"\A({'|'.join(map(re.escape, sorted(starts))) or '(?!)'}).+", re.S)


def check_size(headers: Headers, limit: int) -> None:
    """Raises for a Content-Length that is none, is double or too large, and for a compressed body."""
    lengths = headers.getlist("content-length")
    if len(lengths) > 1 or any(not re.fullmatch(r"[0-9]{1,12}", length) for length in lengths):
        raise HTTPException(400)
    if lengths and "transfer-encoding" in headers:
        raise HTTPException(400)
    if lengths and int(lengths[0]) > limit:
        raise too_large(limit)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise HTTPException(415)


def check_query(scope: Scope) -> None:
    """Raises for a parameter of the API that is given twice: who reads the first and who the last would differ."""
    if not scope["query_string"] or not scope["path"].startswith("/api/"):
        return
    names = [name for name, _ in QueryParams(scope["query_string"]).multi_items()]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f'"{twice[:60]}" is given twice.', "A parameter has one value.", "Give it once.")


def check_origin(scope: Scope, headers: Headers, deps: Deps) -> None:
    """Raises 403 unless one of this site's pages sent it, or it brings no cookie and an authority of its own."""
    authority = "authorization" in headers or "x-receipt" in headers
    if authority and "cookie" not in headers:
        return
    if not origin.same_origin(scope, headers, deps.settings):
        raise Refused("This request did not come from a page of this site.", "Another site may have sent it.",
                      "Open the page here and try again.")  # fmt: skip


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over `limit` bytes."""
    return TooLarge("That is too much at once.", f"The limit is {limit / 1e6:.0f} MB.", "Send less.")


def body_limit(scope: Scope) -> int:
    """Bytes that a body to this path may have; who shares sends a photo and what was made of it."""
    if scope["path"].endswith("/share"):
        return 2 * PHOTO_BODY
    return PHOTO_BODY if scope["path"].endswith(("/predictions", "/input")) else BODY


@dataclass
class Room:
    """How many bytes of bodies this process holds, of all requests together, and may hold; half of that for one
    network."""

    most: int
    taken: int = 0
    of: Counter[str] = field(default_factory=Counter)

    def add(self, network: str, size: int) -> bool:
        """So much more (or less) of a network's; whether there is room for it."""
        self.taken += size
        self.of[network] += size
        if not self.of[network]:
            del self.of[network]
        return self.has(network)

    def has(self, network: str, size: int = 0) -> bool:
        """Whether there is room for so much more of a network's."""
        return self.taken + size <= self.most and self.of[network] + size <= self.most / 2

    def refuse(self, network: str, size: int) -> None:
        """Raises where a body is announced for which there is no room: it need not be sent."""
        if size and not self.has(network, size):
            raise no_room()


def no_room() -> HTTPException:
    """The refusal of a body for which there is no room; jittered, so that they come back one by one."""
    return HTTPException(503, headers={"Retry-After": str(random.randint(2, 6))})


class Body:
    """`receive` that counts while a body streams in, and refuses what goes over its own limit or over the room that all
    of them have; what it counted is held until the request is answered."""

    def __init__(self, receive: Receive, limit: int, room: Room, network: str) -> None:
        self.receive, self.limit, self.room, self.network, self.seen = receive, limit, room, network, 0

    async def __call__(self) -> Message:
        message = await self.receive()
        size = len(message.get("body", b""))
        if not size:
            return message
        self.seen += size
        has_room = self.room.add(self.network, size)
        if self.seen > self.limit:
            raise HTTPException(413)
        if not has_room:
            raise no_room()
        return message

    def let_go(self) -> None:
        """The request is over."""
        if self.seen:
            self.room.add(self.network, -self.seen)
        self.seen = 0


def preflight(methods: list[str]) -> Response:
    """The answer to a browser's question whether any origin may use this path: yes, without credentials."""
    allowed = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ANY_ORIGIN_HEADERS,
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=allowed)


def client_address(request: Request) -> str:
    """The address of who asks, behind the trusted proxies; '' where there is none."""
    return request.client.host if request.client else ""


def client_network(request: Request) -> str:
    """The network of who asks, by which budgets count."""
    return origin.network_of(client_address(request))


def refuse_plain_owner(request: Request) -> None:
    """Raises where the owner's side is asked for over plain http from elsewhere, under whatever name."""
    if not from_here(request) and not origin.is_https(request.scope, request.headers, deps_of(request).settings):
        raise HTTPException(421)


def refuse_remote(request: Request) -> None:
    """Raises NotFound unless the request comes from this machine and asks for it by a loopback name."""
    if not from_here(request):
        raise NotFound(*refusals.WORDS[404])


def from_here(request: Request) -> bool:
    """Whether a program of this machine asks, by a loopback name.

    Neither alone says so: anybody may write `Host: localhost`, and a proxy on this machine connects from loopback for
    whoever comes to it. One that is trusted has told the true client; of any other the header shows that it is one."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    address = client_address(request).removeprefix("::ffff:")  # IPv4 as a socket of both kinds tells it
    return origin.is_loopback(address) and origin.host_name(request.headers.get("host", "")) in origin.LOOPBACK_HOSTS
