"""Mirror: a challenger in the shadow is asked what visitors ask the champion. Nobody sees its answer; it is counted.

What it says is not kept: no row, no photo, only how many answers came, how many errors, how many said something else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from teahouse import telemetry
from teahouse.errors import InputBroke, InputError, QueueFull, TeahouseError
from teahouse.site.budget import work_s
from teahouse.store import tallies

if TYPE_CHECKING:
    from teahouse.engine.port import Answer
    from teahouse.site.deps import Deps, Live
    from teahouse.site.predict import Asked

log = telemetry.log("site")

HOUR_MS = 3_600_000
MOST = 60  # requests that one challenger is tried on in a minute: it shall not take the machine from visitors


def is_its_own(error: TeahouseError) -> bool:
    """Whether an error speaks against the release: not a full house, and nothing that is wrong with what was given."""
    return not isinstance(error, QueueFull) and (isinstance(error, InputBroke) or not isinstance(error, InputError))


@dataclass
class Mirror:
    """`targets`: by app the release that is to be tried, as the rollouts' ticker says. Lives in one event loop."""

    targets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    at_work: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    begun: dict[str, list[float]] = field(default_factory=dict)

    def offer(self, deps: Deps, asked: Asked, told: Answer) -> asyncio.Task[None] | None:
        """Try the challenger on a request that the champion has answered, unless it is still busy with another."""
        release = self.targets.get(asked.shown.name)
        if release is None or asked.arm != "full" or release in self.at_work:
            return None
        live = next((one for one in asked.shown.shadows if one.release == release and one.ready), None)
        if live is None or live.fields.keys() != asked.parts.keys() or not self.may_begin(release):
            return None
        task = asyncio.create_task(self._try(deps, asked, live, told), name=f"mirror {release[:12]}")
        self.at_work[release] = task
        task.add_done_callback(lambda _: self.at_work.pop(release, None))
        return task

    def may_begin(self, release: str) -> bool:
        """Whether it may be tried on one more request in this minute; then that counts."""
        now = time.monotonic()
        lately = [at for at in self.begun.get(release, []) if now - at < 60]
        if len(lately) >= MOST:
            return False
        others = {one: times for one, times in self.begun.items() if now - times[-1] < 60}
        self.begun = {**others, release: [*lately, now]}
        return True

    async def _try(self, deps: Deps, asked: Asked, live: Live, told: Answer) -> None:
        began = time.monotonic()
        what = ["answers"]
        try:
            found = await deps.engine.predict(live.release, asked.parts, began + asked.shown.deadline_s, "idle")
            deps.costs.work(live.app, "open", work_s(found))
            if said(found.output) != said(told.output):
                what.append("differs")
        except TeahouseError as error:
            deps.costs.work(live.app, "open", work_s(error))
            if isinstance(error, QueueFull):
                return
            what = ["errors"]  # the champion answered the very same: whatever it is, it is the challenger's
            log.warning("shadow-not-answered", app=live.app, release=live.release[:12], code=error.code)
        ms, at = (time.monotonic() - began) * 1000, deps.clock()

        def write(c: Any) -> None:
            for one in what:
                counted = tallies.Tally(live.app, live.release, "shadow", at // HOUR_MS, one, 1, ms)
                tallies.add(c, counted)

        await deps.house.db.write_async(write)


def said(output: Any) -> Any:
    """What two answers are compared by: the label; nothing of what has none."""
    return output.get("label") if isinstance(output, dict) else None
