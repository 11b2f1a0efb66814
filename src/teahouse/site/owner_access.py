"""Who is the owner: the claim, log-in and log-out, sessions, keys, and the guard of every owner's route."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import unquote

from fastapi import Request
from starlette.responses import Response

from teahouse import ids
from teahouse.errors import Conflict, NotFound, Refused, Unauthorised
from teahouse.site import origin, security
from teahouse.site.deps import Deps, deps_of
from teahouse.site.owner_door import Door, links_of, new_token, owner_of_house
from teahouse.site.visitors import secure
from teahouse.store import keys, owners

SESSION_MS = 14 * 24 * 3600 * 1000
FRESH_MS = 15 * 60 * 1000
"""How long after the password was given the owner may still export, erase and make keys."""
SECURE_COOKIE = "__Host-owner"
LOOPBACK_COOKIE = "owner"
HOME = "/owner/"

_making_a_door = threading.Lock()


@dataclass(frozen=True)
class OwnerSession:
    """The owner, as this request shows it: by a session of the browser or by a key of a program."""

    by: str  # session | key
    id: bytes
    since: int = 0


# ---- the guard -----------------------------------------------------------------------------------------------------


def owner_of(request: Request) -> OwnerSession | None:
    """The owner by the key or the session that this request carries, or None."""
    deps = deps_of(request)
    given = request.headers.get("authorization", "")
    if given:
        scheme, _, key = given.partition(" ")
        return _by_key(deps, key.strip()) if scheme.lower() == "bearer" else None
    token = request.cookies.get(cookie_name(request), "")
    return _by_session(deps, token) if token else None


def is_at_home(request: Request) -> bool:
    """Whether the owner's own browser asks, for pages that are everybody's: by its cookie alone, and nobody else's
    page costs a look into the database."""
    token = request.cookies.get(cookie_name(request), "")
    return bool(token) and _by_session(deps_of(request), token) is not None


def require_owner(request: Request) -> OwnerSession:
    """The owner, or Unauthorised (a page of the owner then leads to the log-in); Refused while there is none yet."""
    if not claimed(deps_of(request)):
        raise Refused(
            "This site has no owner yet.",
            "Until it has one, the owner's side is closed.",
            "Run `teahouse open` on the machine itself, or open the link that `teahouse serve` printed there.",
        )
    owner = owner_of(request)
    if owner is None:
        raise Unauthorised("Log in first.", "This is the owner's side.", "Log in, or send an owner's key.")
    if owner.by == "session" and request.method not in ("GET", "HEAD", "OPTIONS"):
        _refuse_foreign(request)
    return owner


def require_fresh(request: Request, key_may: bool = True) -> OwnerSession:
    """The owner, who gave the password a moment ago: for exports, erasures and keys. A key passes where `key_may`."""
    owner = require_owner(request)
    if owner.by == "key" and not key_may:
        raise Refused("A key can not do this.", "Keys are made and ended by the owner alone.", "Log in in the browser.")
    if not is_fresh(deps_of(request), owner):
        raise Unauthorised(
            "Say your password once more.",
            "This needs a log-in of the last 15 minutes.",
            "Log in again, then repeat it.",
        )
    return owner


def is_fresh(deps: Deps, owner: OwnerSession) -> bool:
    """True for a key, and for a session that began in the last minutes."""
    return owner.by == "key" or 0 <= deps.clock() - owner.since < FRESH_MS


def claimed(deps: Deps) -> bool:
    """True once the site has an owner."""
    return owner_of_house(deps.house) is not None


def _by_key(deps: Deps, key: str) -> OwnerSession | None:
    if not key.startswith("th_"):
        return None
    with deps.house.db.read() as c:
        row = keys.by_hash(c, ids.sha256(key.encode()))
    return OwnerSession("key", row.id) if row is not None and row.role == "owner" else None


def _by_session(deps: Deps, token: str) -> OwnerSession | None:
    with deps.house.db.read() as c:
        row = owners.session_of(c, ids.sha256(token.encode()), deps.clock())
    return OwnerSession("session", row.id, row.at) if row is not None else None


def _refuse_foreign(request: Request) -> None:
    """A second lock behind the gate's own: a cookie acts only for pages of this origin."""
    if not origin.same_origin(request.scope, request.headers, deps_of(request).settings):
        raise Refused(
            "This came from another page.", "The owner's side acts only for its own pages.", "Reload and try again."
        )


# ---- claim, log-in, log-out ----------------------------------------------------------------------------------------


def holds_claim(request: Request, token: str) -> None:
    """Nothing where this link may claim the site now; NotFound for any other link, Refused from elsewhere."""
    deps = deps_of(request)
    security.refuse_remote(request)
    if claimed(deps) or not links_of(deps.house).holds("claim", token, deps.clock()):
        raise NotFound(
            "This link does not open anything.",
            "It was used, or a newer one was printed.",
            "Log in, or run `teahouse open` on this machine for a new link.",
        )


def claim(request: Request, response: Response, token: str, password: str) -> None:
    """Makes whoever holds the link the owner, with this password, and logs them in."""
    deps = deps_of(request)
    holds_claim(request, token)
    door_of(request).guesses.take(address_of(request))
    hashed = door_of(request).passwords.make(password)

    def write(c: Any) -> None:
        if not owners.claim(c, hashed, deps.clock()):
            raise Conflict("This site has an owner already.", do_next="Log in.")

    deps.house.db.write(write)
    links_of(deps.house).sweep("claim", deps.clock(), everything=True)
    door_of(request).guesses.forget(address_of(request))
    begin_session(request, response)


def log_in(request: Request, response: Response, password: str) -> None:
    """Checks the password and begins a session; TooMany after ten guesses from one address."""
    security.refuse_plain_owner(request)
    deps, door = deps_of(request), door_of(request)
    owner = owner_of_house(deps.house)
    if owner is None:
        raise Refused("This site has no owner yet.", do_next="Run `teahouse open` on the machine itself.")
    address = address_of(request)
    door.guesses.take(address)
    if not door.passwords.fits(owner.hash, password):
        raise Unauthorised(
            "That is not the password.", do_next="Try again, or run `teahouse open` on the machine itself."
        )
    door.guesses.forget(address)
    begin_session(request, response)


def open_by_link(request: Request, response: Response, token: str) -> None:
    """Logs in whoever first uses a link of `teahouse open`; NotFound afterwards."""
    security.refuse_plain_owner(request)
    deps = deps_of(request)
    if not claimed(deps) or not links_of(deps.house).spend("open", token, deps.clock()):
        raise NotFound("This link does not open anything.", "It was used, or is too old.", "Run `teahouse open` again.")
    begin_session(request, response)


def begin_session(request: Request, response: Response) -> None:
    """A new session under a new token; the one that the browser had ends."""
    deps = deps_of(request)
    token, now = new_token(), deps.clock()
    old = request.cookies.get(cookie_name(request), "")

    def write(c: Any) -> None:
        _end(c, old, now)
        owners.sessions_sweep(c, now)
        owners.session_add(c, ids.new_id(), ids.sha256(token.encode()), now + SESSION_MS, now)

    deps.house.db.write(write)
    _set_cookie(request, response, token, SESSION_MS // 1000)


def log_out(request: Request, response: Response) -> None:
    """Ends the session on the server, so that a copy of the cookie opens nothing."""
    deps = deps_of(request)
    token = request.cookies.get(cookie_name(request), "")
    deps.house.db.write(lambda c: _end(c, token, deps.clock()))
    _set_cookie(request, response, "", 0)


def _end(c: Any, token: str, at: int) -> None:
    row = owners.session_of(c, ids.sha256(token.encode()), at) if token else None
    if row is not None:
        owners.session_end(c, row.id)


# ---- the request ---------------------------------------------------------------------------------------------------


def cookie_name(request: Request) -> str:
    """`__Host-owner` over https (no other host can set it), `owner` on this machine's plain http."""
    return SECURE_COOKIE if secure(request) else LOOPBACK_COOKIE


def _set_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    response.set_cookie(
        cookie_name(request), token, max_age=seconds, path="/", secure=secure(request), httponly=True, samesite="strict"
    )
    response.headers["Cache-Control"] = "no-store"


def address_of(request: Request) -> str:
    """Whom a guess is counted to: the IPv4 address, or the /64 of an IPv6 one."""
    given = security.client_address(request)
    try:
        address = ip_address(given)
    except ValueError:
        return given
    return str(ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)


def door_of(request: Request) -> Door:
    """The door of the site that this request came to."""
    state = request.app.state
    with _making_a_door:
        if not hasattr(state, "owner_door"):
            state.owner_door = Door()
        return state.owner_door


def safe_next(given: str | None) -> str:
    """A path of this site to go on to after the log-in; the owner's first page for anything else.

    Decoded until nothing changes, so that no layer behind this one sees another address.
    """
    path = given or ""
    for _ in range(5):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    else:
        return HOME
    allowed = path.startswith("/owner") and path[6:7] in ("", "/", "?")
    strange = "\\" in path or "//" in path or ".." in path or any(ord(ch) <= 32 or ord(ch) > 126 for ch in path)
    return path if allowed and not strange else HOME
