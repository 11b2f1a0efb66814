"""Makes what is live equal to what the rollouts want, and calls the loop when a job waits."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from teahouse import telemetry
from teahouse.engine.port import Ready, Wanted
from teahouse.errors import TeahouseError
from teahouse.feedback import retention
from teahouse.model import shape
from teahouse.site import running, seen
from teahouse.site.deps import Deps, Live, Serving, Shown
from teahouse.site.noticing import Noticing
from teahouse.site.rolling import Rolling
from teahouse.site.till import Purser
from teahouse.spec.fields import field_from_json
from teahouse.store import apps, jobs, releases, rollouts, servings

log = telemetry.log("site")

GONE = ("gone", 0, "")
LOOK_S = 0.2
ASK_S = 2.0
FOLD_S = 1.0
RETRY_S = (2.0, 5.0, 15.0, 60.0)
TIME_S = 5.0  # after a release began to answer its forms are timed: who came meanwhile comes first
AGAIN_S = 86_400.0  # until what could not be timed, on a machine that was too busy, is tried again


@dataclass(frozen=True)
class Facts:
    """What the store says now: declarations by app, wanted releases, if a job waits, what was never timed here."""

    declared: tuple[Any, ...] = ()
    wanted: tuple[Live, ...] = ()
    job_waits: bool = False
    untimed: tuple[str, ...] = ()


class Reconciler:
    """Looks at the database's version five times a second; swaps the table of live releases in one assignment."""

    def __init__(self, deps: Deps) -> None:
        self.deps, self.rolling = deps, Rolling(deps)
        self.settled = asyncio.Event()
        self.version: int | None = None
        self.facts = Facts()
        self.told: dict[tuple[str, str], tuple[str, int, str]] = {}
        self.answers: dict[str, float] = {}  # by release, since when (time.monotonic)
        self.manifests: dict[str, shape.Manifest] = {}
        self.asked = self.retry_at = self.fold_at = self.heed_at = float("-inf")
        self.failures = 0
        self.cold: frozenset[str] = frozenset()
        self.day = ""
        self.noticing, self.purser = Noticing(deps), Purser(deps)

    async def run(self) -> None:
        """Goes on until it is cancelled; whatever breaks is logged and tried again."""
        while True:
            looks = self.noticing.look, self.purser.look
            beside = (self.heed, self.remind, self.time_forms, self.fold, self.count, *looks)
            for part in (self.look, self.rolling.tick, *beside):
                try:
                    await part()
                except Exception as error:  # edge: the site goes on with what it has, the guards above all
                    log.error("reconcile-broke", part=part.__qualname__, error=repr(error), exc_info=True)
                    self.version = None
                    await asyncio.sleep(1)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One look: reads what changed, loads what is wanted, asks for the loop."""
        now = time.monotonic()
        version = self.deps.house.db.version()
        if version != self.version:
            before = self.facts
            self.facts = await asyncio.to_thread(self.read)
            changed = (before.declared, before.wanted) != (self.facts.declared, self.facts.wanted)
            if changed or not self.settled.is_set():
                self.failures, self.retry_at = 0, now
            self.version = version
        if self.retry_at <= now:
            await self.settle()
        if self.facts.job_waits and now - self.asked >= ASK_S:
            self.asked = now
            self.deps.ask_for_loop()

    async def heed(self) -> None:
        """Every two seconds, sees to it that what is shown as ready, in a form, is so: a release that slept may not
        start again, or not in this form."""
        now = time.monotonic()
        if now < self.heed_at:
            return
        self.heed_at = now + ASK_S
        ready = {one.release: one for one in self.deps.engine.state().ready}
        for live in lives(self.deps.serving):
            found = ready.get(live.release)
            if live.ready and (found is None or form_of(live, found) != live.form):
                self.retry_at = now

    async def remind(self) -> None:
        """Once a day, asks the loop for what is due once a day."""
        at = self.deps.clock()
        today = retention.day_of(at)
        if today != self.day:
            await self.deps.house.db.write_async(lambda c: retention.ask(c, at))
            self.day = today

    async def time_forms(self) -> None:
        """Asks the loop to time the forms of what answers and was not timed on this machine; not at once, and once
        a day."""
        now = time.monotonic()
        due = [release for release in self.facts.untimed if now - self.answers.get(release, now) > TIME_S]
        if due:
            at = self.deps.clock()
            await self.deps.house.db.write_async(lambda c: [running.ask(c, release, at) for release in due])
            self.answers |= dict.fromkeys(due, now + AGAIN_S)  # once it is written: where that fails it is tried again

    async def fold(self) -> None:
        """Once a second, tries again to take out of the database's log what was erased while somebody read."""
        db = self.deps.house.db
        if db.checkpoint_due and time.monotonic() >= self.fold_at:
            self.fold_at = time.monotonic() + FOLD_S
            await asyncio.to_thread(db.checkpoint, patience=0)

    async def count(self) -> None:
        """Once a second, writes down how visitors' photos looked."""
        await seen.fold(self.deps)

    def read(self) -> Facts:
        """What the store says now. Runs in a thread."""
        with self.deps.house.db.read() as c:
            found = [one for row in rollouts.wanted(c) if (one := self.live(c, row)) is not None]
            untimed = tuple(live.release for live, is_timed in found if not is_timed)
            wanted = tuple(live for live, _ in found)
            if not self.settled.is_set():  # what comes later shows that it can be loaded
                self.cold = running.cold(c, wanted, self.deps.clock())
            return Facts(tuple(apps.all_latest(c)), wanted, bool(jobs.waiting(c)), untimed)

    def live(self, c: Any, row: Any) -> tuple[Live, bool] | None:
        """A wanted release with its fields, and whether its forms were timed here; None for one whose manifest can not
        be read."""
        try:
            manifest = self.manifests.get(row.release) or shape.from_json(releases.get(c, row.release).manifest)
            fields = {one["name"]: field_from_json(one) for one in manifest.fields}
            output = field_from_json(manifest.output)
        except (TeahouseError, AttributeError, KeyError) as error:
            log.error("release-unreadable", release=row.release, error=repr(error))
            return None
        self.manifests[row.release] = manifest
        number = releases.number(c, row.release)
        choice, is_timed = running.wanted(c, row.app, row.release, manifest)
        live = Live(row.app, row.release, number, row.seq, row.state, row.share, manifest, MappingProxyType(fields),
                    output, form="", ready=False, wants=choice.form)  # fmt: skip
        return live, is_timed

    async def settle(self) -> None:
        """Loads what is wanted beside what serves, swaps, and only then lets go of the rest."""
        wanted = self.facts.wanted
        before = [replace(live, state="shadow", share=0) for live in lives(self.deps.serving) if live.ready]
        ready = await self.ensure([*wanted, *before])
        new = self.serving(wanted, ready)
        self.deps.serving = new
        kept = {live.release for live in [*wanted, *lives(new)]}
        if any(live.release not in kept for live in before):
            await self.ensure([*wanted, *(live for live in before if live.release in kept)])
        await self.tell(wanted, ready)
        self.answers = {live.release: time.monotonic() for live in wanted if not ready[live.release].why} | self.answers
        failed = any(ready[live.release].why for live in wanted)
        self.retry_at = time.monotonic() + RETRY_S[min(self.failures, len(RETRY_S) - 1)] if failed else float("inf")
        self.failures += failed
        self.settled.set()

    async def ensure(self, live: Sequence[Live]) -> dict[str, Ready]:
        """What the engine says of each release, the wanted state first where one is there twice."""
        wanted: dict[str, Wanted] = {}
        for one in live:
            warm = one.release not in self.cold
            wanted.setdefault(one.release, Wanted(one.app, one.release, one.state, one.share, warm, one.wants))
        found = {ready.release: ready for ready in await self.deps.engine.ensure(list(wanted.values()))}
        return {release: found.get(release) or Ready(release, why="the engine does not know it") for release in wanted}

    def serving(self, wanted: Sequence[Live], ready: dict[str, Ready]) -> Serving:
        """The new table. A champion that does not load leaves the one before in its place."""
        shown: dict[str, Shown] = {}
        for row in self.facts.declared:
            of_app = [with_ready(live, ready[live.release]) for live in wanted if live.app == row.name]
            shown[row.name] = Shown(
                row.name,
                row.title,
                row.declaration,
                champion=self.champion(row.name, of_app, ready),
                canaries=tuple(live for live in of_app if live.state == "canary"),
                shadows=tuple(live for live in of_app if live.state == "shadow"),
            )
        return Serving(MappingProxyType(shown), settled=True)

    def champion(self, app: str, of_app: Sequence[Live], ready: dict[str, Ready]) -> Live | None:
        """The wanted champion if it is loaded, else the one that served, else the wanted one with its trouble."""
        new = next((live for live in of_app if live.state == "full"), None)
        if new is None or new.ready:
            return new
        old = self.deps.serving.apps.get(app)
        if old and old.champion and old.champion.release in ready and not ready[old.champion.release].why:
            return with_ready(old.champion, ready[old.champion.release])
        return new

    async def tell(self, wanted: Sequence[Live], ready: dict[str, Ready]) -> None:
        """Appends to `servings` what changed: ready, failed or gone, by release; and the form that it runs in."""
        # a new step of the rollout is told anew, so that who waits for it can tell it from the one before
        states = {(live.app, live.release): state_of(live, ready[live.release]) for live in wanted}
        gone = {key: GONE for key in self.told if key not in states and self.told[key] != GONE}
        changed = {key: state for key, state in {**states, **gone}.items() if self.told.get(key) != state}
        for live in wanted:
            if ready[live.release].why and (live.app, live.release) in changed:
                log.error("release-not-loaded", app=live.app, release=live.release, why=ready[live.release].why)
        if not changed:
            return
        host, web, at = socket.gethostname(), self.deps.web, self.deps.clock()

        def write(c: Any) -> None:
            for (app, release), (state, _, form) in changed.items():
                servings.append(c, servings.Serving(host, web, app, release, form, state, at))

        await self.deps.house.db.write_async(write)
        self.told.update(changed)
        log.info("serving", changed={f"{app}/{release[:12]}": state for (app, release), (state, *_) in changed.items()})


def state_of(live: Live, ready: Ready) -> tuple[str, int, str]:
    """(ready or failed, the step of the rollout, the form) of a release, as it is told."""
    return "failed" if ready.why else "ready", live.seq, form_of(live, ready)


def form_of(live: Live, ready: Ready) -> str:
    """The name of the form that a release is ready in: one that sleeps in its first form has not said it yet."""
    return ready.form or ("" if ready.why else live.manifest.forms[0]["name"])


def lives(serving: Serving) -> list[Live]:
    """Every release in the table."""
    return [
        live
        for shown in serving.apps.values()
        for live in (shown.champion, *shown.canaries, *shown.shadows)
        if live is not None
    ]


def with_ready(live: Live, ready: Ready) -> Live:
    """The release with what the engine said of it."""
    return replace(live, form=form_of(live, ready), ready=not ready.why, why=ready.why or "")


async def once(deps: Deps) -> None:
    """One look, for a site without a reconciler at work (tests, a rehearsal)."""
    reconciler = Reconciler(deps)
    await reconciler.look()
