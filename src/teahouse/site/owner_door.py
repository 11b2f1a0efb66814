"""The owner's door without the web: one-time links, passwords, and how often somebody may guess."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2

from teahouse import ids
from teahouse.errors import InputError, QueueFull, TooMany
from teahouse.store import owners

OPEN_LINK_MS = 10 * 60 * 1000
LEAST = 10
MOST = 1000
"""Length of a password in characters; the upper bound only keeps the work of hashing bounded."""


def new_token() -> str:
    """256 random bits, safe in an address."""
    return secrets.token_urlsafe(32)


class Links:
    """One-time links as files, so that the terminal can make one that any web process honours.

    A file is named by its kind and the SHA-256 of its token (the token itself is nowhere) and holds when it was
    made and when it ends, in milliseconds; an end of 0 is never. Spending is an unlink, so it happens once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, kind: str, now: int, lives_ms: int = 0, alone: bool = False) -> str:
        """A new token; `alone` ends all older ones of its kind. The ended ones are swept away."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep(kind, now, everything=alone)
        token = new_token()
        handle = os.open(self._path(kind, token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{now} {now + lives_ms if lives_ms else 0}")
        return token

    def holds(self, kind: str, token: str, now: int) -> bool:
        """True while the link is unspent and lives; one that has ended is removed, so no clock brings it back."""
        path = self._path(kind, token)
        alive = _lives(path, now)
        if not alive:
            path.unlink(missing_ok=True)
        return alive

    def spend(self, kind: str, token: str, now: int) -> bool:
        """True for the one caller that ends a living link."""
        if not self.holds(kind, token, now):
            return False
        try:
            self._path(kind, token).unlink()
        except FileNotFoundError:
            return False
        return True

    def sweep(self, kind: str, now: int, everything: bool = False) -> None:
        """Removes the ended links of a kind, or all of them."""
        for path in self.folder.glob(f"{kind}-*"):
            if everything or not _lives(path, now):
                path.unlink(missing_ok=True)

    def _path(self, kind: str, token: str) -> Path:
        return self.folder / f"{kind}-{ids.sha256(token.encode())}"


def _lives(path: Path, now: int) -> bool:
    """Made before `now` (a minute of a clock set back is forgiven) and not ended."""
    try:
        made, ends = (int(part) for part in path.read_text().split())
    except (FileNotFoundError, ValueError):
        return False
    return made - 60_000 <= now and (ends == 0 or now < ends)


@dataclass
class _Tries:
    times: deque[float] = field(default_factory=deque)
    shut_until: float = 0.0
    strikes: int = 0


class Guesses:
    """At most `most` tries in a window from one address, and `most_together` from all; then a wait that doubles.

    Time is monotonic: a clock set forth or back neither opens nor shuts the door.
    """

    def __init__(
        self,
        most: int = 10,
        window_s: float = 900,
        most_together: int = 100,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self.window_s, self.most_together, self.clock = most, window_s, most_together, clock
        self._lock = threading.Lock()
        self._by_address: OrderedDict[str, _Tries] = OrderedDict()
        self._together: deque[float] = deque()

    def take(self, address: str) -> None:
        """Counts a try before its password is looked at; TooMany with whole seconds to wait."""
        with self._lock:
            now = self.clock()
            tries = self._by_address.setdefault(address, _Tries())
            self._by_address.move_to_end(address)
            while len(self._by_address) > 10_000:
                self._by_address.popitem(last=False)
            wait = self._wait(tries, now)
            if wait > 0:
                seconds = max(1, round(wait + 0.5))
                raise TooMany(
                    "Too many wrong passwords.",
                    f"At most {self.most} tries in {round(self.window_s / 60)} minutes.",
                    "Wait, or run `teahouse open` on the machine itself.",
                    retry_after=seconds,
                )
            tries.times.append(now)
            self._together.append(now)

    def forget(self, address: str) -> None:
        """The right password was given: the address starts anew."""
        with self._lock:
            self._by_address.pop(address, None)

    def _wait(self, tries: _Tries, now: float) -> float:
        if now < tries.shut_until:
            return tries.shut_until - now
        for times in (tries.times, self._together):
            while times and times[0] <= now - self.window_s:
                times.popleft()
        if len(tries.times) >= self.most:
            tries.shut_until = now + self.window_s * 2 ** min(tries.strikes, 4)
            tries.strikes += 1
            tries.times.clear()
            return tries.shut_until - now
        if len(self._together) >= self.most_together:
            return self._together[0] + self.window_s - now
        return 0.0


class Passwords:
    """argon2id, at most two at a time: each takes 64 MB and a fifth of a second."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None, at_once: int = 2) -> None:
        self.hasher = hasher or argon2.PasswordHasher()
        self._slots = threading.BoundedSemaphore(at_once)

    def make(self, password: str) -> str:
        """The hash of a new password, or InputError where it is too short or too long."""
        if len(password) < LEAST:
            raise InputError(
                f"A password has at least {LEAST} characters.",
                f"This one has {len(password)}.",
                "Four plain words do well.",
            )
        if len(password) > MOST:
            raise InputError(f"A password has at most {MOST} characters.", do_next="Choose a shorter one.")
        with self._slot():
            return self.hasher.hash(password)

    def fits(self, stored: str, password: str) -> bool:
        """True where the password is the one that was hashed."""
        if len(password) > MOST:
            return False
        with self._slot():
            try:
                return self.hasher.verify(stored, password)
            except argon2.exceptions.VerificationError:
                return False

    def _slot(self) -> _Slot:
        return _Slot(self._slots)


class _Slot:
    def __init__(self, slots: threading.BoundedSemaphore) -> None:
        self.slots = slots

    def __enter__(self) -> None:
        if not self.slots.acquire(timeout=5):
            raise QueueFull("The door is busy.", "Many log in at once.", "Try again.", place=0, wait=2, retry_after=2)

    def __exit__(self, *_: object) -> None:
        self.slots.release()


@dataclass
class Door:
    """What one running site remembers about its owner's door."""

    guesses: Guesses = field(default_factory=Guesses)
    passwords: Passwords = field(default_factory=Passwords)


def claim_link(place: Any, url: str, lives_ms: int = 0) -> str:
    """The one-time link with which the owner takes the site, or "" once it is taken. A new one ends the old one, but
    one with an end of its own stands beside that which `teahouse serve` printed.

    `place` is a House, or anything that has one. Only the digest of the link is kept.
    """
    house = getattr(place, "house", place)
    if owner_of_house(house) is not None:
        return ""
    token = links_of(house).make("claim", ids.now_ms(), lives_ms, alone=not lives_ms)
    return f"{url.rstrip('/')}/claim/{token}"


def open_link(place: Any, url: str) -> str:
    """A link that logs its first user in, for ten minutes; while the site has no owner, one to claim it, as long."""
    house = getattr(place, "house", place)
    claim = claim_link(house, url, OPEN_LINK_MS)
    if claim:
        return claim
    token = links_of(house).make("open", ids.now_ms(), OPEN_LINK_MS)
    return f"{url.rstrip('/')}/owner/open/{token}"


def links_of(house: Any) -> Links:
    """The one-time links of this house."""
    return Links(house.data / "run" / "links")


def owner_of_house(house: Any) -> Any:
    """The owner's row, or None while there is none."""
    with house.db.read() as c:
        return owners.owner(c)
