"""In which form a release answers: the fastest that holds here, or the one that is pinned; each answer names it."""

import asyncio
import socket
from dataclasses import replace
from types import SimpleNamespace

import pytest

from teahouse.engine.port import Form
from teahouse.errors import DiskFull
from teahouse.model import shape
from teahouse.site import running
from teahouse.site.reconcile import Reconciler
from teahouse.store import forms, jobs, predictions, rollouts, servings, tables
from teahouse.testing import APP, INT8, whole_house

FP32 = {"name": "fp32", "file": "model.onnx", "flips": 0}


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path, kind="twice") as site:
        yield site


@pytest.fixture
def reconciler(site):
    return Reconciler(site.deps)


def release(*others, **more):
    return shape.Manifest("tea", "Tea", [], {"kind": "labels"}, forms=[FP32, *others], **more)


def timed(**ms):
    """Rows of the table forms; None: it does not hold here."""

    def row(one):
        slots, threads, batch = (3, 1, 1) if one else (0, 0, 0)
        return SimpleNamespace(slots=slots, threads=threads, batch=batch, alone=0, ms=one or 0.0)

    return {name: row(one) for name, one in ms.items()}


@pytest.mark.parametrize(
    ("ms", "pinned", "form", "why"),
    [
        ({}, "", "", "untimed"),
        ({"fp32": 9.0, "int8": 4.0}, "", "int8", "timed"),
        ({"fp32": 4.0, "int8": 9.0}, "", "fp32", "timed"),
        ({"fp32": 4.0, "int8": 3.9}, "", "fp32", "timed"),  # not worth it
        ({"fp32": 9.0, "int8": None}, "", "fp32", "timed"),
        ({"fp32": None}, "", "", "none"),
        ({"fp32": None, "int8": None}, "", "", "none"),
        ({"fp32": None, "int8": None}, "int8", "", "none"),
        ({"fp32": 9.0, "int8": 4.0}, "fp32", "fp32", "pinned"),
        ({"fp32": 4.0, "int8": 9.0}, "int8", "int8", "pinned"),
        ({}, "int8", "int8", "pinned"),
        ({"fp32": 9.0, "int8": None}, "int8", "fp32", "broken"),
        ({"fp32": 9.0}, "int8", "int8", "pinned"),
        ({"fp32": 9.0}, "", "fp32", "timed"),
    ],
)
def test_the_fastest_that_holds_is_chosen_unless_one_is_pinned(ms, pinned, form, why):
    choice = running.choose(release(INT8), timed(**ms), pinned)
    assert (choice.form.name, choice.why) == (form, why)


def test_a_pinned_form_that_a_release_does_not_have_leaves_it_the_fastest():
    assert running.choose(release(), timed(fp32=4.0), "int8").why == "timed"


def test_what_an_engine_does_anyway_is_no_other_form(monkeypatch):
    monkeypatch.setattr(running.child, "cores", lambda: 2)
    row = SimpleNamespace(slots=2, threads=1, batch=1, alone=None, ms=3.0)
    assert running.choose(release(), {"fp32": row}).form == Form()
    row.alone = 2
    assert running.choose(release(), {"fp32": row}).form == Form("fp32", 2, 1, 1, 2)
    row.batch, row.alone = 8, None
    assert running.choose(release(), {"fp32": row}).form == Form("fp32", 2, 1, 8)
    one = SimpleNamespace(slots=1, threads=1, batch=1, alone=None, ms=3.0)
    assert running.choose(release(hooks=["predict"]), {"fp32": one}).form == Form()


def look(reconciler):
    asyncio.run(reconciler.look())


def write_times(site, fp32, int8):
    def write(c):
        for name, ms in (("fp32", fp32), ("int8", int8)):
            forms.add(c, forms.Timed(site.release, socket.gethostname(), name, 2, 1, 1, ms, 0))

    site.house.db.write(write)


def pin(site, form):
    site.house.db.write(lambda c: rollouts.append(c, rollouts.Step(APP, site.release, "full", form=form)))


def form_of(site):
    """The form of the last answer, as it was written down."""
    site.ask()
    with site.house.db.read() as c:
        return predictions.page(c, APP, limit=1)[0].form


def test_answers_change_their_form_with_the_times_and_with_the_pin_and_name_it(site, reconciler):
    look(reconciler)
    assert form_of(site) == "fp32"
    write_times(site, 9.0, 4.0)
    look(reconciler)
    assert form_of(site) == "int8"
    pin(site, "fp32")
    look(reconciler)
    assert form_of(site) == "fp32"
    pin(site, None)  # an ordinary step says nothing of it
    look(reconciler)
    assert form_of(site) == "fp32"
    pin(site, rollouts.ANY_FORM)
    look(reconciler)
    assert form_of(site) == "int8"
    with site.house.db.read() as c:
        (serving,) = servings.current(c, site.deps.web)
    assert (serving.state, serving.form) == ("ready", "int8")


def test_the_times_of_another_machine_say_nothing_here(site, reconciler):
    def write(c):
        for name, ms in (("fp32", 9.0), ("int8", 4.0)):
            forms.add(c, forms.Timed(site.release, "elsewhere", name, 2, 1, 1, ms, 0))

    site.house.db.write(write)
    look(reconciler)
    assert form_of(site) == "fp32"


def test_what_could_not_be_asked_for_is_asked_for_again(site, reconciler, monkeypatch):
    def full(*_):
        raise DiskFull("A test.")

    look(reconciler)
    reconciler.answers[site.release] -= 60
    with monkeypatch.context() as patched, pytest.raises(DiskFull):
        patched.setattr(running, "ask", full)
        asyncio.run(reconciler.time_forms())
    asyncio.run(reconciler.time_forms())
    with site.house.db.read() as c:
        assert [job.kind for job in jobs.waiting(c)] == ["time"]


def test_what_was_never_timed_here_is_asked_for_once_and_not_at_once(site, reconciler):
    def waiting():
        with site.house.db.read() as c:
            return [(job.kind, job.app, job.args) for job in jobs.waiting(c)]

    look(reconciler)
    asyncio.run(reconciler.time_forms())
    assert waiting() == [], "who comes at the start comes first"
    reconciler.answers[site.release] -= 60
    for _ in range(3):
        asyncio.run(reconciler.time_forms())
    assert waiting() == [("time", None, {"release": site.release})]
    other = Reconciler(site.deps)  # another web of the same day
    look(other)
    other.answers[site.release] -= 60
    asyncio.run(other.time_forms())
    assert len(waiting()) == 1
    one = forms.Timed(site.release, socket.gethostname(), "fp32", 2, 1, 1, 9.0, 0)
    site.house.db.write(lambda c: forms.add(c, one))
    look(reconciler)
    assert reconciler.facts.untimed == (site.release,), "one of its forms was not found out"
    write_times(site, 9.0, 4.0)
    look(reconciler)
    assert reconciler.facts.untimed == ()
    site.house.db.write(lambda c: c.execute(tables.forms.update().values(alone=None)))
    look(reconciler)
    assert reconciler.facts.untimed == (site.release,), "timed before all that is asked today"


def test_a_release_that_begins_asleep_is_told_in_the_first_of_its_forms(site, reconciler, monkeypatch):
    ensure = site.engine.ensure

    async def asleep(given):
        return [replace(one, form="") for one in await ensure(given)]

    monkeypatch.setattr(site.engine, "ensure", asleep)
    asyncio.run(reconciler.look())
    assert site.deps.serving.apps[APP].champion.form == "fp32"
    with site.house.db.read() as c:
        (serving,) = servings.current(c, site.deps.web)
    assert (serving.state, serving.form) == ("ready", "fp32")
