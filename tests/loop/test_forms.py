"""The job that times a release's forms on this machine: once, in a process of their own."""

import socket
from dataclasses import replace

import pytest

from teahouse import ids, testing
from teahouse.engine.port import Form, Timed
from teahouse.loop import forms as loop_forms
from teahouse.loop import steps
from teahouse.model import bundle
from teahouse.settings import Settings
from teahouse.store import forms, jobs, tables
from teahouse.testing import install_tiny, open_house


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / ".teahouse") as house:
        yield house


def carry_out(house, args):
    asked = jobs.Asked(ids.new_id(), "time", None, args, "web")
    house.db.write(lambda c: jobs.ask(c, asked))
    with house.db.read() as c:
        job = jobs.get(c, asked.id)
    steps.execute(house, Settings(project=house.data), job)
    with house.db.read() as c:
        return jobs.get(c, asked.id)


def rows(house, release):
    with house.db.read() as c:
        return forms.timed(c, release, socket.gethostname())


def test_each_form_gets_a_row_of_this_machine_once(house):
    release = install_tiny(house, kind="twice")
    job = carry_out(house, {"release": release})
    assert job.state == "done" and set(job.detail) == {"fp32", "int8"}
    found = rows(house, release)
    assert all(row.slots >= 1 and row.threads >= 1 and row.batch >= 1 and row.ms > 0 for row in found.values())
    assert [found[name].flips for name in ("fp32", "int8")] == [0, 3]
    carry_out(house, {"release": release})
    assert {name: row.seq for name, row in rows(house, release).items()} == {n: row.seq for n, row in found.items()}


def test_what_was_timed_before_all_that_is_asked_today_is_timed_once_more(house):
    release = install_tiny(house, kind="twice")
    carry_out(house, {"release": release})
    before = rows(house, release)
    of_before = tables.forms.update().where(tables.forms.c.form == "int8").values(alone=None)
    house.db.write(lambda c: c.execute(of_before))
    carry_out(house, {"release": release})
    found = rows(house, release)
    assert found["fp32"].seq == before["fp32"].seq and found["int8"].seq > before["int8"].seq
    assert found["int8"].alone is not None


def test_what_was_timed_is_written_down_as_it_was():
    one = Timed(Form("int8", 2, 1, 8, 4), 3.5)
    written = loop_forms.row("r", "here", one, 1)
    assert (written.slots, written.threads, written.batch, written.alone, written.ms) == (2, 1, 8, 4, 3.5)
    assert (loop_forms.row("r", "here", Timed(Form("int8"), why="no"), 1)).slots == 0


DIES = """
import os, pathlib, signal
from teahouse import App, Image, Labels

app = App(title="Warm or cold?", name="warmth", input=Image(size=16), output=Labels("warm", "cold"))
asked = []

@app.predict
def predict(model, inputs):
    asked.append(1)
    if len(asked) > 2 and not pathlib.Path({mended!r}).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return model(input=inputs["input"])
"""


def test_what_could_not_be_found_out_is_not_held_against_a_form_and_is_tried_again(house, tmp_path, monkeypatch):
    mended = tmp_path / "mended"

    def dies(folder, name="", note=""):
        testing.twice_release(folder, name, note)
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text(DIES.format(mended=str(mended)))
        manifest = replace(bundle.read(folder), code=True, hooks=["predict"], files={})
        return bundle.seal(folder, manifest)

    monkeypatch.setitem(testing.RELEASES, "dies", dies)
    monkeypatch.setitem(testing.NAMES, "dies", testing.APP)
    release = install_tiny(house, kind="dies")
    job = carry_out(house, {"release": release})
    assert job.state == "done" and "SIGKILL" in job.detail["fp32"] and rows(house, release) == {}
    mended.touch()
    job = carry_out(house, {"release": release})
    assert job.state == "done" and all(row.slots == 1 for row in rows(house, release).values())
    assert set(rows(house, release)) == {"fp32", "int8"}


def test_a_release_that_is_not_here_is_refused_and_one_that_does_not_start_fails(house):
    assert carry_out(house, {"release": "0" * 64}).state == "refused"
    release = install_tiny(house, kind="twice")
    (house.releases / release / "model.onnx").write_bytes(b"damaged")
    job = carry_out(house, {"release": release})
    assert job.state == "failed" and rows(house, release) == {}
