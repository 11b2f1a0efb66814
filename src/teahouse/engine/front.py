"""The local engine: one worker process a live release, one without a model. Replaces before it retires."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from teahouse.engine import wire
from teahouse.engine.desks import BARE, Desks, EngineRules
from teahouse.engine.port import Answer, Cleaned, EngineState, Json, Ready, Wanted
from teahouse.engine.process import WorkerLimits
from teahouse.errors import InputError, NotReady, QueueFull
from teahouse.settings import Settings
from teahouse.spec.fields.protocol import Picture

COUNTS = ("asked", "answered", "full", "late", "broke", "died", "started")


class LocalEngine:
    """Answers with worker processes of this machine; see engine.port.Engine. Lives and is closed in one event loop."""

    def __init__(self, releases: Path, *, settings: Settings, rules: EngineRules | None = None) -> None:
        self._settings, self._rules = settings, rules or EngineRules()
        limits = WorkerLimits(settings.engine.memory_mb, self._rules.threads, bound=True)
        self._desks = Desks(Path(releases), limits, self._rules, settings.engine.deadline_s)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wanted: dict[str, Wanted] = {}
        self._kept: dict[str, str] = {}

    async def ensure(self, wanted: Sequence[Wanted]) -> Sequence[Ready]:
        """Ready (or why not) for each wanted release, in order; then what is not wanted is drained."""
        self._loop = asyncio.get_running_loop()
        before, now = _champions(self._wanted.values()), _champions(wanted)
        left = {app: release for app, release in before.items() if now.get(app) != release}
        self._kept = {app: kept for app, kept in self._kept.items() if kept in self._desks} | left
        self._wanted = {each.release: each for each in wanted}
        self._desks.compared = _compared(wanted)
        for release in self._wanted:
            self._desks.stay(release)
        ready = await asyncio.gather(*map(self._desks.opened, self._wanted.values()))
        found = dict(zip(self._wanted, ready, strict=True))
        for release in [each for each in self._desks if each not in self._wanted and each != BARE]:
            kept = release in self._kept.values()
            self._desks.leave(release, self._rules.keep_champion_s if kept else self._rules.linger_s)
        return [found[each.release] for each in wanted]

    async def predict(
        self, release: str, given: Mapping[str, bytes | Json], until: float, lane: str = "free"
    ) -> Answer:
        """One answer before `until` (seconds of time.monotonic)."""
        desk = self._desks.get(release)
        if desk is None:
            raise NotReady("This app cannot answer yet.", "Its release is not loaded.", "Try again in a moment.")
        frame = await desk.ask("predict", given, until, lane)
        header = frame.header
        return Answer(
            header["output"],
            wire.pictures(frame),
            desk.ready.form,
            header["ms"],
            header["batch"],
            header.get("familiar"),
            header.get("score"),
            header.get("look"),
            bool(header.get("alone")),
        )

    def wake(self, release: str) -> None:
        """A sleeping release gets a worker. From any thread."""
        desk = self._desks.get(release)
        if desk is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(desk.wake)

    def full(self, release: str, until: float, lane: str = "free") -> QueueFull | None:
        """The refusal of a call that comes now, or None."""
        desk = self._desks.get(release)
        return desk.traffic.full(until, lane) if desk is not None else None

    def place(self, release: str, given: Mapping[str, bytes | Json]) -> tuple[int, float] | None:
        """The place of a call that waits, from 1, and its seconds to wait; None where it does not wait."""
        desk = self._desks.get(release)
        return desk.traffic.place_of(given) if desk is not None else None

    async def clean(self, data: bytes, field: Json = None) -> Cleaned:
        """The picture encoded again. InputError where it can not be read."""
        until = time.monotonic() + self._settings.engine.deadline_s
        frame = await self._desks.bare().ask("clean", {"input": data, "field": field}, until, "owner")
        pictures, told = wire.pictures(frame), frame.header["output"]
        if not pictures:
            raise InputError("This picture cannot be read.")
        return Cleaned(pictures[0].data, pictures[0].media_type, told["width"], told["height"], bytes(told["near"]))

    async def light(self, data: bytes, side: int, lane: str = "free") -> Picture:
        """A small copy, made by the worker without a model."""
        until = time.monotonic() + self._settings.engine.deadline_s
        frame = await self._desks.bare().ask("light", {"input": data, "side": side}, until, lane)
        return wire.pictures(frame)[0]

    async def card(self, texts: Mapping[str, str], pictures: Sequence[bytes] = ()) -> bytes:
        """The card of a page, drawn by the worker without a model."""
        until = time.monotonic() + self._settings.engine.deadline_s
        given = {"texts": dict(texts), **{f"picture {at}": data for at, data in enumerate(pictures)}}
        frame = await self._desks.bare().ask("card", given, until, "owner")
        return wire.pictures(frame)[0].data

    def state(self) -> EngineState:
        """What is ready, how long the queues are, the workers' memory, counts since the start."""
        desks = self._desks.all()
        counts = sum((desk.traffic.counts for desk in desks), Counter(self._desks.gone))
        return EngineState(
            ready=tuple(desk.ready for name, desk in self._desks.items() if name != BARE and not desk.ready.why),
            queue=sum(desk.traffic.waiting for desk in desks),
            wait=max((desk.traffic.wait_for("free") for desk in desks), default=0.0),
            memory=sum(_memory(desk.pid) for desk in desks),
            counts={name: counts[name] for name in COUNTS},
            asleep=tuple(name for name, desk in self._desks.items() if desk.asleep and name != BARE),
        )

    async def close(self) -> None:
        """Answers what is in flight and ends every worker."""
        await self._desks.close()


def _compared(wanted: Sequence[Wanted]) -> frozenset[str]:
    """The releases of apps that have a canary: it is compared how long each takes."""
    apps = {each.app for each in wanted if each.state == "canary"}
    return frozenset(each.release for each in wanted if each.app in apps)


def _champions(wanted: Iterable[Wanted]) -> dict[str, str]:
    """The release that is full, by app."""
    return {each.app: each.release for each in wanted if each.state == "full"}


def _memory(pid: int | None) -> int:
    """Bytes that a process holds; 0 where it is gone."""
    if pid is None:
        return 0
    import psutil

    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0
