"""Noticing: looks now and then for what the owner should hear of, and asks the loop to tell it. Calls nobody itself."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import Any

from teahouse import ids, telemetry
from teahouse.monitor import notices as monitor
from teahouse.site.deps import Deps
from teahouse.store import jobs, notices

log = telemetry.log("site")

LOOK_S = 20.0
AGAIN_MS = 600_000
"""A way that did not work is tried again after ten minutes."""


class Noticing:
    """Looks every twenty seconds, where [notify] names somebody."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.looked = float("-inf")

    async def look(self) -> None:
        """One look, if it is time."""
        now = time.monotonic()
        if not self.deps.settings.notify.is_set or now - self.looked < LOOK_S:
            return
        self.looked = now
        await asyncio.to_thread(notice, self.deps)


def notice(deps: Deps) -> bytes | None:
    """Writes down what is new, and asks for a job where something waits to be told; the job's id, or None."""
    at = deps.clock()
    usage = shutil.disk_usage(deps.house.data)
    with deps.house.db.read() as c:
        found = monitor.due(
            c, at, asks=deps.settings.loop.promote == "ask", disk=monitor.Disk(usage.free, usage.total)
        )
        new = [one for one in found if not notices.holds(c, one.kind, one.ref)]
        waiting = notices.waiting(c, at - monitor.NEWS_MS)
        busy = jobs.unfinished(c, "notify")
    if busy or not (new or waiting):
        return None

    def write(c: Any) -> tuple[bytes, bool]:
        for one in new:
            notices.add(c, one.kind, one.ref, one.words, at)
        last = max((row.seq for row in notices.waiting(c, at - monitor.NEWS_MS)), default=0)
        return jobs.ask(c, ids.new_id(), "notify", None, {}, "site", f"notify:{last}:{at // AGAIN_MS}", at)

    job, is_new = deps.house.db.write(write)
    return job if is_new else None
