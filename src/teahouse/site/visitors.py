"""Who is playing: the visitor's cookie, receipts, the arm of a rollout, the lot that holds an answer for judging."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from itsdangerous import BadSignature, Signer
from starlette.responses import Response

from teahouse import ids
from teahouse.errors import NotFound
from teahouse.site import origin
from teahouse.site.deps import Deps, Live, Shown, deps_of

COOKIE_S = 180 * 86_400
LINK_S = 30 * 86_400
MINE_S = 1800
NOTHING = "There is nothing under this address."


@dataclass(frozen=True)
class Visitor:
    """Who asks. ``fresh``: made up for this request; ``page``: one of our own pages asks, so a cookie may be set."""

    id: bytes
    fresh: bool
    page: bool


def visitor_of(request: Request) -> Visitor:
    """The visitor of the cookie where one of our own pages asks; else a new one, made up."""
    deps = deps_of(request)
    page = origin.same_origin(request.scope, request.headers, deps.settings)
    known = cookie_visitor(request) if page else None
    return Visitor(known or secrets.token_bytes(16), known is None, page)


def named_by(visitor: Visitor, deps: Deps, key: str, given: bytes) -> Visitor:
    """A visitor without a cookie, named by their Idempotency-Key and what they gave: who asks again because the answer
    was lost on its way, cookie and all, is the same visitor. A key that nobody can guess names nobody else."""
    return replace(visitor, id=ids.keyed(deps.key("named"), given + key.encode("ascii"))[:16])


def cookie_visitor(request: Request) -> bytes | None:
    """The id in the signed cookie. For requests that change nothing, and those that the guard let pass as our own."""
    return opened(deps_of(request).signers.visitor, request.cookies.get(cookie_name(request), ""))


def mine_of(request: Request) -> bytes | None:
    """Whose data the request is about: who opened their private link here a moment ago, else the visitor."""
    given = request.cookies.get(cookie_name(request, "mine"), "")
    return opened(deps_of(request).signers.link, given, max_age=MINE_S) or cookie_visitor(request)


def cookie_name(request: Request, name: str = "visitor") -> str:
    """The cookie's name: under https no other host can set it, and no plain connection carries it."""
    return f"__Host-{name}" if secure(request) else name


def secure(request: Request) -> bool:
    """True where the visitor's side of the connection is https."""
    return origin.is_https(request.scope, request.headers, deps_of(request).settings)


def set_cookie(request: Request, response: Response, visitor: bytes) -> None:
    """Gives the visitor the cookie that names them here for half a year."""
    _set(request, response, "visitor", sealed(deps_of(request).signers.visitor, visitor), COOKIE_S)


def set_mine_cookie(request: Request, response: Response, visitor: bytes) -> None:
    """Lets this browser see and end what the visitor of a private link has here; it plays on as whoever it was."""
    _set(request, response, "mine", sealed(deps_of(request).signers.link, visitor), MINE_S)


def end_cookies(request: Request, response: Response, visitor: bytes | None) -> None:
    """Takes back the cookies that name this visitor."""
    _set(request, response, "mine", "", 0)
    if cookie_visitor(request) == visitor:
        _set(request, response, "visitor", "", 0)


def _set(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    name, safe = cookie_name(request, name), secure(request)
    response.set_cookie(name, value, max_age=seconds, path="/", secure=safe, httponly=True, samesite="lax")


def sealed(signer: Signer, id_: bytes) -> str:
    """The id with a signature of 256 bits, as text."""
    return signer.sign(base64.urlsafe_b64encode(id_).rstrip(b"=")).decode("ascii")


def opened(signer: Signer, given: str, **options: Any) -> bytes | None:
    """The 16 bytes of a sealed id, or None for anything that this house did not sign."""
    if not given.isascii() or len(given) > 200:
        return None
    try:
        text = signer.unsign(given, **options)
        id_ = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except (BadSignature, ValueError):
        return None
    return id_ if len(id_) == 16 else None


def receipt(deps: Deps, prediction: bytes) -> str:
    """The receipt of a prediction: it names it and opens it."""
    return sealed(deps.signers.receipt, prediction)


def pair(deps: Deps, one: bytes, other: bytes) -> str:
    """What says that this house handed these two predictions out side by side, in either order."""
    return ids.keyed(deps.key("pair"), b"".join(sorted((one, other)))).hex()


def may_open(request: Request, prediction: bytes, visitor: bytes | None, header: str = "x-receipt") -> bool:
    """True for the receipt of this prediction (in this header), or for the cookie of its visitor.

    A request that changes something shows its cookie only where one of our own pages sent it.
    """
    deps = deps_of(request)
    given = opened(deps.signers.receipt, request.headers.get(header, ""))
    if given is not None and secrets.compare_digest(given, prediction):
        return True
    if request.method != "GET" and not origin.same_origin(request.scope, request.headers, deps.settings):
        return False
    known = [one for one in (cookie_visitor(request), mine_of(request)) if one is not None]
    return visitor is not None and any(secrets.compare_digest(one, visitor) for one in known)


def refuse_stranger(request: Request, row: Any, id_: bytes) -> None:
    """NotFound unless the prediction is there and this request may open it: an id alone tells nothing."""
    if row is None or not may_open(request, id_, row.visitor):
        raise NotFound(NOTHING, do_next="Check the link.")


def choose(shown: Shown, visitor: Visitor, house_key: bytes) -> tuple[Live, str]:
    """The release that answers this visitor and the name of its arm; the same one at each visit while a canary runs."""
    champion = shown.champion
    assert champion is not None
    if visitor.page:
        for canary in shown.canaries:
            draw = ids.keyed(house_key, canary.seq.to_bytes(8, "big") + visitor.id)
            if canary.ready and int.from_bytes(draw[:8], "big") % 10_000 < canary.share:
                return canary, "canary"
    return champion, "full"


def is_held(deps: Deps, shown: Shown, visitor: bytes) -> bool:
    """True where the lot, drawn before any answer, sets this visitor's answers aside for judging."""
    return ids.share_of(deps.key(f"held:{shown.name}"), visitor) < shown.held


def network_digest(deps: Deps, address: str) -> bytes:
    """The network of an address under a key that lives for at most 30 days: after that nobody can tell any more."""
    key = deps.house.keys.passing("network", deps.clock())
    return ids.keyed(key, origin.network_of(address).encode())
