"""The local engine: one worker process a live release, one without a model. Replaces before it retires."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from teahouse import ids
from teahouse.engine import wire
from teahouse.engine.desk import Desk, DeskRules
from teahouse.engine.port import Answer, Cleaned, EngineState, Json, Ready, Wanted
from teahouse.engine.process import WorkerLimits, WorkerProcess
from teahouse.errors import InputError, NotReady, QueueFull
from teahouse.settings import Settings
from teahouse.spec.fields.protocol import Picture
from teahouse.telemetry import log

BARE = "bare"
COUNTS = ("asked", "answered", "full", "late", "broke", "died", "started")


@dataclass(frozen=True)
class EngineRules:
    """keep_champion_s: how long an app's last champion stays loaded after it left.

    linger_s: how long any other does, so that who still routes by the table of a moment ago gets an answer.
    retry_s: when a release that did not start may be tried again."""

    keep_champion_s: float = 600.0
    linger_s: float = 5.0
    retry_s: float = 60.0
    threads: int = 1
    desk: DeskRules = field(default_factory=DeskRules)


@dataclass(frozen=True)
class Leaving:
    """A release that is no longer wanted: when it goes (time.monotonic), and the task that will see to it."""

    at: float
    task: asyncio.Task


class LocalEngine:
    """Answers with worker processes of this machine; see engine.port.Engine. Lives and is closed in one event loop."""

    def __init__(self, releases: Path, *, settings: Settings, rules: EngineRules | None = None) -> None:
        self._releases, self._settings, self._rules = Path(releases), settings, rules or EngineRules()
        self._limits = WorkerLimits(settings.engine.memory_mb, self._rules.threads, bound=True)
        self._log = log("engine")
        self._desks: dict[str, Desk] = {}
        self._wanted: dict[str, Wanted] = {}
        self._kept: dict[str, str] = {}
        self._leaving: dict[str, Leaving] = {}
        self._retiring: list[Desk] = []
        self._gone: Counter[str] = Counter()

    async def ensure(self, wanted: Sequence[Wanted]) -> Sequence[Ready]:
        """Ready (or why not) for each wanted release, in order; then what is not wanted is drained."""
        before, now = _champions(self._wanted.values()), _champions(wanted)
        self._kept |= {app: release for app, release in before.items() if now.get(app) != release}
        self._wanted = {each.release: each for each in wanted}
        for release in self._wanted:
            self._stay(release)
        found = dict(zip(self._wanted, await asyncio.gather(*map(self._open, self._wanted)), strict=True))
        for release in [each for each in self._desks if each not in self._wanted and each != BARE]:
            kept = release in self._kept.values()
            self._leave(release, self._rules.keep_champion_s if kept else self._rules.linger_s)
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
        )

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
        frame = await self._desk(BARE, None).ask("clean", {"input": data, "field": field}, until, "owner")
        pictures, told = wire.pictures(frame), frame.header["output"]
        if not pictures:
            raise InputError("This picture cannot be read.")
        return Cleaned(pictures[0].data, pictures[0].media_type, told["width"], told["height"], bytes(told["near"]))

    async def light(self, data: bytes, side: int, lane: str = "free") -> Picture:
        """A small copy, made by the worker without a model."""
        until = time.monotonic() + self._settings.engine.deadline_s
        frame = await self._desk(BARE, None).ask("light", {"input": data, "side": side}, until, lane)
        return wire.pictures(frame)[0]

    async def card(self, texts: Mapping[str, str], pictures: Sequence[bytes] = ()) -> bytes:
        """The card of a page, drawn by the worker without a model."""
        until = time.monotonic() + self._settings.engine.deadline_s
        given = {"texts": dict(texts), **{f"picture {at}": data for at, data in enumerate(pictures)}}
        frame = await self._desk(BARE, None).ask("card", given, until, "owner")
        return wire.pictures(frame)[0].data

    def state(self) -> EngineState:
        """What is ready, how long the queues are, the workers' memory, counts since the start."""
        desks = [*self._desks.values(), *self._retiring]
        counts = sum((desk.traffic.counts for desk in desks), Counter(self._gone))
        return EngineState(
            ready=tuple(desk.ready for name, desk in self._desks.items() if name != BARE and not desk.ready.why),
            queue=sum(desk.traffic.waiting for desk in desks),
            wait=max((desk.traffic.wait_for("free") for desk in desks), default=0.0),
            memory=sum(_memory(desk.pid) for desk in desks),
            counts={name: counts[name] for name in COUNTS},
        )

    async def close(self) -> None:
        """Answers what is in flight and ends every worker."""
        leaving, self._leaving = [each.task for each in self._leaving.values()], {}
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        desks, self._desks = [*self._desks.values(), *self._retiring], {}
        await asyncio.gather(*(desk.close(self._settings.engine.deadline_s) for desk in desks))

    async def _open(self, release: str) -> Ready:
        if not ids.is_digest(release) or not (self._releases / release).is_dir():
            return Ready(release, why="The release is not on this machine.")
        return await self._desk(release, self._releases / release).opened()

    def _desk(self, name: str, folder: Path | None) -> Desk:
        """The desk of this name; a new one where there is none, or where it failed to start a while ago."""
        desk = self._desks.get(name)
        if desk is not None and desk.failed and time.monotonic() - desk.began > self._rules.retry_s:
            self._gone.update(self._desks.pop(name).traffic.counts)
            desk = None
        if desk is None:
            desk = self._desks[name] = Desk(
                name, lambda: WorkerProcess(folder, self._limits), self._rules.desk, self._log
            )
        return desk

    def _stay(self, release: str) -> None:
        """Wanted again while it was leaving."""
        leaving = self._leaving.pop(release, None)
        if leaving is not None:
            leaving.task.cancel()

    def _leave(self, release: str, after_s: float) -> None:
        """It leaves then, or when it was about to leave already if that is sooner."""
        at = time.monotonic() + after_s
        if release in self._leaving and self._leaving[release].at <= at:
            return
        self._stay(release)
        self._leaving[release] = Leaving(
            at, asyncio.create_task(self._retire(release, after_s), name=f"retire {release[:12]}")
        )

    async def _retire(self, release: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._leaving.pop(release, None)
        desk = self._desks.pop(release, None)
        if desk is None:
            return
        self._retiring.append(desk)
        await desk.close(self._settings.engine.deadline_s)
        self._retiring.remove(desk)
        self._gone.update(desk.traffic.counts)
        self._kept = {app: kept for app, kept in self._kept.items() if kept != release}
        self._log.info("release-retired", release=release)


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
