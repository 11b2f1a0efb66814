"""Rollouts: which release each app wants to serve, to whom."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import feedback, lineage, predictions, rows, tallies
from teahouse.store.rows import takes, values
from teahouse.store.tables import rollouts

LIVE = ("shadow", "canary", "full")
MARKS = ("owner", "guard")
ANY_FORM = "fastest"
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Step:
    """One step of a rollout; `share` of 10,000 visitors. form: what the app shall run in from here on ("fastest": let
    each machine choose); None says nothing of that."""

    app: str
    release: str
    state: str  # shadow | canary | full | rolled_back
    share: int = 10_000
    by: str = "owner"
    why: str = ""
    verdict: bytes | None = None
    pinned: bool = False
    at: int = field(default_factory=now_ms)
    numbers: dict[str, Any] | None = None
    form: str | None = None


@dataclass(frozen=True)
class WantedRow:
    """A release that the app wants to serve; `seq` draws the visitors' arms."""

    app: str
    release: str
    state: str
    share: int
    seq: int


@takes(Step)
def append(c: sa.Connection, step: Step) -> int:
    """Write one step down; its seq."""
    return rows.add(c, rollouts, values(step))


def champion(c: sa.Connection, app: str) -> Any:
    """The row of the release that is full, or None."""
    full = [row for row in _latest(c, app) if row.state == "full"]
    return full[-1] if full else None


def form(c: sa.Connection, app: str) -> str:
    """The name of the form that the app's owner wants it to run in, "" where each machine may choose."""
    row = rows.one(c, rollouts, rollouts.c.app == app, rollouts.c.form.is_not(None))
    return row.form if row is not None and row.form != ANY_FORM else ""


def wanted(c: sa.Connection) -> list[WantedRow]:
    """What all apps want to serve: each app's champion, and what is in shadow or canary."""
    live = [row for row in _latest(c) if row.state in LIVE]
    champions = {row.app: row.seq for row in live if row.state == "full"}
    return [
        WantedRow(row.app, row.release, row.state, row.share, row.seq)
        for row in live
        if row.state != "full" or champions[row.app] == row.seq
    ]


def latest(c: sa.Connection, app: str, release: str) -> Any:
    """The release's latest step, or None."""
    return rows.one(c, rollouts, rollouts.c.app == app, rollouts.c.release == release)


def tried(c: sa.Connection) -> list[Any]:
    """The latest steps, of all apps, that hold a release in the shadow or the canary, oldest first."""
    return [row for row in _latest(c) if row.state in ("shadow", "canary")]


def mark(c: sa.Connection, app: str, release: str, at: int) -> dict[str, Any]:
    """Where the counts of a step that begins now begin, for its `numbers`: the champion, the last answer and word, and
    what this hour's tallies say already. `at` in ms UTC."""
    now = champion(c, app)
    other = now.release if now is not None else None
    found = tallies.counts(c, app, [one for one in (release, other) if one], at // HOUR_MS)
    counts = [[*key, n] for key, n in found.items()]
    return {"champion": other, "answer": predictions.last_seq(c), "word": feedback.last_seq(c), "counts": counts}


def of_verdict(c: sa.Connection, verdict: bytes) -> Any:
    """The step that carried a verdict out, or None."""
    return rows.one(c, rollouts, rollouts.c.verdict == verdict)


def history(c: sa.Connection, app: str, limit: int = 50, before: int | None = None) -> list[Any]:
    """The app's steps, newest first."""
    return rows.page(c, rollouts, rollouts.c.app == app, before=before, limit=limit)


def fulls(c: sa.Connection, app: str, limit: int = 50) -> list[Any]:
    """The app's steps that let a release answer everybody, newest first."""
    return rows.page(c, rollouts, rollouts.c.app == app, rollouts.c.state == "full", limit=limit)


def moves(c: sa.Connection, step: Any) -> bool:
    """Whether a release in the shadow or the canary is on its way to everybody: the loop put it there on a verdict that
    lets it through. It stands where it is if it waits for choices, or the owner put it there."""
    verdict = lineage.verdict(c, step.verdict) if step.by == "loop" and step.verdict else None
    return verdict is not None and verdict.outcome == "promote"


def is_taken_off(step: Any) -> bool:
    """Whether this, a release's latest step or None, took it off for good: by the owner, or by a guard of the canary.
    Such a release never comes back by itself."""
    return step is not None and step.state == "rolled_back" and step.by in MARKS


def taken_off(c: sa.Connection, app: str, release: str) -> Any:
    """The step by which the owner or a guard rolled this release back, or None where it never was or has been put on
    since."""
    last = rows.one(c, rollouts, rollouts.c.app == app, rollouts.c.release == release)
    return last if is_taken_off(last) else None


def previous_champion(c: sa.Connection, app: str) -> str | None:
    """The release that was full before the present champion and was not rolled back, or None."""
    now = champion(c, app)
    if now is None:
        return None
    gone = [row.release for row in _latest(c, app) if row.state == "rolled_back"]
    query = sa.select(rollouts.c.release).where(rollouts.c.app == app, rollouts.c.state == "full")
    query = query.where(rollouts.c.release != now.release, rollouts.c.release.not_in(gone), rollouts.c.seq < now.seq)
    return c.execute(query.order_by(rollouts.c.seq.desc()).limit(1)).scalar()


def standing(c: sa.Connection, app: str) -> dict[str, Any]:
    """The latest step of each of the app's releases, oldest first, by release."""
    return {row.release: row for row in _latest(c, app)}


def _latest(c: sa.Connection, app: str | None = None) -> list[Any]:
    """The latest step of each release, oldest first."""
    last = sa.select(sa.func.max(rollouts.c.seq)).group_by(rollouts.c.app, rollouts.c.release)
    if app is not None:
        last = last.where(rollouts.c.app == app)
    return list(c.execute(sa.select(rollouts).where(rollouts.c.seq.in_(last)).order_by(rollouts.c.seq)))
