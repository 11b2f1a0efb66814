"""Running: in which of its forms a release runs on this machine, and why."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teahouse import child, ids
from teahouse.engine.port import Form
from teahouse.errors import Conflict
from teahouse.feedback import retention
from teahouse.model.shape import WORTH, Manifest
from teahouse.store import forms, jobs, predictions, rollouts, servings

if TYPE_CHECKING:
    from teahouse.site.deps import Live

WARM, QUIET_MS = 3, 600_000


@dataclass(frozen=True)
class Choice:
    """How a release shall run here. why: pinned | timed | untimed | broken (what is pinned does not hold here) | none
    (no form does)."""

    form: Form
    why: str


def choose(manifest: Manifest, timed: Mapping[str, Any], pinned: str = "") -> Choice:
    """The form that the owner pinned, if the release has it and it holds here; else the fastest that was `timed` here
    (rows of the table forms, by name), and the first one where none was."""
    names = [form["name"] for form in manifest.forms]
    holds = [name for name in names if name in timed and timed[name].slots]
    if pinned in names and (pinned in holds or pinned not in timed):
        return Choice(how(manifest, pinned, timed.get(pinned)), "pinned")
    if not holds:
        return Choice(Form(), "none" if timed else "untimed")
    best = holds[0]
    for name in holds[1:]:
        best = name if timed[name].ms * WORTH < timed[best].ms else best
    return Choice(how(manifest, best, timed[best]), "broken" if pinned in names else "timed")


def how(manifest: Manifest, name: str, row: Any) -> Form:
    """The form of this name as it was timed; `Form()` where that is what an engine does anyway."""
    found = Form(name, row.slots, row.threads, row.batch, row.alone or 0) if row is not None else Form(name)
    slots = 1 if "predict" in manifest.hooks else child.cores()
    usual = (Form(name), Form(name, slots, 1, max(1, int(manifest.forms[0].get("batch", 1)))))
    return Form() if name == manifest.forms[0]["name"] and found in usual else found


def wanted(c: Any, app: str, release: str, manifest: Manifest) -> tuple[Choice, bool]:
    """How a release shall run on this machine, and whether its forms were all timed here in all that is asked."""
    timed = forms.timed(c, release, socket.gethostname())
    whole = all(forms.is_whole(timed.get(form["name"])) for form in manifest.forms)
    return choose(manifest, timed, rollouts.form(c, app)), whole


def cold(c: Any, lives: Sequence[Live], at: int) -> frozenset[str]:
    """Releases that may sleep when the house opens (`at`, ms UTC): champions that were ready on this machine before,
    and that nobody played for ten minutes. The few that were played last are loaded at once all the same."""
    before = servings.ready_on(c, socket.gethostname())
    champions = [live for live in lives if live.state == "full"]
    last = {live.app: predictions.last_at(c, live.app) for live in champions}
    late = sorted(champions, key=lambda live: -last[live.app])[WARM:]
    return frozenset(live.release for live in late if live.release in before and at - last[live.app] > QUIET_MS)


def refuse_missing(row: Any, form: str) -> None:
    """Conflict where a release (its row) does not have the form that is to be pinned."""
    names = [one["name"] for one in row.manifest.get("forms") or ()]
    if form not in (rollouts.ANY_FORM, *names):
        left = {one["name"]: one["why"] for one in row.manifest.get("left_out") or ()}
        why = left.get(form) or f"It has {', '.join(names)}."
        raise Conflict(f"Release {row.number} has no form {form}.", why, "Let it run in the fastest that it has.")


def ask(c: Any, release: str, at: int) -> None:
    """Ask the loop to time a release's forms on this machine, once a day; `at` in ms UTC."""
    once = f"time {socket.gethostname()} {release} {retention.day_of(at)}"
    jobs.ask(c, jobs.Asked(ids.new_id(), "time", None, {"release": release}, "web", once, at))
