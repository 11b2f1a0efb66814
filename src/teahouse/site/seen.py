"""Seen: how visitors' photos look and how they are answered, counted in memory and written down once a second.

A row of the tallies a day and bin: `brightness:3` is the fourth bin of the release's own deciles, `labels:green` an
answer, `familiarity:0` a photo unlike any that it learned from, `device:phone` where it came from.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from teahouse.model import figures
from teahouse.monitor import days, drift
from teahouse.store import drifts, notices, tallies

if TYPE_CHECKING:
    from teahouse.engine.port import Answer, Form
    from teahouse.site.deps import Deps, Live

FOLD_S = 1.0
DAY_MS = 86_400_000
OF_VISITOR, OF_NETWORK = 5, 200
"""Photos a day that are counted of one visitor, and of one network: ten photos of one kitchen are not ten kitchens, and
nobody shall raise an alarm alone."""
LAST = 200
"""Answers of one release whose time of work is known."""
GROWN = 1.05
"""Drift is looked for again when this many times as many photos were counted."""
PHONE = re.compile(r"Mobi|Android|iPhone|iPad|iPod")
COMPUTER = re.compile(r"Windows NT|Macintosh|X11|CrOS|Linux")


def device_of(agent: str) -> str:
    """phone, computer or other, by what a browser says of itself; nothing finer is looked at or kept."""
    return "phone" if PHONE.search(agent) else "computer" if COMPUTER.search(agent) else "other"


class Looks:
    """What was seen since it was last written down, by (app, release, arm, day, what)."""

    def __init__(self) -> None:
        self.n: Counter[tuple[str, str, str, int, str]] = Counter()
        self.total: Counter[tuple[str, str, str, int, str]] = Counter()
        self.of: Counter[bytes] = Counter()
        self.day = -1
        self.folded = float("-inf")
        self.counted: Counter[tuple[str, str]] = Counter()
        self.checked: Counter[tuple[str, str]] = Counter()
        self.work: dict[tuple[str, str], deque[float]] = {}
        self.ran: dict[tuple[str, str], Form] = {}

    def took(self, live: Live, arm: str, told: Answer) -> None:
        """Note what an answer took its worker, in ms, where it was worked out by itself, on as many cores as any: how
        long it waited, and how many shared the work or the cores, says how many came, and nothing of the release. It
        begins anew where that is to run in another form."""
        if self.ran.get((live.release, arm)) != live.wants:
            self.work.pop((live.release, arm), None)
            self.ran[live.release, arm] = live.wants
        if told.batch == 1 and not told.alone:
            mine = self.work.setdefault((live.release, arm), deque(maxlen=LAST))
            mine.append(told.ms.get("decode", 0.0) + told.ms.get("infer", 0.0))

    def add(self, live: Live, arm: str, told: Answer, who: tuple[bytes, bytes], look: Any, at: int) -> None:
        """Count one answer that a visitor saw; no more than so many of one visitor and one network a day."""
        day = at // DAY_MS
        if day != self.day:
            self.day, self.of = day, Counter()
        if arm not in days.SEEN or self.of[who[0]] >= OF_VISITOR or self.of[who[1]] >= OF_NETWORK:
            return
        self.of.update(who)
        self.counted[live.app, live.release] += 1
        for what, value in measured(live.manifest.figures, told, look):
            key = (live.app, live.release, arm, day, what)
            self.n[key] += 1
            self.total[key] += value

    def take(self) -> list[tallies.Tally]:
        """What is to be written down; from here on it counts as written."""
        n, total, self.n, self.total = self.n, self.total, Counter(), Counter()
        return [
            tallies.Tally(app, release, arm, day * 24, what, count, total[app, release, arm, day, what])
            for (app, release, arm, day, what), count in n.items()
        ]

    def put_back(self, rows: list[tallies.Tally]) -> None:
        """These could not be written after all."""
        for row in rows:
            key = (row.app, row.release, row.arm, row.hour // 24, row.what)
            self.n[key] += row.n
            self.total[key] += row.total

    def due(self) -> list[tuple[str, str]]:
        """The apps and releases of which so much more was counted that drift may show."""
        return [key for key, n in self.counted.items() if n >= max(self.checked[key] + 1, self.checked[key] * GROWN)]


def measured(known: Mapping[str, Any], told: Answer, look: Any) -> list[tuple[str, float]]:
    """(what:bin, value) of one answer, in the bins of the release's own figures."""
    found: list[tuple[str, float]] = []
    values = {what: look[what] for what in figures.WHAT if look and what in look}
    scores = told.output.get("scores") if isinstance(told.output, Mapping) else None
    if scores:
        values["confidence"] = max(scores.values())
        found.append((f"labels:{told.output['label']}", 0.0))
    for what, value in values.items():
        edges = (known.get(what) or {}).get("edges", ())
        found.append((f"{what}:{figures.bin_of(edges, figures.rounded(what, value))}", float(value)))
    if told.familiar is not None:
        found.append((f"familiarity:{int(told.familiar)}", 0.0))
    if look and "device" in look:
        found.append((f"device:{look['device']}", 0.0))
    return found


async def fold(deps: Deps, patience: float = FOLD_S) -> None:
    """Once in `patience` seconds, writes down what was seen, and what has drifted away from the training."""
    looks, now = deps.looks, time.monotonic()
    if not looks.n or now - looks.folded < patience:
        return
    looks.folded = now
    rows = looks.take()

    def write(c: Any) -> None:
        for row in rows:
            tallies.add(c, row)

    try:
        await deps.house.db.write_async(write)
    except Exception:
        looks.put_back(rows)
        raise
    for app, release in looks.due():
        looks.checked[app, release] = looks.counted[app, release]
        await asyncio.to_thread(look_for_drift, deps, app, release)


def look_for_drift(deps: Deps, app: str, release: str) -> list[drift.Drift]:
    """Tests what visitors gave a release against its training, and writes down what is new: one row each for ever. It
    asks for a look, and puts nothing on or off."""
    shown = deps.serving.apps.get(app)
    live = shown.champion if shown is not None else None
    if live is None or live.release != release:
        return []
    with deps.house.db.read() as c:
        weeks = drift.weeks(tallies.by_week(c, app, release, days.SEEN))
        known = {row.what for row in drifts.of_release(c, release)}
    found = [one for one in drift.find(live.manifest.figures, weeks) if one.what not in known]
    if not found:
        return []
    at = deps.clock()

    def write(c: Any) -> None:
        for one in found:
            words = f"{live.manifest.title}, release {live.number}: {one.words}"
            if drifts.add(c, app, release, one.what, {**one.numbers(), "words": one.words}, at):
                notices.add(c, "drift", f"{release[:32]}:{one.what}", words, at)

    deps.house.db.write(write)
    return found
