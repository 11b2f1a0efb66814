"""What waits for a worker, in lanes, and the inputs that a worker did not survive. Time comes in as an argument."""

import asyncio
import hashlib
import math
import random
import time
from collections import deque
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from teahouse.engine.port import LANES
from teahouse.errors import QueueFull

STRIKES, REFUSED_S, MOST_STRUCK = 2, 600.0, 10_000


@dataclass(eq=False)
class Call:
    """One input on its way. kind: predict, clean or card; until: seconds of time.monotonic; id: of the frame that
    carries it; came, sent: seconds of time.monotonic; beside: calls in flight when it was sent; suspect: a worker died
    with it in flight."""

    kind: str
    given: Mapping[str, Any]
    until: float
    lane: str
    future: asyncio.Future
    id: int = 0
    came: float = field(default_factory=time.monotonic)
    sent: float = 0.0
    beside: int = 1
    suspect: bool = False
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    @cached_property
    def digest(self) -> bytes:
        """Of the content: what broke once is known again, whoever sends it."""
        hashed = hashlib.sha256()
        for name in sorted(self.given):
            value = self.given[name]
            binary = isinstance(value, (bytes, bytearray, memoryview))
            data = bytes(value) if binary else repr(value).encode()
            hashed.update(f"{name}:{binary}:{len(data)}:".encode() + data)
        return hashed.digest()


class Lanes:
    """Waiting calls, in the rank of LANES, first come first served in each; at most `bound` in all."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._lanes: dict[str, deque[Call]] = {lane: deque() for lane in LANES}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[Call]:
        for lane in self._lanes.values():
            yield from lane

    def ahead_of(self, lane: str) -> int:
        """How many a new call of this lane would have before it."""
        return sum(len(self._lanes[each]) for each in LANES[: LANES.index(lane) + 1])

    def has_room(self, lane: str) -> bool:
        """Whether one more of this lane finds a place, be it that of one below."""
        return len(self) < self.bound or self._below(lane) is not None

    def add(self, call: Call) -> Call | None:
        """Puts the call, for which there is room, in its lane. Who has to go: None, or the last of the lowest lane
        below."""
        goes = self._below(call.lane) if len(self) >= self.bound else None
        self._lanes[call.lane].append(call)
        return self._lanes[goes].pop() if goes else None

    def _below(self, lane: str) -> str | None:
        """The lowest lane below this one in which somebody waits."""
        return next((each for each in reversed(LANES[LANES.index(lane) + 1 :]) if self._lanes[each]), None)

    def take(self, but: Container[str] = ()) -> Call | None:
        """The next one, or None; not of the lanes in `but`, which wait."""
        return next((lane.popleft() for name, lane in self._lanes.items() if lane and name not in but), None)

    def drop(self, call: Call) -> bool:
        """Whether the call was still waiting; it no longer is."""
        try:
            self._lanes[call.lane].remove(call)
        except ValueError:
            return False
        return True


class Strikes:
    """Which inputs ended a worker, and how often. At two deaths the input is refused for ten minutes."""

    def __init__(self, refused_s: float = REFUSED_S) -> None:
        self._refused_s = refused_s
        self._struck: dict[bytes, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._struck)

    def strike(self, digest: bytes, now: float) -> bool:
        """One more death with this input in flight; whether it is refused from now on."""
        count = self._count(digest, now) + 1
        self._struck.pop(digest, None)
        self._struck[digest] = (count, now)
        while len(self._struck) > MOST_STRUCK:
            del self._struck[next(iter(self._struck))]
        return count >= STRIKES

    def refuses(self, digest: bytes, now: float) -> bool:
        return self._count(digest, now) >= STRIKES

    def forgive(self, digest: bytes) -> None:
        """It was answered: another one was guilty."""
        self._struck.pop(digest, None)

    def _count(self, digest: bytes, now: float) -> int:
        count, at = self._struck.get(digest, (0, 0.0))
        if count and now - at > self._refused_s:
            del self._struck[digest]
            return 0
        return count


class Pace:
    """Seconds an answer takes of the worker: a moving mean of round trip ÷ calls in flight (Little's law)."""

    def __init__(self, first: float = 0.1) -> None:
        self.seconds = first
        self.known = False

    def note(self, took: float, beside: int) -> None:
        """An answer came after `took` seconds, sent with `beside` calls in flight (itself among them)."""
        one = took / max(1, beside)
        self.seconds = self.seconds * 0.9 + one * 0.1 if self.known else one
        self.known = True


class Visits:
    """Whether somebody asked since it rested (`since`), and when a visitor did last (`last`, time.monotonic)."""

    def __init__(self) -> None:
        self.since, self.last = asyncio.Event(), float("-inf")

    def asked(self, by_visitor: bool = True) -> None:
        """Somebody asks now, or may soon; what the house asks by itself keeps nothing awake."""
        self.since.set()
        if by_visitor:
            self.last = time.monotonic()


def queue_full(place: int, wait: float) -> QueueFull:
    """The refusal of a call that would stand at `place`; retry_after is jittered, so that they come back one by one."""
    retry = min(60, max(1, math.ceil(wait * random.uniform(0.75, 1.25))))
    return QueueFull(
        "The site is full just now.",
        f"{place} are waiting, about {max(1, round(wait))} seconds.",
        f"Try again in {retry} seconds.",
        place=place,
        wait=round(wait, 1),
        retry_after=retry,
    )
