"""Budget: what one network, and one visitor, may take of this house in a minute. In memory alone, of this process."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from teahouse.engine.port import AFTER
from teahouse.errors import TooMany

if TYPE_CHECKING:
    from teahouse.engine.port import Answer

MINUTE_S = 60.0
VISITOR = 0.5  # of what a network may take
EACH = {"requests": 1.0, "bytes": 2e6, "seconds": 0.1}
"""What a request may weigh when all of them in a minute are made: a budget is of the sums, so that few heavy ones are
as welcome as many light ones. A request writes a row or two: those are counted with it."""
SOME_S, TIMES = 0.005, 4  # seconds of work in the last minute: who had so much comes after who had not, and fourfold
FEW = 4  # what one network asks while so many of its answers are under way comes last
OFTEN, HOLD_S = 30, 1.0  # who comes again so often in a minute, though told to wait, comes last and hears it later


class Budget:
    """Counts requests, bytes and seconds of work by who asked, and refuses who is over one of them; `per_minute` is
    [limits] requests_per_minute. In all together nothing is counted here: the queue (by what each has had), the
    room for bodies and the disk have bounds of their own."""

    def __init__(self, per_minute: int = 600, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = {what: per_minute * each for what, each in EACH.items()}
        self.taken = {what: Window(clock) for what in EACH}
        self.refused = Window(clock)
        self.working: Counter[str] = Counter()

    def take(self, who: str, share: float = 1.0) -> None:
        """Counts one request of a network (a visitor: `share` VISITOR), or raises TooMany."""
        for what, most in self.most.items():
            limit = max(1.0, most * share) if what == "requests" else most * share
            if wait := self.taken[what].wait(who, limit):
                raise too_many(what, limit, wait)
        self.spend((who,), "requests", 1)

    def spend(self, whose: Iterable[str], what: str, amount: float) -> None:
        """Counts so much more of `what` (bytes, seconds) for each of these."""
        for who in whose:
            self.taken[what].add(who, amount)

    def lane(self, network: str) -> str:
        """Where in the queue a network's next call stands: who has had less of the last minute is let in before, so
        that a crowd which asks and asks, be it of a hundred networks, takes nothing from those who come once."""
        if self.working[network] >= FEW or self.refused.of(network) >= OFTEN:
            return "late"
        had = self.taken["seconds"].of(network)
        return "free" if had < SOME_S else AFTER[min(len(AFTER) - 1, int(math.log(had / SOME_S, TIMES)))]

    async def hold(self, network: str) -> None:
        """Counts a refusal, and waits with it where the network has had many: one costs little, but who asks for
        thousands of them would take the time in which others are answered."""
        self.refused.add(network, 1)
        if self.refused.of(network) > OFTEN:
            await asyncio.sleep(HOLD_S)

    @contextmanager
    def under_way(self, network: str) -> Iterator[str]:
        """While one answer is worked out for a network: where in the queue it stands."""
        lane = self.lane(network)
        self.working[network] += 1
        try:
            yield lane
        finally:
            self.working[network] -= 1
            if not self.working[network]:
                del self.working[network]


def work_s(told: Answer | BaseException) -> float:
    """Seconds of a worker that an answer took, of what was worked out together its share; or what ended without one."""
    if isinstance(told, BaseException):
        return getattr(told, "worked_s", 0.0)
    return (told.ms.get("decode", 0.0) + told.ms.get("infer", 0.0) / max(1, told.batch)) / 1000


class Window:
    """Sums of a sliding minute by who: this minute's, and of the minute before what a window of 60 s still covers. No
    clock that people or time servers set has a say in it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.minute = clock, -1.0
        self.before: Counter[str] = Counter()
        self.now: Counter[str] = Counter()

    def add(self, who: str, amount: float) -> None:
        """So much more."""
        self.passed()
        self.now[who] += amount  # type: ignore[assignment]

    def of(self, who: str) -> float:
        """How much it is now."""
        passed = self.passed()  # first: it may begin a new minute
        return self.before[who] * (1 - passed) + self.now[who]

    def wait(self, who: str, most: float) -> float:
        """Seconds until it is less than `most`; 0 where it is."""
        passed, before, now = self.passed(), self.before[who], self.now[who]
        if before * (1 - passed) + now < most:
            return 0.0
        if now >= most:  # in the next minute this one is the minute before
            return MINUTE_S * (2 - passed - most / now)
        return max(0.01, MINUTE_S * (1 - passed - (most - now) / before))

    def passed(self) -> float:
        """How much of this minute has passed, 0..1; where a new one has begun, it is begun here too."""
        minute, passed = divmod(self.clock(), MINUTE_S)
        if minute != self.minute:
            self.before = self.now if minute == self.minute + 1 else Counter()
            self.now, self.minute = Counter(), minute
        return passed / MINUTE_S


def too_many(what: str, most: float, wait: float) -> TooMany:
    """The refusal of who has had `most`; retry_after is jittered, so that they come back one by one."""
    words = {"requests": f"{most:,.0f} requests", "bytes": f"{most / 1e6:,.0f} MB", "seconds": f"{most:,.0f} s of work"}
    retry = min(60, max(1, math.ceil(wait * random.uniform(1, 1.25))))
    why = f"This site gives {words[what]} a minute to each, so that everybody gets an answer."
    return TooMany("That was a lot at once.", why, f"Try again in {retry} seconds.", retry_after=retry)
