"""The calls of one worker: who waits, who is in flight, who is suspect, and what is sent next."""

import asyncio
import copy
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from teahouse.engine import wire
from teahouse.engine.port import VISITORS
from teahouse.engine.waiting import Call, Lanes, Pace, Strikes, Visits, queue_full
from teahouse.errors import DeadlinePassed, InputBroke, NotReady, QueueFull, TeahouseError

GRACE_S = 0.5  # past the deadline; then the worker is taken to hang
LATELY_S = 1.0  # beside the time of a full window: who asked so lately is taken to ask again


class Traffic:
    """At most `window` calls are in flight; the rest waits in lanes. Lives in one event loop. While others come,
    nothing of a crowd (lane `late`) is sent where `enough` are in flight to keep the worker busy: what it has can not
    be overtaken any more, and each of the others would wait for all of that.

    `hangs` is called when a call in flight is over its deadline. `visits`: when somebody asked. `may_be_alone`: whether
    the only call in flight may take the whole machine. After `lose` (a worker died) what was in flight goes again, one
    at a time and before all others."""

    def __init__(self, bound: int, refused_s: float, hangs: Callable[[], None]) -> None:
        self.counts: Counter[str] = Counter()
        self.idle, self.visits = asyncio.Event(), Visits()
        self._queue, self._pace, self._strikes = Lanes(bound), Pace(), Strikes(refused_s)
        self._suspects: deque[Call] = deque()
        self._flying: dict[int, Call] = {}
        self._ids = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._window, self._enough, self._hangs, self._closed = 0, 0, hangs, ""
        self._other = float("-inf")  # when a visitor last asked who is none of a crowd
        self.may_be_alone: Callable[[], bool] = lambda: True

    @property
    def waiting(self) -> int:
        return len(self._queue) + len(self._suspects)

    @property
    def busy(self) -> bool:
        return bool(self._flying) or self.waiting > 0

    def wait_for(self, lane: str) -> float:
        """Seconds that a new call of this lane would wait."""
        ahead = self._queue.ahead_of(lane) + len(self._suspects)
        return (ahead + len(self._flying)) * self._pace.seconds if ahead else 0.0

    def full(self, until: float, lane: str) -> QueueFull | None:
        """The refusal of a call that comes now: there is no place for it, or its turn would come too late."""
        wait = self.wait_for(lane)
        if self._queue.has_room(lane) and not (self._pace.known and wait > until - time.monotonic()):
            return None
        self.counts["full"] += 1
        return queue_full(self._queue.ahead_of(lane), wait)

    def place_of(self, given: Mapping[str, Any]) -> tuple[int, float] | None:
        """The place, from 1, of the call that waits with this very `given`, and its seconds to wait; None: no such."""
        for place, call in enumerate((*self._suspects, *self._queue), 1):
            if call.given is given:
                return place, (place - 1 + len(self._flying)) * self._pace.seconds
        return None

    def open(self, writer: asyncio.StreamWriter | None, window: int, enough: int) -> None:
        """A worker is ready: what waits goes to it. None: it rests, and what comes waits for the next one."""
        self._writer, self._window, self._enough = writer, window, enough
        self._pump()

    async def ask(self, kind: str, given: Mapping[str, Any], until: float, lane: str) -> wire.Frame:
        """The worker's answer.

        Raises QueueFull, DeadlinePassed, InputBroke, NotReady, WorkerDied, and what the worker raised. Where the call
        was sent, its error (or its cancellation) has `worked_s`: the seconds since."""
        loop = asyncio.get_running_loop()
        call = Call(kind, given, until, lane, loop.create_future())
        self.counts["asked"] += 1
        if len(self._strikes) and self._strikes.refuses(call.digest, time.monotonic()):
            self.counts["broke"] += 1
            raise _broke()
        if self._closed:
            raise NotReady("This app cannot answer.", self._closed, "Come back later.")
        if (refusal := self.full(until, lane)) is not None:
            raise refusal
        goes = self._queue.add(call)
        if goes is not None and not goes.future.done():
            self.counts["full"] += 1
            goes.future.set_exception(queue_full(len(self._queue), self.wait_for(goes.lane)))
        # what the house does by itself keeps nothing awake
        self.visits.asked(by_visitor=lane in VISITORS or kind != "predict")
        if lane in VISITORS and lane != "late":
            self._other = time.monotonic()
        call.timer = loop.call_later(max(0.0, until - time.monotonic()), self._late, call)
        self._pump()
        try:
            return await call.future
        except (TeahouseError, asyncio.CancelledError) as error:
            vars(error)["worked_s"] = time.monotonic() - call.sent if call.sent else 0.0
            raise
        finally:
            if call.id not in self._flying:
                call.timer.cancel()
            if not call.sent:
                self._queue.drop(call)

    def _pump(self) -> None:
        """Sends what may be sent: one at a time while there are suspects, else as many as the window takes."""
        # A worker that just died is lost in a moment: what comes meanwhile waits for the next one.
        while self._writer is not None and not self._writer.is_closing() and (call := self._next()) is not None:
            self._send(call)
        if not self.busy:
            self.idle.set()

    def _next(self) -> Call | None:
        while self._suspects and self._suspects[0].future.done():
            self._suspects.popleft()
        if self._suspects:
            return None if self._flying else self._suspects.popleft()
        if len(self._flying) >= self._window or any(call.suspect for call in self._flying.values()):
            return None
        wait = set[str]()
        if self._flying:
            wait.add("idle")
        lately = LATELY_S + self._window * self._pace.seconds
        if len(self._flying) >= self._enough and time.monotonic() - self._other < lately:
            wait.add("late")  # until the next answer at the latest: at least one is in flight
        return self._queue.take(wait)

    def _send(self, call: Call) -> None:
        parts, buffers = wire.given_parts(call.given)
        call.id, call.sent = next(self._ids), time.monotonic()
        header = {
            "kind": call.kind,
            "id": call.id,
            "parts": parts,
            "left_ms": max(1, int((call.until - call.sent) * 1000)),
            # what the house asks by itself leaves the other cores to who comes meanwhile
            "alone": call.lane != "idle" and not self._flying and self.may_be_alone(),
        }
        try:
            frame = wire.pack(header, buffers)
        except (TeahouseError, TypeError) as error:
            call.future.set_exception(error)
            return
        self._flying[call.id] = call
        call.beside = len(self._flying)
        self.idle.clear()
        for buffer in frame:
            self._writer.write(buffer)

    def _late(self, call: Call) -> None:
        """At the deadline the caller is told; half a second later a worker that still has the call is taken to hang.
        A call that was never sent is refused as where the queue is full: no release is to blame for a crowd."""
        if not call.future.done():
            self.counts["late" if call.sent else "full"] += 1
            call.future.set_exception(
                DeadlinePassed("This took too long.", "There was no answer in time.", "Try again.")
                if call.sent
                else queue_full(len(self._queue), self.wait_for(call.lane))
            )
        if call.id in self._flying:
            overdue = asyncio.get_running_loop().call_later
            call.timer = overdue(GRACE_S, lambda: call.id in self._flying and self._hangs())

    def settle(self, frame: wire.Frame) -> None:
        """A frame came from the worker: its call is answered, the next one goes."""
        call = self._flying.pop(frame.header.get("id"), None)
        if call is None:
            return
        if call.timer:
            call.timer.cancel()
        self._pace.note(time.monotonic() - call.sent, call.beside)
        self.counts["answered"] += 1
        if len(self._strikes):
            self._strikes.forgive(call.digest)
        if not call.future.done():
            if frame.header.get("kind") == "answer":
                frame.header["ms"] = {**frame.header["ms"], "queue": round((call.sent - call.came) * 1000, 3)}
                call.future.set_result(frame)
            else:
                call.future.set_exception(wire.error_of(frame.header))
        self._pump()

    def lose(self) -> int:
        """The worker is gone: what was in flight is suspect, at its second death refused. How many were in flight."""
        lost, self._flying, self._writer = list(self._flying.values()), {}, None
        now = time.monotonic()
        refused = {digest: self._strikes.strike(digest, now) for digest in {call.digest for call in lost}}
        for call in lost:
            call.suspect = True
            if call.future.done():
                continue
            if refused[call.digest]:
                self.counts["broke"] += 1
                call.future.set_exception(_broke())
            else:
                self._suspects.append(call)
        return len(lost)

    def fail(self, error: TeahouseError, closed: str = "") -> None:
        """Tells everybody who waits; with `closed`, also everybody who comes from now on."""
        self._closed = self._closed or closed
        for call in [*self._suspects, *self._queue]:
            if not call.future.done():
                call.future.set_exception(copy.copy(error))  # each has seconds of its own
        self._suspects.clear()


def _broke() -> InputBroke:
    return InputBroke(
        "This model cannot take this input.", "Its process ended twice while it worked on it.", "Try another one."
    )
