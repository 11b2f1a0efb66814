"""The demo's simulated people: other seeds are other photos, and the owner knows again what it is shown."""

import contextlib
import io
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from PIL import Image as Pillow

from teahouse.cli import follow, guests, releases, scaffold, stage, story, train
from teahouse.cli.story import Choice, Story
from teahouse.desk import reach
from teahouse.errors import DeclarationError
from teahouse.spec import media


def test_the_same_seed_gives_the_same_photos_and_another_seed_others():
    one, again, other = (list(guests.shots("candle", seed, 2, side=64)) for seed in (7, 7, 8))
    assert [shot.data for shot in one] == [shot.data for shot in again]
    assert one[0].data != other[0].data
    assert {shot.label for shot in one} == {"green", "oolong"}


def test_the_owner_knows_a_photo_again_after_it_was_cleaned():
    memory = guests.Memory()
    sent = list(guests.shots("candle", 100, 12, side=96))
    for shot in sent:
        memory.learn(shot)
    assert [memory.what_is_in(media.clean(shot.data).data) for shot in sent] == [shot.label for shot in sent]


def test_a_simulated_photo_is_a_jpeg_of_its_size():
    (shot,) = guests.shots("day", 3, 1, side=80)
    with Pillow.open(io.BytesIO(shot.data)) as picture:
        assert picture.format == "JPEG" and picture.size == (80, 80)


def test_a_second_demo_leaves_the_first_ones_folder_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = stage.demo_folder(None)
    assert first == tmp_path / "demo" == stage.demo_folder(None)  # nothing is in it yet
    stage.make_project(first, 1234)
    second = stage.demo_folder(None)
    (second / "mine.txt").write_text("keep me")
    (tmp_path / "demo-3").write_text("a file")
    assert (second, stage.demo_folder(None)) == (tmp_path / "demo-2", tmp_path / "demo-4")
    assert (first / "teahouse.toml").exists() and (second / "mine.txt").exists()
    assert stage.demo_folder(first) == tmp_path / "demo-4"


@pytest.mark.parametrize("line", ["", "PICTURES: int = 4000", "PICTURES = 4_000", "PICTURES = 1\nPICTURES = 2"])
def test_a_demo_whose_app_draws_a_number_that_can_not_be_set_says_so(tmp_path, monkeypatch, line):
    stage.make_project(tmp_path / "as it is", 1234)
    app = (tmp_path / "as it is" / "apps" / "tea" / "app.py").read_text()
    assert f"\nPICTURES = {stage.PICTURES}  #" in app

    def changed(project, name, starter, add=scaffold.add_starter):
        add(project, name, starter)
        (project.root / "apps" / name / "app.py").write_text(app.replace(f"PICTURES = {stage.PICTURES}", line))

    monkeypatch.setattr(scaffold, "add_starter", changed)
    with pytest.raises(DeclarationError, match="how many pictures") as told:
        stage.make_project(tmp_path / "changed", 1234)
    assert "app.py" in told.value.why and told.value.do_next


BEGINS = """
import os, pathlib, sys
from teahouse.cli import stage
here = pathlib.Path(sys.argv[1])
sleeps = stage.Child([sys.executable, "-c", "import time; time.sleep(600)"], here / "log", here)
print(sleeps.process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells it")
def test_what_the_demo_started_dies_with_it(tmp_path):
    done = subprocess.run([sys.executable, "-c", BEGINS, str(tmp_path)], capture_output=True, text=True, timeout=30)
    assert done.returncode == -9
    pid, end = int(done.stdout), time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(("promoted", "served", "status"), [(True, True, 0), (True, False, 1), (False, True, 1)])
def test_the_demo_ends_well_only_if_what_was_promoted_is_served(monkeypatch, promoted, served, status):
    told, report = Story(Choice(leave=True)), {"outcome": "promote", "promoted": promoted, "release": "", "number": 2}
    told.site = SimpleNamespace(running=lambda: True, last_words=str, stop=lambda: None)
    monkeypatch.setattr(story, "asked_job", lambda house, kind: b"")
    monkeypatch.setattr(story.follow, "follow", lambda stream: follow.Ending("done"))
    monkeypatch.setattr(train, "report_of", lambda house, ending: {**report, "reasons": []})
    monkeypatch.setattr(releases, "wait_served", lambda *given: served)
    monkeypatch.setattr(told, "open_house", lambda: "")
    monkeypatch.setattr(told, "play", lambda url: told.watch_loop(None, "retrain", time.monotonic()))
    monkeypatch.setattr(told, "farewell", lambda url: None)
    with handlers_kept():
        assert told.tell() == status


@pytest.mark.parametrize(("missing", "told_of"), [(0, ["retrain"]), (66, ["retrain", 66, "judge"])])
def test_what_is_held_back_for_want_of_rows_gets_them_and_is_judged_once_more(monkeypatch, missing, told_of):
    told, done = Story(Choice(leave=True)), []
    told.project = SimpleNamespace(house=lambda: contextlib.nullcontext(SimpleNamespace(releases=Path("."))))
    for name in ("claim", "measure_before", "receive_visitors", "wait_torch", "accept_words", "measure_after"):
        monkeypatch.setattr(told, name, lambda *given: SimpleNamespace(close=lambda: None))
    for name in ("ask_gather", "champion"):
        monkeypatch.setattr(story, name, lambda house: "r")
    monkeypatch.setattr(told, "watch_loop", lambda house, kind, needed: (done.append(kind), missing)[1])
    monkeypatch.setattr(told, "receive_more", lambda house, owner, url, more: done.append(more))
    told.play("")
    assert done == told_of


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_ends_the_demo_in_good_order(monkeypatch, number):
    told, stopped = Story(Choice(leave=True)), []
    monkeypatch.setattr(told, "open_house", lambda: signal.raise_signal(number))
    monkeypatch.setattr(told, "stop", lambda: stopped.append(True))
    with handlers_kept():
        assert told.tell() == 1
    assert stopped == [True]


@contextlib.contextmanager
def handlers_kept():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_taken_port_is_passed_over():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert reach.free_port(None, usual=port) != port
    assert reach.free_port(1234) == 1234


def test_what_training_needs_is_read_from_the_packages_own_metadata(monkeypatch):
    monkeypatch.setattr(stage, "find_spec", lambda name: None)
    wanted = stage.missing_for_training()
    assert any(line.startswith("torch>=") for line in wanted) and len(wanted) == 3
