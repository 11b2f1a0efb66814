"""Rolling: looks after the rollouts that move, in the web, so that the guards act with the loop asleep.

Every two seconds while something stands in the shadow or the canary: reads what happened since the step, asks
release/rollout what follows, and writes that down, unless somebody else has taken a step meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from types import MappingProxyType
from typing import Any

from teahouse import telemetry
from teahouse.release import rollout
from teahouse.release.rollout import Facts, Rollout, RolloutEvent, Rules, Side, Word
from teahouse.settings import Settings
from teahouse.site.deps import Deps, Serving
from teahouse.store import feedback, forms, predictions, rollouts, tallies

log = telemetry.log("site")

TICK_S = 2.0
HOUR_MS = 3_600_000
SETTLES_MS = 30_000  # after a release was timed, until it answers in the form that was the fastest
WINDOW = 20_000  # answers back from the last one within which the last of both sides are timed
MOST_WORDS = 50_000
NOTHING: Mapping[tuple[str, str], Iterable[float]] = MappingProxyType({})


@dataclass
class Heard:
    """The words on one step's answers so far: by prediction, and the seq of the last that was read."""

    until: int = 0
    words: dict[bytes, Word] = field(default_factory=dict)

    def read(self, c: Any, app: str, release: str, champion: str) -> tuple[Word, ...]:
        """All words up to now; only what is new is read."""
        end = feedback.last_seq(c)
        while len(self.words) < MOST_WORDS:
            found = feedback.heard_since(c, app, [release, champion], self.until)
            for row in found:
                mine = row.release == release
                if mine == (row.arm == "canary"):  # an earlier life of the same release is another matter
                    self.words[row.prediction] = Word(mine, is_wrong(row), row.visitor, row.network)
                self.until = row.seq
            if len(found) < 5000:
                self.until = max(self.until, end)
                break
        return tuple(self.words.values())


@dataclass(frozen=True)
class Tried:
    """One release that is tried: its step, how it stands, what is known of it."""

    step: Any
    rollout: Rollout
    facts: Facts


class Rolling:
    """The ticker of one web. `tick` costs nothing while everything is full."""

    def __init__(self, deps: Deps) -> None:
        self.deps, self.rules = deps, rules_of(deps.settings)
        self.version: int | None = None
        self.next = float("-inf")
        self.stands = False
        self.heard: dict[int, Heard] = {}

    async def tick(self) -> list[RolloutEvent]:
        """One look where it is time for one; the steps that were taken."""
        if (now := time.monotonic()) < self.next:
            return []
        version = self.deps.house.db.version()
        if not self.stands and version == self.version:
            return []
        self.next = now + TICK_S
        taken = await self.look()
        self.version = version  # only now: a look that broke is made again
        return taken

    async def look(self) -> list[RolloutEvent]:
        """One look whatever the time is."""
        judged = await asyncio.to_thread(self.judge)
        tried = [one for one, _ in judged]
        self.stands = bool(tried)
        self.heard = {seq: heard for seq, heard in self.heard.items() if seq in {one.step.seq for one in tried}}
        shadows = [one for one in tried if one.rollout.moves and one.rollout.state == "shadow"]
        self.deps.mirror.targets = MappingProxyType({one.step.app: one.step.release for one in shadows})
        taken = []
        for one, event in judged:
            if event is not None and await self.take(one.step, event):
                taken.append(event)
        return taken

    def judge(self) -> list[tuple[Tried, RolloutEvent | None]]:
        """What is tried, and what follows of it. Runs in a thread: many words take a while to count."""
        return [(one, rollout.advance(one.rollout, one.facts, self.rules)) for one in self.read()]

    def read(self) -> list[Tried]:
        """What is tried, and what is known of it."""
        with self.deps.house.db.read() as c:
            at, serving = self.deps.clock(), self.deps.serving
            beside = [step for step in rollouts.tried(c) if rollouts.champion(c, step.app) is not None]
            return [self.known(c, step, at, serving) for step in beside]

    def known(self, c: Any, step: Any, at: int, serving: Serving) -> Tried:
        """A step with its facts; the words are read on from where the last look ended."""
        heard = self.heard.setdefault(step.seq, Heard((step.numbers or {}).get("word", 0)))
        return tried_of(c, step, at, heard, why_broken(serving, step), self.deps.looks.work)

    async def take(self, step: Any, event: RolloutEvent) -> bool:
        """Write the step down, unless the rollout has moved since it was read; whether it was."""
        at = self.deps.clock()
        new = await self.deps.house.db.write_async(lambda c: append(c, step, event, at))
        if new is not None:
            say = log.warning if event.by == "guard" else log.info
            say("rollout", app=step.app, release=step.release[:12], state=event.state, by=event.by, code=event.code)
        return new is not None


def append(c: Any, step: Any, event: RolloutEvent, at: int) -> int | None:
    """The next step after `step`, in the transaction that looks if that is still the latest, and if it would still be
    beside the champion that it was tried beside; its seq, or None."""
    last = rollouts.latest(c, step.app, step.release)
    if last is None or last.seq != step.seq:
        return None
    now = rollouts.champion(c, step.app)
    if event.state != "rolled_back" and (now is None or now.pinned or has_left(step, now)):
        return None
    begun = rollouts.mark(c, step.app, step.release, at) if event.state == "canary" else {}
    numbers = {**begun, "code": event.code, "shown": event.numbers}
    new = rollouts.Step(step.app, step.release, event.state, event.share, event.by, event.why, step.verdict, False, at,
                        numbers)  # fmt: skip
    return rollouts.append(c, new)


def tried_of(
    c: Any,
    step: Any,
    at: int,
    heard: Heard,
    broken: str = "",
    work: Mapping[tuple[str, str], Iterable[float]] = NOTHING,
) -> Tried:
    """A step in the shadow or the canary, and what is known of it at `at`; `work` as `seen.Looks` has it."""
    champion, begun = rollouts.champion(c, step.app), step.numbers or {}
    stood = Rollout(step.release, step.state, step.share, rollouts.moves(c, step), max(0, at - step.at))
    arm = "shadow" if step.state == "shadow" else "canary"
    counts = since(c, step, champion.release)
    after = max(int(begun.get("answer", 0)), predictions.last_seq(c) - WINDOW)
    settled = settled_at(c, step.release)
    mine = predictions.last_ms(c, step.app, step.release, arm, after, settled) if arm != "shadow" else []
    other = predictions.last_ms(c, step.app, champion.release, "full", after)
    facts = Facts(
        challenger=side(counts, step.release, arm, mine, work),
        champion=side(counts, champion.release, "full", other, work),
        words=heard.read(c, step.app, step.release, champion.release) if step.state == "canary" else (),
        broken=broken,
        pinned=bool(champion.pinned),
        champion_left=has_left(step, champion),
        untimed=bool(forms.timed(c, champion.release, socket.gethostname())) and not 0 < settled <= at,
    )
    return Tried(step, stood, facts)


def has_left(step: Any, champion: Any) -> bool:
    """Whether another champion answers than when this step began."""
    return (step.numbers or {}).get("champion", champion.release) != champion.release


def since(c: Any, step: Any, champion: str) -> Mapping[tuple[str, str, str], int]:
    """The tallies of both sides since the step began: those of its first hour less what they said then."""
    before = {(release, arm, what): n for release, arm, what, n in (step.numbers or {}).get("counts", ())}
    now = tallies.counts(c, step.app, [step.release, champion], step.at // HOUR_MS)
    return {key: n - before.get(key, 0) for key, n in now.items()}


def settled_at(c: Any, release: str) -> int:
    """Since when (ms UTC) a release runs in the form that was found fastest on this machine; 0 where none was yet."""
    at = [row.at for row in forms.timed(c, release, socket.gethostname()).values()]
    return max(at) + SETTLES_MS if at else 0


def side(
    counts: Mapping[tuple[str, str, str], int],
    release: str,
    arm: str,
    ms: list[float],
    work: Mapping[tuple[str, str], Iterable[float]],
) -> Side:
    """What one release did."""
    alone = list(work.get((release, arm), ()))
    return Side(
        work=median(alone) if len(alone) >= rollout.TIMED else None,
        answers=counts.get((release, arm, "answers"), 0),
        errors=counts.get((release, arm, "errors"), 0),
        ms=median(ms) if ms else None,
        timed=len(ms),
        differs=counts.get((release, arm, "differs"), 0),
    )


def is_wrong(row: Any) -> bool:
    """Whether a word says that the answer was wrong: no, another label, meh."""
    if row.kind == "agree":
        return not row.value
    if row.kind == "rate":
        return row.value == "meh"
    label = row.output.get("label") if isinstance(row.output, dict) else None
    return label is None or row.value != label


def why_broken(serving: Serving, step: Any) -> str:
    """Why the release of this step could not be loaded, "" where it could or is still loading."""
    shown = serving.apps.get(step.app)
    lives = (*shown.canaries, *shown.shadows) if shown is not None else ()
    return next((live.why for live in lives if live.seq == step.seq and not live.ready), "")


def rules_of(settings: Settings) -> Rules:
    """[loop] as the rollout takes it."""
    loop = settings.loop
    return Rules(loop.canary_share, loop.canary_answers, loop.canary_hours, loop.promote == "ask")


def words_on(c: Any, step: Any, settings: Settings, at: int) -> str:
    """How a step in the shadow or the canary stands, in words for the owner; "" for what visitors compare, and what the
    owner put in the shadow: there nothing is counted."""
    found = tried_of(c, step, at, Heard((step.numbers or {}).get("word", 0)))
    if found.rollout.state == "shadow" and not found.rollout.moves:
        return ""
    return rollout.progress(found.rollout, found.facts, rules_of(settings))
