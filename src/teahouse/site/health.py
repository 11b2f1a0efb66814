"""Is the house well: alive, ready (by a real prediction), and its counts for Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from fastapi import Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from teahouse.errors import NotReady, TeahouseError
from teahouse.site.deps import Deps, Live, deps_of
from teahouse.store import tallies

READY_S, KEPT_S = 5.0, 2.0
HOUR_MS = 3_600_000


def alive(request: Request) -> Response:
    """The web process answers."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """Every open app answers one of its own examples through the engine, else 503 with the reason."""
    deps = deps_of(request)
    if not deps.serving.settled:
        raise NotReady("The site is just opening.", retry_after=1)
    champions = [shown.champion for shown in deps.serving.apps.values() if shown.champion is not None]
    for live in champions:
        if not live.ready:
            raise NotReady(f'The release of "{live.app}" is not loaded.', live.why, retry_after=2)
    return JSONResponse({"ready": True, "apps": await request.app.state.readiness.of(deps, champions)})


class Readiness:
    """What the apps answered to their examples: anybody may ask, and it costs one try in two seconds."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._told: tuple[list[str], float, dict[str, str] | NotReady] | None = None

    async def of(self, deps: Deps, champions: list[Live]) -> dict[str, str]:
        """By app 'answered', 'loaded' or 'asleep', or NotReady; for new releases anew."""
        releases = [live.release for live in champions]
        async with self._turn:
            if self._told is None or self._told[0] != releases or self._told[1] < time.monotonic():
                found: dict[str, str] | NotReady
                asleep = deps.engine.state().asleep  # ready too: whoever looks after the house wakes nobody
                try:
                    found = {
                        live.app: "asleep" if live.release in asleep else await _try(deps, live) for live in champions
                    }
                except NotReady as error:
                    found = error
                self._told = releases, time.monotonic() + KEPT_S, found
            told = self._told[2]
        if isinstance(told, NotReady):
            raise NotReady(told.what, told.why, told.do_next, **told.extra)
        return told


async def _try(deps: Deps, live: Live) -> str:
    """'answered' after a real prediction, 'loaded' where the release has no example to try."""
    parts = await run_in_threadpool(example_parts, deps, live, 0)
    if parts is None:
        return "loaded"
    try:
        await deps.engine.predict(live.release, parts, time.monotonic() + READY_S, "owner")
    except TeahouseError as error:
        raise NotReady(f'The app "{live.app}" does not answer.', str(error), retry_after=2) from error
    return "answered"


def example_parts(deps: Deps, live: Live, index: int) -> dict[str, object] | None:
    """The inputs of a release's example as `Engine.predict` takes them, or None where there is no such example."""
    if index >= len(live.manifest.examples):
        return None
    given = live.manifest.examples[index]["inputs"]
    folder = deps.house.releases / live.release
    return {
        name: (folder / given[name]).read_bytes() if field.binary else given[name]
        for name, field in live.fields.items()
    }


def metrics(request: Request) -> Response:
    """Counts in Prometheus' text format: of this process, of the engine now, of the last day's tallies."""
    registry = CollectorRegistry()
    registry.register(Counts(deps_of(request)))  # type: ignore[arg-type]
    return PlainTextResponse(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


class Counts:
    """Reads what Prometheus is told at the moment it asks."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps

    def collect(self) -> Iterator[Metric]:
        """The metrics, one family after another."""
        yield from self.deps.pulse.collect()
        state = self.deps.engine.state()
        queue = GaugeMetricFamily("teahouse_queue", "Requests that wait for a worker.")
        queue.add_metric([], state.queue)
        yield queue
        memory = GaugeMetricFamily("teahouse_worker_memory_bytes", "Memory of all workers.")
        memory.add_metric([], state.memory)
        yield memory
        engine = GaugeMetricFamily("teahouse_engine", "Calls and workers since the start.", labels=["what"])
        for what, n in state.counts.items():
            engine.add_metric([what], n)
        yield engine
        labels = ["app", "release", "state"]
        live = GaugeMetricFamily("teahouse_release_ready", "1 for each loaded release.", labels=labels)
        for shown in self.deps.serving.apps.values():
            for one in (shown.champion, *shown.canaries, *shown.shadows):
                if one is not None:
                    live.add_metric([one.app, one.release[:12], one.state], int(one.ready))
        yield live
        yield from self.tallied()

    def tallied(self) -> Iterator[Metric]:
        """The tallies of the last 24 hours; `total` of answers is in milliseconds."""
        since = self.deps.clock() // HOUR_MS - 23
        names = ["app", "release", "arm", "what"]
        counts = GaugeMetricFamily("teahouse_tally_day", "Counted in the last 24 hours.", labels=names)
        totals = GaugeMetricFamily("teahouse_tally_day_total", "Sums of the last 24 hours.", labels=names)
        summed: dict[tuple[str, str, str, str], tuple[int, float]] = {}
        with self.deps.house.db.read() as c:
            for app in self.deps.serving.apps:
                for row in tallies.read(c, app, since):
                    if ":" in row.what:  # the bins of the monitor's curves: a page draws them
                        continue
                    key = (app, row.release[:12], row.arm, row.what)
                    n, total = summed.get(key, (0, 0.0))
                    summed[key] = (n + row.n, total + row.total)
        for key, (n, total) in summed.items():
            counts.add_metric(list(key), n)
            totals.add_metric(list(key), total)
        yield counts
        yield totals
