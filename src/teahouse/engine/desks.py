"""The desks of an engine: one a release, in the form it shall run in. A new one is ready before the old one goes."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from teahouse import ids, telemetry
from teahouse.engine.desk import Desk, DeskRules
from teahouse.engine.port import Form, Ready, Wanted
from teahouse.engine.process import WorkerLimits, WorkerProcess

BARE, BARE_SLEEP_S = "bare", 60.0  # what it does comes in bursts, and it starts in a third of a second


@dataclass(frozen=True)
class EngineRules:
    """keep_champion_s: how long an app's last champion stays loaded after it left.

    linger_s: how long any other does, so that who still routes by the table of a moment ago gets an answer.
    retry_s: when a release, or a form of it, that did not start may be tried again."""

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


class Desks(dict[str, Desk]):
    """By release, those that calls go to; BARE is the one without a model. `gone` counts what others did. `compared`:
    releases whose time is compared with another's, so that none of their answers runs on more cores than any does."""

    def __init__(self, releases: Path, limits: WorkerLimits, rules: EngineRules, grace_s: float) -> None:
        """`grace_s`: how long one that goes may still answer what it has."""
        super().__init__()
        self.gone: Counter[str] = Counter()
        self.compared: frozenset[str] = frozenset()
        self._releases, self._limits, self._rules, self._grace_s = releases, limits, rules, grace_s
        self._log = telemetry.log("engine")
        self._leaving: dict[str, Leaving] = {}
        self._beside: list[Desk] = []  # those that begin to take over, and those that end
        self._ending: set[asyncio.Task] = set()
        self._broken: dict[tuple[str, Form], float] = {}

    def all(self) -> list[Desk]:
        """Every desk that has a worker or may get one."""
        return [*self.values(), *self._beside]

    def bare(self) -> Desk:
        """The desk without a model."""
        return self._known(BARE, None, Form())

    async def opened(self, wanted: Wanted) -> Ready:
        """Ready in the wanted form; where it does not start so, in the one that it answers in, or in the first."""
        release, form = wanted.release, wanted.form
        if not ids.is_digest(release) or not (self._releases / release).is_dir():
            return Ready(release, why="The release is not on this machine.")
        if time.monotonic() - self._broken.get((release, form), float("-inf")) < self._rules.retry_s:
            desk = self.get(release)
            if desk is not None and not desk.ready.why:
                return desk.ready
            form = Form()
        ready = await self._in_form(release, form, not wanted.warm)
        if ready.why and form != Form():
            self._note(release, form, ready.why)
            ready = await self._in_form(release, Form())
        return ready

    def _note(self, release: str, form: Form, why: str) -> None:
        """A form did not start: it is not tried again at once."""
        self._broken[release, form] = time.monotonic()
        self._log.error("form-not-started", release=release, form=form.name, why=why)

    async def _in_form(self, release: str, form: Form, asleep: bool = False) -> Ready:
        """The desk that is there, if it is in this form; else a new one, which takes over once it is ready; where it
        never is, the one that is there stays. The first one may begin `asleep`; in place of one that sleeps the new one
        sleeps on."""
        folder, desk = self._releases / release, self.get(release)
        if desk is None or desk.form == form:
            return await self._known(release, folder, form, asleep).opened()
        new = self._new(release, folder, form, desk.asleep)
        self._beside.append(new)  # so that it is closed with the others, should that be meanwhile
        ready = await new.opened()
        self._beside.remove(new)
        if ready.why and not desk.failed:
            self._let_go(new)
            if desk.ready.why:
                return ready
            self._note(release, form, ready.why)
            return desk.ready
        self._let_go(desk)
        self[release] = new
        return ready

    def _known(self, name: str, folder: Path | None, form: Form, asleep: bool = False) -> Desk:
        """The desk of this name; a new one where there is none, or where it failed to start a while ago."""
        desk = self.get(name)
        if desk is not None and desk.failed and time.monotonic() - desk.began > self._rules.retry_s:
            self.gone.update(self.pop(name).traffic.counts)
            desk = None
        if desk is None:
            desk = self[name] = self._new(name, folder, form, asleep)
        return desk

    def _new(self, name: str, folder: Path | None, form: Form, asleep: bool = False) -> Desk:
        def spawn(form: Form) -> WorkerProcess:
            return WorkerProcess(folder, self._limits, form)

        rules = self._rules.desk
        if name == BARE:
            rules = replace(rules, sleep_s=min(rules.sleep_s, BARE_SLEEP_S))
        desk = Desk(name, spawn, rules, self._log, form, asleep=asleep)
        desk.traffic.may_be_alone = lambda: name not in self.compared and not self._others_work(desk)
        return desk

    def _others_work(self, desk: Desk) -> bool:
        """Whether another release answers somebody; what has no model is soon done."""
        return any(other.traffic.busy for other in self.all() if other is not desk and other.name != BARE)

    def stay(self, release: str) -> None:
        """Wanted again while it was leaving."""
        leaving = self._leaving.pop(release, None)
        if leaving is not None:
            leaving.task.cancel()

    def leave(self, release: str, after_s: float) -> None:
        """It leaves then, or when it was about to leave already if that is sooner."""
        at = time.monotonic() + after_s
        if release in self._leaving and self._leaving[release].at <= at:
            return
        self.stay(release)
        self._leaving[release] = Leaving(
            at, asyncio.create_task(self._retire(release, after_s), name=f"retire {release[:12]}")
        )

    async def _retire(self, release: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._leaving.pop(release, None)
        desk = self.pop(release, None)
        if desk is not None:
            self._beside.append(desk)
            await self._end(desk)
            self._log.info("release-retired", release=release)

    def _let_go(self, desk: Desk) -> None:
        """It answers what it has; what comes now goes to the desk in its place."""
        self._beside.append(desk)  # now: a task that is cancelled before it begins does nothing
        task = asyncio.create_task(self._end(desk), name=f"end {desk.name[:12]}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, desk: Desk) -> None:
        await desk.close(self._grace_s)
        self._beside.remove(desk)
        self.gone.update(desk.traffic.counts)

    async def close(self) -> None:
        """Answers what is in flight and ends every worker."""
        tasks = [*(each.task for each in self._leaving.values()), *self._ending]
        self._leaving = {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        desks = self.all()
        self.clear()
        await asyncio.gather(*(desk.close(self._grace_s) for desk in desks))
