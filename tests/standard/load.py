"""Visitors over plain sockets, in a process of their own: they cost the house's machine little, and no test's thread.

`python -m tests.standard.load PLAN` reads a `Plan` as JSON, makes visitors ask until its time is over or its standard
input ends, and writes what came of each request beside it. `coming` starts it, `come` waits for its end.

Open (`rate` > 0): requests begin by a clock of their own (Poisson), whether others are answered or not, so that a house
that falls behind is not spared; latency counts from the moment at which a request was due. Closed (`rate` 0): so many
`hands` ask again once they are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from teahouse import testing
from teahouse.site.pulse import quantile

EXACT = bool(os.environ.get("TEAHOUSE_EXACT"))
"""Nothing else runs on this machine: a row's figures are asserted as they stand (`make nightly`)."""
NOISE_S = 5.0
RELEASE, PATIENCE_S, AGAIN_S = re.compile(rb'"release":"([0-9a-f]{64})"'), 60.0, 5.0


class Told(NamedTuple):
    """What came of one request. due, ended: seconds of time.monotonic; status: 0 where the connection broke; retry: the
    Retry-After; first: the status of its first try, where it was sent again under its key."""

    due: float
    ended: float
    status: int
    release: str = ""
    retry: str = ""
    first: int = 0

    @property
    def took(self) -> float:
        return self.ended - self.due


@dataclass(frozen=True)
class Plan:
    """networks: of how many /64 the visitors are, from `network` on; hosts: how many addresses each has. keyed: each
    request has an Idempotency-Key, and is sent again under it, within 5 s, where it came to nothing. most: requests in
    all (0: no end)."""

    url: str
    seconds: float = 0.0
    rate: float = 0.0
    hands: int = 8
    networks: int = 200
    network: int = 1
    hosts: int = 1
    keyed: bool = False
    most: int = 0
    app: str = testing.APP
    photos: tuple[str, ...] = ()  # files; without any, small ones are made
    seed: int = 1


@dataclass
class Crowd:
    """The visitors of one plan; `told` once they have gone."""

    plan: Plan
    told: list[Told] = field(default_factory=list)
    work_s: float = 0.0  # processor time of their own process

    def read(self, plan: Path) -> None:
        """Takes what the process wrote beside its plan."""
        found = json.loads(plan.with_suffix(".told").read_text())
        self.told, self.work_s = [Told(*one) for one in found["told"]], found["work_s"]

    def of(self, status: int) -> list[Told]:
        return [one for one in self.told if one.status == status]

    @property
    def failed(self) -> list[Told]:
        return [one for one in self.told if one.status != 201]

    def p99(self, status: int = 201) -> float:
        return quantile((one.took for one in self.of(status)), 0.99)


def within(took: float, bar: float) -> bool:
    """Whether seconds hold a bar; with room for a machine that does other work, unless it is known to do none."""
    return took <= bar + (0.0 if EXACT else NOISE_S)


@contextlib.contextmanager
def coming(url: str, **plan: object) -> Iterator[Crowd]:
    """Visitors who come until the block ends (or their time is over)."""
    with tempfile.TemporaryDirectory() as scratch:
        crowd, file = Crowd(Plan(url, **plan)), Path(scratch) / "plan.json"
        file.write_text(json.dumps(asdict(crowd.plan)))
        command = [sys.executable, "-m", "tests.standard.load", str(file)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, cwd=Path(__file__).parents[2]) as process:
            try:
                assert process.stdout.readline() == b"here\n", "nobody comes"
                yield crowd
            finally:
                process.stdin.close()
                assert process.wait(PATIENCE_S + 30) == 0, "the visitors broke"
        crowd.read(file)


def come(url: str, **plan: object) -> Crowd:
    """The visitors of a plan that ends by itself, when they have gone."""
    with tempfile.TemporaryDirectory() as scratch:
        crowd, file = Crowd(Plan(url, **plan)), Path(scratch) / "plan.json"
        file.write_text(json.dumps(asdict(crowd.plan)))
        command = [sys.executable, "-m", "tests.standard.load", str(file), "--alone"]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        subprocess.run(command, check=True, cwd=Path(__file__).parents[2], **pipes)
        crowd.read(file)
    return crowd


# ---- in the process of their own ------------------------------------------------------------------------------------


class Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.buffer, self.wanted = bytearray(), 0
        self.answer: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport | None = None
        self.used = False
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("closed" if self.buffer else "never answered"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.wanted and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", self.buffer[:end])
            self.wanted = end + 4 + int(length.group(1)) if length else end + 4
        if self.wanted and len(self.buffer) >= self.wanted:
            said, self.buffer, self.wanted = bytes(self.buffer[: self.wanted]), self.buffer[self.wanted :], 0
            if b"connection: close" in said[: said.find(b"\r\n\r\n")].lower():
                self.open = False
            if self.answer is not None and not self.answer.done():
                self.answer.set_result(said)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Sends the request; its answer, or ConnectionError."""
        self.used, self.answer = True, asyncio.get_running_loop().create_future()
        assert self.transport is not None
        self.transport.write(request)
        return self.answer


class Visitors:
    """All of them, and what they were told."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.address = plan, urlsplit(plan.url)
        self.photos = [Path(file).read_bytes() for file in plan.photos] or [
            testing.photo(kind, seed) for kind in testing.LABELS for seed in range(8)
        ]
        self.free: list[Line] = []
        self.told: list[Told] = []
        self.numbers = itertools.count(random.Random(plan.seed).randrange(1 << 40))
        self.over = asyncio.Event()

    def request(self, number: int) -> bytes:
        """No two are alike: what follows the end of a JPEG is no part of its picture."""
        plan = self.plan
        body = self.photos[number % len(self.photos)] + number.to_bytes(8, "big")
        lines = [
            f"POST /api/apps/{plan.app}/predictions HTTP/1.1",
            f"Host: {self.address.netloc}",
            f"Origin: {plan.url}",
            "Content-Type: image/jpeg",
            f"Content-Length: {len(body)}",
            f"X-Forwarded-For: 2001:db8:{plan.network + number % plan.networks:x}::{1 + number % plan.hosts:x}",
            *([f"Idempotency-Key: load-{plan.seed}-{number}"] if plan.keyed else []),
        ]
        return "\r\n".join([*lines, "\r\n"]).encode() + body

    async def line(self) -> Line:
        """A connection that is free, the last used first; else a new one."""
        while self.free:
            found = self.free.pop()
            if found.open:
                return found
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Line, self.address.hostname, self.address.port))[1]

    async def once(self, request: bytes) -> tuple[int, str, str]:
        """(status, release, Retry-After); status 0 where the connection broke."""
        line = None
        try:
            line = await self.line()
            said = await asyncio.wait_for(line.ask(request), PATIENCE_S)
        except (OSError, TimeoutError):
            if line is not None and line.transport is not None:
                line.transport.abort()
            return 0, "", ""
        if line.open:
            self.free.append(line)
        elif line.transport is not None:
            line.transport.close()
        head, _, body = said.partition(b"\r\n\r\n")
        release = RELEASE.search(body)
        retry = re.search(rb"(?i)\r\nretry-after: ([^\r]*)", head)
        return int(head[9:12]), release.group(1).decode() if release else "", retry.group(1).decode() if retry else ""

    async def visit(self, due: float) -> None:
        """One request, and its end."""
        request, first = self.request(next(self.numbers)), 0
        found = await self.once(request)
        while self.plan.keyed and found[0] != 201 and time.monotonic() - due < AGAIN_S:
            first = first or found[0] or -1
            await asyncio.sleep(min(float(found[2] or 0.2), AGAIN_S / 4))
            found = await self.once(request)
        self.told.append(Told(due, time.monotonic(), *found, first))

    async def open_loop(self) -> None:
        """Begins requests as they are due."""
        dice, due, under_way = random.Random(self.plan.seed), time.monotonic(), set[asyncio.Task[None]]()
        while not self.over.is_set():
            due += dice.expovariate(self.plan.rate)
            with contextlib.suppress(TimeoutError):
                if (wait := due - time.monotonic()) > 0:
                    await asyncio.wait_for(self.over.wait(), wait)
            if not self.over.is_set():
                under_way.add(task := asyncio.create_task(self.visit(due)))
                task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def closed_loop(self) -> None:
        """Each hand asks again when it is answered."""

        async def hand() -> None:
            while not self.over.is_set():
                await self.visit(time.monotonic())
                if self.plan.most and len(self.told) >= self.plan.most:
                    self.over.set()

        await asyncio.gather(*(hand() for _ in range(self.plan.hands)))

    async def come(self, alone: bool) -> None:
        """Until the time is over, or whoever started this says so."""
        loop = asyncio.get_running_loop()
        print("here", flush=True)
        if not alone:
            loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: self.over.set())
        if self.plan.seconds:
            loop.call_later(self.plan.seconds, self.over.set)
        await (self.open_loop() if self.plan.rate else self.closed_loop())


async def main(file: Path, alone: bool) -> None:
    given = json.loads(file.read_text())
    visitors = Visitors(Plan(**{**given, "photos": tuple(given["photos"])}))
    await visitors.come(alone)
    file.with_suffix(".told").write_text(json.dumps({"told": visitors.told, "work_s": time.process_time()}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), "--alone" in sys.argv))
