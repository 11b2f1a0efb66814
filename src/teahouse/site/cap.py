"""Cap: what a day and a month may cost; past it free play is closed for today, and what was paid for goes on.

Counted are the seconds that workers were at work for visitors, and the bytes that came in and went out (see `costs`).
Days and months are UTC's."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from teahouse.errors import ClosedForToday
from teahouse.settings import Money
from teahouse.site import costs
from teahouse.store import notices, tallies

if TYPE_CHECKING:
    from teahouse.site.deps import Deps

LOOK_S, HOUR_MS, HOUR_S, GB = 5.0, 3_600_000, 3600.0, 1e9
WARN = (50, 80, 100)  # percent of a cap at which the owner is told
UNITS = {"hours": "hours of work", "gb": "GB", "costs": "in costs"}


@dataclass(frozen=True)
class Used:
    """What was used of a day or a month so far."""

    seconds: float = 0.0
    bytes: float = 0.0

    def of(self, unit: str, money: Money) -> float:
        """In hours, GB or money."""
        hours, gb = self.seconds / HOUR_S, self.bytes / GB
        return {"hours": hours, "gb": gb, "costs": hours * money.hour_costs + gb * money.gb_costs}[unit]


@dataclass(frozen=True)
class Limit:
    """One cap that is set: of a `day` or a `month`, in one of UNITS. since: when that began, as its name."""

    period: str
    unit: str
    most: float
    used: float
    since: str

    @property
    def share(self) -> float:
        """How much of it is used, 1 for all."""
        return self.used / self.most

    @property
    def words(self) -> str:
        """The cap in words: "1.2 of 3 hours of work this month"."""
        when = "today" if self.period == "day" else "this month"
        return f"{self.used:,.3g} of {self.most:,.3g} {UNITS[self.unit]} {when}"


class Cap:
    """What is used, looked at every few seconds and added up between. Any thread reads; the reconciler looks."""

    def __init__(self) -> None:
        self.limits: tuple[Limit, ...] = ()
        self.closed: ClosedForToday | None = None
        self.looked = float("-inf")

    async def look(self, deps: Deps) -> None:
        """One look, if it is time."""
        if time.monotonic() - self.looked >= LOOK_S:
            self.looked = time.monotonic()
            await asyncio.to_thread(self.see, deps)

    def see(self, deps: Deps) -> None:
        """Keeps what was added up, counts what is used, writes down what the owner is to hear of, and closes or opens
        free play."""
        deps.costs.keep(deps)
        at, money = deps.clock(), deps.settings.money
        if next(caps(money), None) is None:
            return
        apps = [costs.SITE, *deps.serving.apps]
        with deps.house.db.read() as c:
            found = {period: used(c, apps, began(period, at)) for period in ("day", "month")}
            limits = tuple(
                Limit(period, unit, most, found[period].of(unit, money), began(period, at).date().isoformat())
                for period, unit, most in caps(money)
            )
            told = [
                (f"{one.period}:{one.unit}:{one.since}:{share}", f"{share} % of the cap is used: {one.words}.")
                for one in limits for share in WARN if one.share * 100 >= share
            ]  # fmt: skip
            new = [(ref, words) for ref, words in told if not notices.holds(c, "cap", ref)]
        if new:
            deps.house.db.write(lambda c: [notices.add(c, "cap", ref, words, at) for ref, words in new])
        full = [one for one in limits if one.share >= 1]
        self.limits, self.closed = limits, closed_until(max(map(ends, full)), at) if full else None

    def refuse(self) -> None:
        """Raises ClosedForToday while free play is closed."""
        if self.closed is not None:
            raise ClosedForToday(self.closed.what, self.closed.why, self.closed.do_next, **self.closed.extra)


def caps(money: Money) -> Iterator[tuple[str, str, float]]:
    """(period, unit, most) of each cap that is set."""
    for period in ("day", "month"):
        for unit in UNITS:
            if most := getattr(money, f"{period}_{unit}"):
                yield period, unit, most


def used(c: Any, apps: list[str], since: datetime) -> Used:
    """What answers of these apps took since then."""
    hour = int(since.timestamp() * 1000) // HOUR_MS
    sums = [tallies.sums(c, app, (*costs.WORK, costs.BYTES), hour) for app in apps]
    seconds = sum(one[what][1] for one in sums for what in costs.WORK if what in one)
    return Used(seconds, sum(one[costs.BYTES][1] for one in sums if costs.BYTES in one))


def began(period: str, at: int) -> datetime:
    """When the day or the month of this moment (ms UTC) began."""
    day = datetime.fromtimestamp(at / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if period == "day" else day.replace(day=1)


def ends(limit: Limit) -> datetime:
    """When a cap begins anew."""
    since = datetime.fromisoformat(limit.since).replace(tzinfo=UTC)
    return since + timedelta(days=1) if limit.period == "day" else (since + timedelta(days=32)).replace(day=1)


def closed_until(when: datetime, at: int) -> ClosedForToday:
    """What visitors hear past the cap."""
    wait = max(1, math.ceil(when.timestamp() - at / 1000))
    day = wait <= 24 * HOUR_S
    return ClosedForToday(
        "Closed for today." if day else "Closed for now.",
        "So many came that its maker's budget is used up. Thank you!",
        f"It opens again {'at midnight (UTC)' if day else f'on {when:%d %B}'}.",
        retry_after=wait,
    )
