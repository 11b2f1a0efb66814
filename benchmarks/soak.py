"""Soak: visitors at half of what a house can answer, and a fault every minute: who got no answer, and what grew?

    python benchmarks/soak.py [--minutes 10] [--quick] [--report FILE]

A real house (keeper, web, workers, loop) with two releases that take 15 ms an answer. Faults come by lot, each kind
before any comes again: SIGKILL to a worker, to the web, to the loop; a promotion, a rollback, a rolling restart; a
burst of slow clients; photos that end the model's process. With --quick a minute, and a fault every six seconds.

How it is counted: a request that a fault costs its connection, or that is refused (503), is sent again under its
Idempotency-Key, as a visitor's page would; it has failed where no answer came within 5 s of the moment at which it was
due. How many needed that is told too. The photos that break the model are no visitor's, and are not counted.

Memory, open files and threads are those of the whole tree of processes, once a second: the last third of the time is
compared with the middle third, by their medians, which has a bar from eight minutes on. Their slope in per cent an hour
is told, and has a bar from two hours on (the standard's row wants 24).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import rows

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.standard import challengers, load  # noqa: E402
from tests.standard.houses import RealHouse, wait_until  # noqa: E402

from teahouse import ids, testing  # noqa: E402
from teahouse.store import jobs, rollouts  # noqa: E402

HANDS, CAPACITY_S, SLOW, SLOW_S = 4, 4.0, 60, 20
ANSWERED, GROWTH, SLOPE, WAL = 0.999, 0.1, 0.01, 64e6
SHORT_MIN, LONG_MIN = 8, 120  # minutes from which on a change, and a slope, says something
FAULTS = ("worker killed", "web killed", "loop killed", "promotion", "rollback", "rolling restart", "slow clients",
          "photo that breaks the model")  # fmt: skip


@dataclass
class Soak:
    """One run: the house, and what was seen of it."""

    house: RealHouse
    other: str
    dice: random.Random
    done: list[tuple[float, str]] = field(default_factory=list)
    seen: list[dict[str, float]] = field(default_factory=list)
    slow: list[subprocess.Popen[bytes]] = field(default_factory=list)
    end: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Once a second, what the processes hold."""
        while not self.end.wait(1.0):
            found = {"memory": 0.0, "files": 0.0, "threads": 0.0, "processes": 0.0}
            for process in self.house.family():
                with contextlib.suppress(psutil.Error):
                    found["memory"] += process.memory_info().rss
                    found["files"] += process.num_fds()
                    found["threads"] += process.num_threads()
                    found["processes"] += 1
            logs = [self.house.data / f"{name}.db-wal" for name in ("house", "loop")]
            found["wal"] = max(log.stat().st_size if log.exists() else 0 for log in logs)
            self.seen.append(found)

    def fault(self, what: str) -> None:
        """Does it, now."""
        self.done.append((time.monotonic(), what))
        acts: dict[str, Callable[[], Any]] = {
            "worker killed": lambda: kill(self.house.worker(self.live())),
            "web killed": lambda: kill(self.house.child("site.serve")),
            "loop killed": self.kill_loop,
            "promotion": lambda: self.step(self.other, "full"),
            "rollback": lambda: self.step(self.other, "rolled_back"),
            "rolling restart": lambda: os.kill(self.house.keeper, signal.SIGHUP),
            "slow clients": self.be_slow,
            "photo that breaks the model": self.break_it,
        }
        acts[what]()

    def live(self) -> str:
        """The release that answers now."""
        with self.house.own.db.read() as c:
            return rollouts.champion(c, testing.APP).release

    def step(self, release: str, state: str) -> None:
        """A step by hand, as the verbs write it down; a rollback only of what is on."""
        taken = rollouts.Step(testing.APP, release, state, by="owner")
        if state == "full" or self.live() == release:
            self.house.own.db.write(lambda c: rollouts.append(c, taken))

    def kill_loop(self) -> None:
        """The loop sleeps while nothing is to be done: it gets a job first."""
        asked = jobs.Asked(ids.new_id(), "export", testing.APP, {}, "owner")
        self.house.own.db.write(lambda c: jobs.ask(c, asked))
        with contextlib.suppress(AssertionError):
            kill(wait_until(lambda: child_or_none(self.house, "loop.runner"), "the loop begins", patience=10))

    def be_slow(self) -> None:
        """Sixty connections of six kinds for twenty seconds; see tests/standard/slow.py."""
        place = urlsplit(self.house.url)
        words = map(str, (place.hostname, place.port, SLOW_S, SLOW // 6))
        command = [sys.executable, "-m", "tests.standard.slow", *words]
        self.slow.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL))

    def break_it(self) -> None:
        """Three photos that no worker survives, or that want all memory."""
        headers = {"Content-Type": "image/jpeg", "X-Forwarded-For": "2001:db8:ffff::1"}
        for grey in ((60, 60, 60), (128, 128, 128), (200, 200, 200)):
            photo = testing.photo(grey, self.dice.randrange(1 << 30))
            with contextlib.suppress(httpx.HTTPError):
                path = f"{self.house.url}/api/apps/{testing.APP}/predictions"
                httpx.post(path, content=photo, headers=headers, timeout=30)


def kill(process: psutil.Process | None) -> None:
    """SIGKILL; harmless where it is gone."""
    with contextlib.suppress(psutil.Error):
        if process is not None:
            process.kill()


def child_or_none(house: RealHouse, word: str) -> psutil.Process | None:
    with contextlib.suppress(AssertionError):
        return house.child(word)
    return None


def run(folder: Path, seconds: float, every: float) -> tuple[Soak, load.Crowd, float]:
    """One run: what was seen, what visitors were told, and what the house can answer in a second."""
    with challengers.champion(folder, "has no bounds on grey") as house:
        soak = Soak(house, challengers.install(house.own, folder / "other", "has no bounds on grey"), random.Random(9))
        load.come(house.url, seconds=1, hands=HANDS)
        capacity = len(load.come(house.url, seconds=CAPACITY_S, hands=HANDS).of(201)) / CAPACITY_S
        watching = threading.Thread(target=soak.watch)
        watching.start()
        with load.coming(house.url, rate=capacity / 2, keyed=True, seed=9) as crowd:
            until, lot = time.monotonic() + seconds, list[str]()
            while (left := until - time.monotonic()) > every:
                time.sleep(every)
                lot = lot or soak.dice.sample(FAULTS, len(FAULTS))
                soak.fault(lot.pop())
            time.sleep(max(0.0, left))
        soak.end.set()
        watching.join()
        for process in soak.slow:
            process.wait(SLOW_S + 60)
    return soak, crowd, capacity


def is_lost(one: load.Told) -> bool:
    """Whether no answer came in the time in which a visitor's page tries again."""
    return one.status != 201 or one.took > load.AGAIN_S


def told(soak: Soak, crowd: load.Crowd, capacity: float, minutes: float) -> list[rows.Row]:
    """The rows of the report."""
    failed = [one for one in crowd.told if is_lost(one)]
    again = [one for one in crowd.told if one.first and not is_lost(one)]
    share, how = 1 - len(failed) / len(crowd.told), sorted({one.status for one in failed})
    found = [rows.row(f"valid requests that got an answer, at {capacity / 2:.0f}/s for {minutes:g} min",
                      f"{share:.3%} of {len(crowd.told):,} ({len(again)} at a second try; {len(failed)} failed: {how})",
                      f">= {ANSWERED:.1%}", share >= ANSWERED)]  # fmt: skip
    for what in FAULTS:
        moments = [at for at, done in soak.done if done == what]
        near = [one for one in crowd.told if any(0 <= one.due - at < 10 for at in moments)]
        lost, late = sum(map(is_lost, near)), max((one.took for one in near), default=0.0)
        found.append(rows.row(f"{what}, {len(moments)} times: in the ten seconds after each",
                              f"{lost} of {len(near):,} failed, {sum(one.first != 0 for one in near)} were sent again, "
                              f"slowest {late:.1f} s", "told", True))  # fmt: skip
    for what in ("memory", "files", "threads"):
        values = [one[what] for one in soak.seen]
        third = len(values) // 3
        middle, last = median(values[third : 2 * third]), median(values[2 * third :])
        slope = (last / middle - 1) / (minutes / 60 / 3)
        bar, holds = "told", True
        if minutes >= LONG_MIN:
            bar, holds = f"<= {SLOPE:.0%} an hour", slope <= SLOPE
        elif minutes >= SHORT_MIN:
            bar, holds = f"<= {GROWTH:.0%} from the middle third to the last", last <= (1 + GROWTH) * middle
        shown = (f"{middle / 1e6:.0f} to {last / 1e6:.0f} MB" if what == "memory" else f"{middle:.0f} to {last:.0f}")
        found.append(rows.row(f"{what} of all processes", f"{shown} ({slope:+.0%} an hour)", bar, holds))
    most = max(one["wal"] for one in soak.seen)
    return [*found, rows.row("largest write-ahead log", f"{most / 1e6:.1f} MB", f"<= {WAL / 1e6:.0f} MB", most <= WAL)]


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long")
    given, rest = parser.parse_known_args()

    def measure(quick: bool) -> list[rows.Row]:
        minutes, every = (1.0, 6.0) if quick else (given.minutes, 60.0)
        with tempfile.TemporaryDirectory(prefix="teahouse-soak-") as scratch:
            return told(*run(Path(scratch), minutes * 60, every), minutes)

    return rows.main((__doc__ or "").partition("\n")[0], measure, rest, own=parser)


if __name__ == "__main__":
    sys.exit(main())
