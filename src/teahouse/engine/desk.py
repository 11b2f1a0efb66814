"""One release's desk: its worker from the first start to the last stop, and a new one where it dies."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from teahouse.engine import wire
from teahouse.engine.port import Form, Ready
from teahouse.engine.process import WorkerProcess
from teahouse.engine.traffic import Traffic
from teahouse.errors import NotReady, ReleaseBroken, WorkerDied

ENDS_S = 3.0  # that a worker has to end once it was told to


@dataclass(frozen=True)
class DeskRules:
    """bound: calls that may wait. load_s: time to load, warm and pass the examples.

    backoff_s: first pause after a failed start, doubled with each, up to most_backoff_s.
    refused_s: how long an input that broke two workers is refused.
    sleep_s: after so long without a visitor it ends its worker, until the next one comes, who waits for a start: a
    release that took more than half of its deadline for one stays awake."""

    bound: int = 64
    load_s: float = 120.0
    backoff_s: float = 0.25
    most_backoff_s: float = 30.0
    refused_s: float = 600.0
    sleep_s: float = 600.0

    def pause(self, failures: int) -> float:
        """Seconds before the next start after so many failures in a row."""
        return min(self.most_backoff_s, self.backoff_s * 2**failures)


class Desk:
    """A release that answers. A worker that dies is replaced; a release that never was ready is not tried again. `form`
    is how it shall run, and the first form what it runs in from then on where it was ready and does not start so again.
    Nobody played for a while: it sleeps, ready all the same, and has a worker again a moment after it is asked;
    `asleep`: it begins so, for it was ready here before."""

    def __init__(
        self,
        name: str,
        spawn: Callable[[Form], WorkerProcess],
        rules: DeskRules,
        log: Any,
        form: Form = Form(),
        *,
        asleep: bool = False,
    ) -> None:
        self.name, self._spawn, self._rules, self._log, self.form = name, spawn, rules, log, form
        self.asleep, self._runs = asleep, form
        self.ready = Ready(name, form.name, why="" if asleep else "It is still loading.")
        self.traffic = Traffic(rules.bound, rules.refused_s, self._hangs)
        self._worker: WorkerProcess | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.began = time.monotonic()
        self._closing, self._wakes_in_time = False, True
        self._first = asyncio.Event()
        if asleep:
            self._first.set()
        self._task = asyncio.create_task(self._keep(), name=f"desk {name[:12]}")
        self._task.add_done_callback(lambda _: self._first.set())

    async def opened(self) -> Ready:
        """When the first start came to an end: ready, or why not."""
        await self._first.wait()
        return self.ready

    @property
    def failed(self) -> bool:
        """Whether it never was ready, and will not be."""
        return self._task.done()

    @property
    def pid(self) -> int | None:
        return self._worker.pid if self._worker else None

    async def ask(self, kind: str, given: Mapping[str, Any], until: float, lane: str) -> wire.Frame:
        """The worker's answer; see Traffic.ask."""
        return await self.traffic.ask(kind, given, until, lane)

    def wake(self) -> None:
        """Somebody came who may ask soon."""
        self.traffic.visits.asked()

    def _hangs(self) -> None:
        if self._worker is not None:
            self._log.warning("worker-hangs", release=self.name, pid=self._worker.pid)
            self._worker.kill()

    async def _keep(self) -> None:
        """Start a worker, listen until it ends, look after what it left, again."""
        failures = 0
        while not self._closing:
            if self.asleep:
                await self.traffic.visits.since.wait()
                self.asleep = False
            try:
                reader = await self._begin()
            except ReleaseBroken as error:
                if self._first.is_set() and self._runs != Form():
                    self._log.error("form-not-started", release=self.name, form=self._runs.name, why=str(error))
                    self._runs = Form()
                    continue
                failures += 1
                self.ready = Ready(self.name, why=str(error))
                self._log.error("release-not-started", release=self.name, why=str(error))
                if not self._first.is_set():
                    self.traffic.fail(NotReady("This app cannot answer.", str(error)), closed=str(error))
                    return
                if failures >= 3:
                    self.traffic.fail(
                        WorkerDied("The model does not start again.", str(error), "Try again in a minute.")
                    )
                await asyncio.sleep(self._rules.pause(failures))
                continue
            self._first.set()
            failures = 0 if await self._listen(reader) or self.asleep else failures + 1
            if failures > 1 and not self._closing:
                await asyncio.sleep(self._rules.pause(failures))

    async def _begin(self) -> asyncio.StreamReader:
        """A new worker that is ready. ReleaseBroken says why there is none."""
        start = time.monotonic()
        self.traffic.counts["started"] += 1
        try:
            self._worker = self._spawn(self._runs)
        except OSError as error:
            raise ReleaseBroken("A worker cannot be started.", str(error)) from error
        reader, self._writer = await asyncio.open_unix_connection(sock=self._worker.sock, limit=1 << 20)
        why = await self._greeting(reader, start)
        if not why:
            self._log.info(
                "worker-ready", release=self.name, pid=self._worker.pid, ms=round((time.monotonic() - start) * 1000)
            )
            return reader
        ended = await self._bury()
        raise ReleaseBroken(
            "The release could not be started.", why if why != "gone" else f"While it was loaded, {ended}."
        )

    async def _greeting(self, reader: asyncio.StreamReader, start: float) -> str:
        """'' where the worker is ready now, 'gone' where it ended without a word, else its words. start: when it was
        started (time.monotonic)."""
        try:
            async with asyncio.timeout(self._rules.load_s):
                frame = await wire.read(reader)
        except (TimeoutError, ConnectionError) as error:
            self._worker.kill()
            return (
                f"It took longer than {self._rules.load_s:.0f} s to load."
                if isinstance(error, TimeoutError)
                else "gone"
            )
        if frame is None:
            return "gone"
        if frame.header.get("kind") != "ready":
            return str(wire.error_of(frame.header))
        self.ready = Ready(self.name, str(frame.header["form"]), int(frame.header["window"]))
        self._wakes_in_time = time.monotonic() - start < float(frame.header["deadline_s"]) / 2
        self.traffic.open(self._writer, self.ready.window, int(frame.header["enough"]))
        return ""

    async def _listen(self, reader: asyncio.StreamReader) -> bool:
        """Hands answers on until the worker is gone; whether it had been of any use."""
        began, answered = time.monotonic(), self.traffic.counts["answered"]
        dozing = asyncio.create_task(self._doze(), name=f"doze {self.name[:12]}")
        try:
            while (frame := await wire.read(reader)) is not None:
                self.traffic.settle(frame)
        except ConnectionError as error:
            self._log.warning("wire-broken", release=self.name, why=str(error))
        finally:
            dozing.cancel()
        lost = self.traffic.lose()
        meant = self._closing or self.asleep
        self.traffic.counts["died"] += not meant
        ended = await self._bury()
        if self.asleep:
            self._log.info("release-sleeps", release=self.name)
        elif not meant:
            self._log.warning("worker-died", release=self.name, how=ended, lost=lost)
        return self.traffic.counts["answered"] > answered or time.monotonic() - began > 5

    async def _doze(self) -> None:
        """Ends the worker once no visitor has asked for a while. Who asks from then on waits for the next one."""
        if not self._wakes_in_time:
            return
        began = time.monotonic()
        while True:
            idle_s = time.monotonic() - max(began, self.traffic.visits.last)
            if idle_s >= self._rules.sleep_s and not self.traffic.busy:
                break
            await asyncio.sleep(max(self._rules.sleep_s / 20, self._rules.sleep_s - idle_s))
        self.asleep = True
        self.traffic.open(None, 0, 0)
        self.traffic.visits.since.clear()
        for buffer in wire.pack({"kind": "stop"}):
            self._writer.write(buffer)
        await asyncio.sleep(ENDS_S)
        self._worker.kill()

    async def _bury(self) -> str:
        if self._writer is not None:
            self._writer.transport.abort()
        worker, self._worker, self._writer = self._worker, None, None
        return await asyncio.shield(asyncio.to_thread(worker.bury))  # a process is reaped even if its desk is cancelled

    async def close(self, grace_s: float = 10.0) -> None:
        """Answers what it has, at most `grace_s`, then ends the worker."""
        self._closing = True
        if self._worker is not None and self.traffic.busy and self._first.is_set():
            self.traffic.idle.clear()
            try:
                async with asyncio.timeout(grace_s):
                    await self.traffic.idle.wait()
            except TimeoutError:
                pass
        self.traffic.fail(
            NotReady("This release was taken away.", do_next="Try again."), closed="The release was taken away."
        )
        if self._writer is not None and not self._writer.is_closing() and self._first.is_set():
            for buffer in wire.pack({"kind": "stop"}):
                self._writer.write(buffer)
            await asyncio.wait([self._task], timeout=ENDS_S)
        if not self._task.done():
            if self._worker is not None:
                self._worker.kill()
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._worker is not None:
            await self._bury()
