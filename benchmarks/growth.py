"""Growth: does a house with a million answers answer as fast as one with ten thousand?

    python benchmarks/growth.py [--quick] [--report FILE]
    TEAHOUSE_GROWN=10000000 python benchmarks/growth.py --report FILE

Two sites on this machine, each a `teahouse serve` on a disk: the one with 10,000 predictions, the other with a million
(or as many as TEAHOUSE_GROWN says), of eighty days and as many visitors as a fifth of that, one in twenty with a word,
and their tallies. A client plays (a photo that differs each time) and opens the page and every room of the owner, on
the one site and the other in turn; a ratio is that of their medians, or of their p99. What the disk had in its cache
when it was filled stays there: a site that has run for long looks no different.

--quick: 100,000 predictions, 60 rounds; else 600 rounds of plays and 40 of rooms: some ten minutes.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import rows

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.journeys.conftest import printed_link  # noqa: E402
from tests.standard.houses import RealHouse  # noqa: E402

from teahouse import ids, testing  # noqa: E402
from teahouse.store import tables, tallies  # noqa: E402
from teahouse.store.house import House  # noqa: E402

SMALL, GROWN, QUICK_GROWN, BAR = 10_000, 1_000_000, 100_000, 1.2
PLAYS, ROOMS_SEEN, QUICK = 600, 40, 60
DAYS, DAY_MS, HOUR_MS, A_TIME = 80, 86_400_000, 3_600_000, 20_000
PASSWORD = "six plain words would do here"  # noqa: S105  a site of this script alone
ROOMS = ("", "predictions", "review", "monitor", "load", "timeline", "reports", "versions", "runs", "releases")


@dataclass
class Site:
    """A site that stands, and who asks it: a visitor, and its owner."""

    visitor: httpx.Client
    owner: httpx.Client

    def play(self, photo: bytes) -> float:
        """Milliseconds of one answer."""
        began = time.perf_counter()
        told = self.visitor.post(f"/api/apps/{testing.APP}/predictions", content=photo)
        took = (time.perf_counter() - began) * 1000
        told.raise_for_status()
        return took

    def look(self, client: httpx.Client, path: str) -> float:
        """Milliseconds of one page."""
        began = time.perf_counter()
        told = client.get(path)
        took = (time.perf_counter() - began) * 1000
        told.raise_for_status()
        return took


def fill(house: House, release: str, count: int) -> None:
    """So many predictions, their tallies, and the words of visitors."""
    dice, end, counted = random.Random(count), ids.now_ms() - DAY_MS, Counter[int]()
    visitors = [dice.randbytes(16) for _ in range(max(1, count // 5))]
    began, step = end - DAYS * DAY_MS, DAYS * DAY_MS / count
    for first in range(0, count, A_TIME):
        told, said = [], []
        for n in range(first, min(count, first + A_TIME)):
            at, sure = int(began + n * step), round(dice.uniform(0.5, 1), 3)
            counted[at // HOUR_MS] += 1
            label, other = dice.sample(testing.LABELS, 2)
            id_ = at.to_bytes(6) + dice.randbytes(10)
            told.append({"at": at, "id": id_, "app": testing.APP, "release": release, "form": "fp32", "arm": "full",
                         "visitor": dice.choice(visitors), "network": dice.randbytes(32), "given": dice.randbytes(32),
                         "output": {"label": label, "scores": {label: sure, other: round(1 - sure, 3)}}, "key": None,
                         "held": False, "cached": False, "ms": dice.uniform(5, 40), "shadow_of": None, "seed": None,
                         "look": {"brightness": 0.5, "blur": 2.1, "side": 320, "device": "phone"}})  # fmt: skip
            if n % 20 == 0:
                said.append({"at": at, "id": dice.randbytes(16), "prediction": id_, "visitor": told[-1]["visitor"],
                             "idem": "once", "kind": "agree", "value": True})  # fmt: skip
        house.db.write(lambda c, told=told, said=said: (c.execute(tables.predictions.insert(), told),
                                                        c.execute(tables.feedback.insert(), said)))  # fmt: skip
    by_hour = [tallies.Tally(testing.APP, release, "full", hour, what, n, total * n)
               for hour, n in counted.items() for what, total in (("answers", 20.0), ("words", 0.9))]  # fmt: skip
    house.db.write(lambda c: tallies.add_all(c, by_hour))


@contextmanager
def site(folder: Path, count: int) -> Iterator[Site]:
    """A site with so many predictions, claimed."""
    real = RealHouse(folder)
    with testing.open_house(real.data) as house:
        began = time.monotonic()
        fill(house, testing.install_tiny(house), count)
        house.db.checkpoint()
        sys.stderr.write(f"{count:,} predictions written in {time.monotonic() - began:.0f} s\n")
    real.start()
    own = {"Origin": real.url, "Sec-Fetch-Site": "same-origin"}
    photo = {"Content-Type": "image/jpeg"}
    with real, httpx.Client(base_url=real.url, headers={**own, **photo}, timeout=60) as visitor, httpx.Client(
        base_url=real.url, headers=own, timeout=60
    ) as owner:  # fmt: skip
        token = printed_link(real).rpartition("/")[2]
        owner.post("/api/owner/session", json={"password": PASSWORD, "token": token}).raise_for_status()
        yield Site(visitor, owner)


def measure(quick: bool) -> list[rows.Row]:
    """The ratios of the large site's times to the small one's."""
    grown = int(os.environ.get("TEAHOUSE_GROWN", QUICK_GROWN if quick else GROWN))
    plays, rooms = (QUICK, QUICK // 6) if quick else (PLAYS, ROOMS_SEEN)
    took: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    with tempfile.TemporaryDirectory(prefix="teahouse-growth-", dir="/var/tmp") as scratch, ExitStack() as stack:  # noqa: S108  on a disk
        sites = [stack.enter_context(site(Path(scratch) / str(n), n)) for n in (SMALL, grown)]
        for turn in range(plays):
            for which, one in sorted(enumerate(sites), key=lambda pair: (pair[0] + turn) % 2):
                took["an answer"][which].append(one.play(testing.photo("warm", 7919 * turn + which)))
                if turn % (plays // rooms) == 0:
                    took["the play page"][which].append(one.look(one.visitor, f"/{testing.APP}"))
                    for room in ROOMS:
                        took[f"the owner's {room or 'today'}"][which].append(one.look(one.owner, f"/owner/{room}"))
    return [row for name, pair in took.items() for row in told(name, pair, grown)]


def told(name: str, pair: tuple[list[float], list[float]], grown: int) -> list[rows.Row]:
    """A thing's rows: the ratio of the medians, and of an answer that of p99 too."""
    found = []
    for what, share in (("p50", 0.5), ("p99", 0.99)) if name == "an answer" else (("p50", 0.5),):
        small, large = (median(one) if share == 0.5 else sorted(one)[int(share * len(one))] for one in pair)  # noqa: PLR2004
        words = f"{large / small:.2f} ({small:.1f} and {large:.1f} ms)"
        found.append(rows.row(f"growth: {name}, {what}: {grown:,} predictions against {SMALL:,}", words,
                              f"<= {BAR}", large <= BAR * small))  # fmt: skip
    return found


if __name__ == "__main__":
    raise SystemExit(rows.main(__doc__, measure))
