"""The load of benchmarks/serving.py: wrk, what it sends, and what it and the server's processes took for it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import serving_photos

SCRIPT = Path(__file__).with_name("serving.lua")
MISSING = "apt-get install wrk"
PATIENCE_S = 60  # for one answer
LOOK_S, IDLE = 0.25, 0.3  # how long a server is looked at, and the share of a core below which it is idle
SETTLED_S = 20
EDGE_S = 1.0  # at the beginning of a run whose answers do not count for the rate
BOUNDARY = "teahouse-serving-benchmark"


@dataclass(frozen=True)
class Target:
    """Where photos go and how: the address, the name of the multipart field ("": the raw body is the photo)."""

    url: str
    field: str = ""

    @property
    def headers(self) -> dict[str, str]:
        kind = f"multipart/form-data; boundary={BOUNDARY}" if self.field else "image/jpeg"
        return {"Content-Type": kind}

    def body(self, photo: bytes) -> bytes:
        """The body that carries this photo."""
        if not self.field:
            return photo
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.field}"; filename="photo.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass(frozen=True)
class Point:
    """One run: answers a second, milliseconds of the median and of the slowest hundredth, how many were answered, how
    many were not 2xx or broke, the CPU seconds that each role took for one answer, and the share of all cores that went
    to what is not measured here."""

    rate: float
    p50: float
    p99: float
    answered: int
    failed: int
    cpu: dict[str, float] = field(default_factory=dict)
    others: float = 0.0


class Load:
    """wrk with the photos of each size, for one target; the plans lie in `folder`."""

    def __init__(self, folder: Path, photos: dict[str, list[Path]], target: Target) -> None:
        self.target, self.folder = target, folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bodies = {name: [self._written(path) for path in paths] for name, paths in photos.items()}

    def _written(self, photo: Path) -> tuple[Path, int]:
        """The file of the body that carries a photo, and where in it the comment stands."""
        body = self.target.body(photo.read_bytes())
        path = self.folder / f"{photo.stem}.body"
        path.write_bytes(body)
        return path, body.index(serving_photos.MARK)

    def plan(self, size: str, seconds: float) -> Path:
        """plan.lua of one run; every run has a salt of its own."""
        edge = min(EDGE_S, seconds / 4)
        sent = self.target.headers.items()
        headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in sent)
        bodies = ", ".join(f"{{file = {json.dumps(str(path))}, at = {at}}}" for path, at in self.bodies[size])
        path = self.folder / "plan.lua"
        path.write_text(
            f"return {{headers = {{{headers}}}, bodies = {{{bodies}}}, salt = {json.dumps(secrets.token_hex(8))}, "
            f"from = {edge}, till = {seconds}}}\n"
        )
        return path

    def run(self, size: str, connections: int, seconds: int, family: Callable[[], list[psutil.Process]]) -> Point:
        """Photos of this size for so many seconds; RuntimeError in wrk's words where it could not."""
        plan, edge = self.plan(size, seconds), min(EDGE_S, seconds / 4)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={PATIENCE_S}s", "-s", str(SCRIPT),
                   self.target.url, "--", str(plan)]  # fmt: skip
        before, meter = spent(family()), Meter()
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 2 * PATIENCE_S, check=False)
        after, sender = spent(family()), meter.children()
        used = after - before
        others = meter.others(used.total() + sender)
        told = next((line[5:] for line in ended.stdout.splitlines() if line.startswith("told ")), None)
        if told is None:
            raise RuntimeError(f"wrk: {ended.stdout[-500:]}{ended.stderr[-500:]}")
        found = json.loads(told)
        used["wrk"] = sender
        answered, nobody = max(1, found["answered"]), float("inf")  # who got no answer waited for longer than the run
        return Point(
            rate=found["counted"] / (seconds - edge),
            p50=found["p50"] if found["answered"] else nobody,
            p99=found["p99"] if found["answered"] else nobody,
            answered=found["answered"] - found["refused"],
            failed=found["refused"] + found["broken"],
            cpu={role: taken / answered for role, taken in used.items()},
            others=others,
        )

    def one(self, size: str) -> tuple[int, bytes]:
        """The status and body of one answer."""
        import http.client

        place = urlsplit(self.target.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=PATIENCE_S)
        try:
            connection.request("POST", place.path, self.bodies[size][0][0].read_bytes(), self.target.headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Meter:
    """What the whole machine takes of its processors from now on."""

    def __init__(self) -> None:
        self.began, self.busy, self.ended = time.monotonic(), busy(), ended_children()

    def children(self) -> float:
        """CPU seconds of the children of this process that ended since."""
        return ended_children() - self.ended

    def others(self, mine: float) -> float:
        """The share of all cores that went to others than those who took `mine` CPU seconds."""
        whole = (time.monotonic() - self.began) * (psutil.cpu_count() or 1)
        return max(0.0, busy() - self.busy - mine) / whole


def busy() -> float:
    """CPU seconds of all cores that were not idle."""
    times = psutil.cpu_times()
    return sum(times[:3]) + sum(getattr(times, name, 0.0) for name in ("irq", "softirq", "steal"))


def ended_children() -> float:
    """CPU seconds of the children of this process that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def is_there() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


# ---- processes ----------------------------------------------------------------------------------------------------

ROLES = {"site.serve": "web", "engine.worker": "worker", "loop.runner": "loop", "training.child": "trainer",
         "teahouse.cli": "keeper"}  # fmt: skip


def family_of(pid: int) -> list[psutil.Process]:
    """A process and all below it; [] where it is gone."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def role(process: psutil.Process) -> str:
    """What a process does: web, worker, bare, loop, trainer, keeper; "server" of a peer's; "" of one that is gone."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    if "--bare" in words:
        return "bare"
    return next((name for word, name in ROLES.items() if any(word in each for each in words)), "server")


def pids(family: list[psutil.Process], name: str) -> set[int]:
    """The processes of a role."""
    return {process.pid for process in family if role(process) == name}


def spent(family: list[psutil.Process]) -> Counter[str]:
    """CPU seconds that each role has taken so far."""
    found: Counter[str] = Counter()
    for process in family:
        try:
            times = process.cpu_times()
            found[role(process)] += times.user + times.system
        except psutil.Error:
            continue
    return found


def memory(family: list[psutil.Process]) -> dict[str, float]:
    """MB that each role holds, as its share of what several hold together (PSS)."""
    found: Counter[str] = Counter()
    for process in family:
        try:
            found[role(process)] += process.memory_full_info().pss / 1e6
        except psutil.Error:
            continue
    return dict(found)


@contextmanager
def watched(family: Callable[[], list[psutil.Process]]) -> Iterator[list[dict[str, float]]]:
    """The memory of a family ten times a second while something goes on."""
    seen: list[dict[str, float]] = []
    end = threading.Event()

    def look() -> None:
        while not end.is_set():
            began = time.monotonic()
            seen.append(memory(family()))
            end.wait(max(0.0, 0.1 - (time.monotonic() - began)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        end.set()
        thread.join()


@dataclass(frozen=True)
class Served:
    """A server that stands: its first process and where photos go."""

    name: str
    pid: int
    target: Target

    def family(self) -> list[psutil.Process]:
        """Its process and all below it."""
        return family_of(self.pid)

    def end(self) -> None:
        """SIGKILL to all of them at once."""
        family = self.family()
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=20)

    def settle(self) -> None:
        """Until what an earlier run left behind is worked off: photos whose sender is gone are still answered."""
        until, still = time.monotonic() + SETTLED_S, 0
        while still < 2 and time.monotonic() < until:
            before = spent(self.family())
            time.sleep(LOOK_S)
            still = still + 1 if (spent(self.family()) - before).total() < IDLE * LOOK_S else 0


def load_of(served: Served, folder: Path, photos: dict[str, list[Path]]) -> Load:
    """The load for a server; RuntimeError unless it answers each size."""
    load = Load(folder, photos, served.target)
    for size in photos:
        status, body = load.one(size)
        if status not in (200, 201):
            raise RuntimeError(f"{served.name} answers a {size} photo with {status}: {body[:300]!r}")
    return load
