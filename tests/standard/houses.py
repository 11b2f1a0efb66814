"""A real house for the tests: a project on disk and its processes, started, killed and looked into from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from teahouse import testing
from teahouse.desk import reach

PATIENCE_S = 60


@dataclass
class RealHouse:
    """`teahouse serve` on a scratch project with the tiny release on it."""

    root: Path
    url: str = ""
    process: subprocess.Popen | None = None
    under: tuple[str, ...] = ()  # a command that runs it: strace and its options
    environment: dict[str, str] = field(default_factory=dict)
    per_minute: int = 1_000_000  # requests of one network: a test is one
    log: Path = field(init=False)

    def __post_init__(self):
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "teahouse.toml").write_text(
            f"[site]\nport = 0\n[limits]\nrequests_per_minute = {self.per_minute}\n"
            'trusted_proxies = ["127.0.0.1"]\n'
        )
        self.log = self.root / "serve.log"

    @property
    def data(self) -> Path:
        return self.root / ".teahouse"

    def prepare(self, kind: str = "labels") -> str:
        """Puts a tiny release on; its id."""
        with testing.open_house(self.data) as house:
            return testing.install_tiny(house, kind=kind)

    def start(self) -> float:
        """Starts the site; the seconds until it answers."""
        (self.data / "run" / "house.json").unlink(missing_ok=True)
        began = time.monotonic()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TEAHOUSE_")}
        environment |= self.environment
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.under, sys.executable, "-m", "teahouse.cli", "serve", "--no-open"],
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        while time.monotonic() - began < PATIENCE_S:
            if self.process.poll() is not None:
                break
            try:
                self.url = json.loads((self.data / "run" / "house.json").read_text())["url"]
                # not with httpx: a client of it takes longer to make than this loop waits, and the house needs the core
                if reach.is_ready(self.url):
                    return time.monotonic() - began
            except (OSError, ValueError, KeyError):
                pass
            time.sleep(0.02)
        raise AssertionError(f"the site did not stand: {self.log.read_text()[-3000:]}")

    @property
    def keeper(self) -> int:
        """The keeper's process id, as the house's note has it."""
        return json.loads((self.data / "run" / "house.json").read_text())["pid"]

    def family(self) -> list[psutil.Process]:
        """The keeper's process and all below it."""
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def child(self, word: str) -> psutil.Process:
        """The first child whose command line names this module."""
        for process in self.family():
            try:
                if any(word in part for part in process.cmdline()):
                    return process
            except psutil.NoSuchProcess:
                continue
        raise AssertionError(f"no process of {word}")

    def worker(self, release: str) -> psutil.Process | None:
        """The process of the web's that answers for a release, or None while there is none; the loop may have one of
        its own, to time the release's forms."""
        for process in self.family():
            try:
                command, parent = " ".join(process.cmdline()), process.parent()
                of_web = parent is not None and "teahouse.site.serve" in parent.cmdline()
            except psutil.NoSuchProcess:
                continue
            if of_web and "engine.worker" in command and release in command:
                return process
        return None

    def logged(self, event: str, **said: object) -> list[dict]:
        """The log's lines of one event that say this."""
        lines = [line for line in self.log.read_text().splitlines() if f'"{event}"' in line]
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [one for one in found if all(one.get(name) == value for name, value in said.items())]

    def kill(self) -> None:
        """SIGKILL to every process at once."""
        family = self.family()
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM to the keeper; its exit status."""
        if self.process.poll() is None:
            os.kill(self.keeper, signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def __enter__(self) -> "RealHouse":
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process and self.process.poll() is None:
            self.kill()


@contextmanager
def owner_of(house: RealHouse, password: str = "six plain words would do here") -> Iterator[httpx.Client]:
    """The owner of a house that is unclaimed yet: who has its printed link, logged in."""
    own = {"Origin": house.url, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=house.url, headers=own, timeout=90) as client:
        (*_, link) = wait_until(lambda: re.findall(r"http://\S+/claim/\S+", house.log.read_text()), "no claim link")
        token = link.rsplit("/", 1)[1]
        client.post("/api/owner/session", json={"password": password, "token": token}).raise_for_status()
        yield client


def wait_until(is_so, why: str, patience: float = PATIENCE_S, pause: float = 0.05):
    """The first true value of `is_so()`; fails with `why` after `patience` seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        found = is_so()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError(f"not within {patience} s: {why}")
