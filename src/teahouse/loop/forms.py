"""Forms: times a release's forms on this machine, once, in a process of their own that gives way to everything else."""

from __future__ import annotations

import socket
from typing import Any

from teahouse import telemetry
from teahouse.engine.bench import Bench
from teahouse.engine.port import Timed
from teahouse.engine.process import WorkerLimits
from teahouse.errors import NothingToDo, TeahouseError
from teahouse.model import bundle
from teahouse.settings import Settings
from teahouse.store import forms, releases
from teahouse.store.house import House

log = telemetry.log("loop")


def time(house: House, settings: Settings, job: Any, so_far: dict[str, Any]) -> dict[str, Any]:
    """The forms of the release that the job names, timed where that has not been done here yet."""
    release = str((job.args or {}).get("release", ""))
    with house.db.read() as c:
        known = releases.get(c, release)
    if known is None:
        raise NothingToDo("There is nothing to time.", "This release is not one of the house's.")
    return timed(house, settings, release)


def timed(house: House, settings: Settings, release: str) -> dict[str, Any]:
    """{form: milliseconds} of a release on this machine; of one that has none why. What was not found out, for the
    machine was busy or lacked memory, is not written down and is tried again at the next call."""
    host = socket.gethostname()
    with house.db.read() as c:
        before = forms.timed(c, release, host)
    folder = house.releases / release
    flips = {form["name"]: int(form.get("flips", 0)) for form in bundle.read(folder).forms}
    due = [name for name in flips if not forms.is_whole(before.get(name))]
    if not due:
        return {name: row.ms for name, row in before.items()}
    limits = WorkerLimits(settings.engine.memory_mb, nice=10)
    with Bench(folder, limits=limits, patience_s=120.0) as bench:
        found = bench.time(due)
    known = [row(release, host, one, flips[one.form.name]) for one in found if not one.unknown]
    house.db.write(lambda c: [forms.add(c, one) for one in known])
    for one in found:
        form, say = one.form, log.warning if one.why else log.info
        how = {"slots": form.slots, "threads": form.threads, "batch": form.batch, "alone": form.alone}
        why = {"why": one.why} if one.why else {}
        say("form-timed", release=release[:12], ms=one.ms, form=form.name, **how, **why)
    return {name: row.ms for name, row in before.items()} | {one.form.name: one.why or one.ms for one in found}


def timed_or_none(house: House, settings: Settings, release: str) -> None:
    """The same for a release that has just come in: one that can not be timed is judged all the same."""
    try:
        timed(house, settings, release)
    except TeahouseError as error:
        log.warning("forms-not-timed", release=release[:12], code=error.code, what=error.what, why=error.why)


def row(release: str, host: str, one: Timed, flips: int) -> forms.Timed:
    """What was timed, as it is written down."""
    form = one.form
    how = (0, 0, 0) if one.why else (form.slots, form.threads, form.batch)
    return forms.Timed(release, host, form.name, *how, one.ms, flips, form.alone)
