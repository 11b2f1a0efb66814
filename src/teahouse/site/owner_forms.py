"""How the owner is told of a release's forms: how fast each is here, how equal, which one answers and why."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teahouse.model import shape
from teahouse.model.shape import Manifest
from teahouse.site import running
from teahouse.site.deps import Deps, Live
from teahouse.store import forms, rollouts

WHAT = {"fp32": "as it was trained", "int8": "in whole numbers, a quarter of the size"}


@dataclass(frozen=True)
class FormLine:
    """A form: its name, what it is, how many answers a second it gives here ("" where it was not timed), how it is run
    for that, how equal it is, and if it answers now."""

    name: str
    what: str = ""
    pace: str = ""
    how: str = ""
    equal: str = ""
    on: bool = False


@dataclass(frozen=True)
class Forms:
    """The forms of a release. `why` says which one answers and why; `left` what was tried and left out; `pinned` the
    one that the owner always wants ("" where the machine chooses), `wishes` those that can be pinned, none where
    nothing can be."""

    lines: tuple[FormLine, ...]
    why: str
    left: tuple[str, ...] = ()
    pinned: str = ""
    wishes: tuple[str, ...] = ()


def of(c: Any, deps: Deps, row: Any, can_pin: bool) -> Forms:
    """The forms of a release (its row), as they do on this machine."""
    manifest = shape.from_json(row.manifest)
    timed = forms.timed(c, row.id, socket.gethostname())
    shown = deps.serving.apps.get(row.app)
    lives = (shown.champion, *shown.canaries, *shown.shadows) if shown is not None else ()
    live = next((one for one in lives if one is not None and one.release == row.id and one.ready), None)
    return told(manifest, timed, rollouts.form(c, row.app), live, can_pin)


def told(manifest: Manifest, timed: Mapping[str, Any], pinned: str, live: Live | None, can_pin: bool) -> Forms:
    """The same of values: `timed` are the rows of the table forms by name, `live` the release where it is loaded."""
    names = [form["name"] for form in manifest.forms]
    lines = tuple(line(form, timed.get(form["name"]), live) for form in manifest.forms)
    several = can_pin and (len(names) > 1 or bool(pinned))
    return Forms(
        lines,
        why(names, timed, running.choose(manifest, timed, pinned), live, pinned),
        tuple(f"{one['name']} was tried and left out. {one['why']}" for one in manifest.left_out),
        pinned,
        tuple(name for name in names if name != pinned) if several else (),
    )


def line(form: Mapping[str, Any], row: Any, live: Live | None) -> FormLine:
    """A form as a line of the table."""
    name, rows, flips = form["name"], int(form.get("rows", 0)), int(form.get("flips", 0))
    equal = f"{flips:,} of {rows:,} answers differ" if flips else f"none of {rows:,} answers differs"
    return FormLine(
        name,
        WHAT.get(name, ""),
        pace(row.ms) if row is not None and row.slots else "",
        side_by_side(row) if row is not None and row.slots else "",
        equal if rows else "",
        live is not None and live.form == name,
    )


def pace(ms: float) -> str:
    """Answers a second, in two digits at least."""
    a_second = 1000 / max(ms, 0.001)
    return f"{a_second:,.0f}" if a_second >= 10 else f"{a_second:.1f}"


def side_by_side(row: Any) -> str:
    """How a form is run: how many answers at a time, on how many cores, how many photos in one go."""
    cores = "" if row.threads == 1 else f", on {row.threads} cores"
    words = f"{row.slots} at a time" if row.slots > 1 else f"one at a time{cores}"
    words = f"{words}; one by itself, on {row.alone} cores" if row.alone else words
    return f"{words}, up to {row.batch} in one go" if row.batch > 1 else words


def why(
    names: Sequence[str], timed: Mapping[str, Any], choice: running.Choice, live: Live | None, pinned: str
) -> str:
    """Which form answers, and why, in a sentence or two."""
    first, wanted = names[0], choice.form.name or names[0]
    runs = live.form if live is not None else wanted
    answers = f"{runs} {'answers' if live is not None else 'would answer'}"
    if live is not None and runs != wanted:
        if (live.wants.name or first) != wanted:
            return f"{answers} while {wanted} is being loaded."
        return f"{answers}: {wanted} does not start on this machine. The site's log says why."
    if choice.why == "pinned":
        return f"{answers}, as you always want it."
    if choice.why == "broken":
        return f"{answers}: {pinned}, which you want, does not answer the release's own examples on this machine."
    if choice.why == "untimed":
        later = "That happens by itself once it answers." if live is None else "That happens by itself in a moment."
        return f"{answers}. How fast it is on this machine has not been measured yet. {later}"
    if choice.why == "none":
        which = "Its only form" if len(names) == 1 else "None of its forms"
        verb = "did not answer" if len(names) == 1 else "answered"
        return f"{answers}. {which} {verb} the release's own examples when it was timed on this machine."
    if len(names) == 1:
        return f"{answers}: it is the only form of this release."
    if runs != first:
        faster = timed[first].ms / max(timed[runs].ms, 0.001) if first in timed and timed[first].slots else 0
        return f"{answers}: it is {faster:.1f} times as fast here." if faster else f"{answers}: {first} does not here."
    slow = [name for name in names[1:] if name in timed and timed[name].slots]
    if slow:
        return f"{answers}: {slow[0]} is hardly faster here."
    if names[1] not in timed:
        return f"{answers}. How fast {names[1]} is on this machine has not been measured yet."
    return f"{answers}: {names[1]} does not answer its examples on this machine."
