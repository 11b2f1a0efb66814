"""Who runs and who works: a lock that is held tells it, never a note; a job is joined, followed, and never waited for
in vain."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from teahouse import child, keeper
from teahouse.cli import follow, train
from teahouse.desk.reach import wait_ready
from teahouse.desk.where import find_project
from teahouse.errors import TrainingFailed
from teahouse.ids import new_id, now_ms
from teahouse.store import jobs

NOTE = {"pid": os.getpid(), "url": "http://127.0.0.1:9"}


@pytest.fixture
def project(teahouse, here, monkeypatch):
    assert teahouse("new", "hats").status == 0
    monkeypatch.chdir(here / "hats")
    place = find_project()
    (place.data / "run").mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def kept(place, note=NOTE):
    with keeper.locked(place.data):
        if note:
            keeper.note_of(place.data).write_text(json.dumps(note))
        yield


def test_a_note_that_a_crash_left_is_no_site(teahouse, project, monkeypatch):
    signals = []
    monkeypatch.setattr(os, "kill", lambda *given: signals.append(given))
    keeper.note_of(project.data).write_text(json.dumps(NOTE))
    assert project.running() is None
    ended = teahouse("stop")
    assert ended.status == 2 and "does not run" in ended.words and signals == []


def test_a_site_runs_while_its_lock_is_held(teahouse, project):
    with kept(project):
        assert project.running() == NOTE
        ended = teahouse("serve", "--quiet")
        assert ended.status == 1 and "runs already" in ended.words
    assert project.running() is None


def test_a_site_that_only_starts_is_not_stopped_by_an_older_ones_note(teahouse, project, monkeypatch):
    signals = []
    monkeypatch.setattr(os, "kill", lambda *given: signals.append(given))
    keeper.note_of(project.data).write_text(json.dumps(NOTE))
    with kept(project, note=None):
        ended = teahouse("stop")
        assert ended.status == 2 and "only just starting" in ended.words and signals == []


def test_a_site_is_stopped_once_it_let_go_of_its_lock(teahouse, project):
    program = (
        "import sys, signal, pathlib; from teahouse import keeper\n"
        "with keeper.locked(pathlib.Path(sys.argv[1])):\n"
        "    print('kept', flush=True)\n"
        "    signal.sigwait([signal.SIGTERM])\n"
    )
    begin = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n" + program
    with subprocess.Popen([sys.executable, "-c", begin, str(project.data)], stdout=subprocess.PIPE) as site:
        assert site.stdout.readline() == b"kept\n"
        keeper.note_of(project.data).write_text(json.dumps({**NOTE, "pid": site.pid}))
        assert "Stopped." in teahouse("stop").words
        assert site.wait(10) == 0


def test_a_second_train_joins_the_retrain_that_has_not_ended(project):
    with project.house() as house:
        first, new = house.db.write(lambda c: train.asked(c, "hats"))
        assert new and house.db.write(lambda c: train.asked(c, "hats")) == (first, False)
        house.db.write(lambda c: jobs.event(c, first, "running", None, now_ms()))
        assert house.db.write(lambda c: train.asked(c, "hats")) == (first, False)
        assert house.db.write(lambda c: train.asked(c, "shoes"))[1]
        house.db.write(lambda c: jobs.event(c, first, "done", {}, now_ms()))
        assert house.db.write(lambda c: train.asked(c, "hats"))[1]


def test_a_stopped_train_says_what_becomes_of_the_retrain(teahouse, project, monkeypatch):
    monkeypatch.setattr(train, "need_torch", lambda: None)
    begun = []
    monkeypatch.setattr(follow, "start_loop", lambda place: begun.append(sleeping()) or begun[-1])

    def stopped(_stream):
        raise KeyboardInterrupt

    monkeypatch.setattr(follow, "follow", stopped)
    ended = teahouse("train", "hats")
    assert ended.status == 130 and "the next teahouse train or serve goes on with it" in ended.words
    assert begun[0].poll() is not None
    with kept(project):
        ended = teahouse("train", "hats")
    assert ended.status == 130 and "the site goes on with it" in ended.words and "goes on with it" in ended.words
    assert len(begun) == 1


def sleeping(status=None):
    program = "import time; time.sleep(600)" if status is None else f"raise SystemExit({status})"
    process = subprocess.Popen([sys.executable, "-c", program])
    if status is not None:
        process.wait(10)
    return process


@pytest.fixture
def loops(monkeypatch):
    """What the next loops come to: an exit status each, or None for one that works on."""
    coming, begun = [], []

    def begin(_project):
        begun.append(sleeping(coming.pop(0)))
        return begun[-1]

    monkeypatch.setattr(follow, "start_loop", begin)
    yield coming, begun
    for process in begun:
        process.kill()
        process.wait()


def test_where_the_site_lives_no_loop_is_started_and_where_it_died_one_goes_on(project, loops):
    coming, begun = loops
    hands = follow.Hands(project)
    with kept(project):
        assert hands.alive() and not begun
    coming.append(None)
    assert hands.alive() and hands.alive() and len(begun) == 1
    hands.leave()
    hands.wait()
    assert begun[0].poll() is not None


def test_a_loop_that_left_because_another_one_worked_is_started_again_after_a_pause(project, loops, monkeypatch):
    coming, begun = loops
    coming += [child.TAKEN, None]
    hands = follow.Hands(project)
    assert hands.alive() and hands.alive() and len(begun) == 1
    monkeypatch.setattr(follow, "TAKEN_S", 0.0)
    assert hands.alive() and len(begun) == 2


def test_a_loop_that_broke_or_never_ends_the_job_is_not_waited_for(project, loops):
    coming, begun = loops
    coming += [1]
    hands = follow.Hands(project)
    assert hands.alive() and not hands.alive() and len(begun) == 1
    coming += [0] * 10
    hands = follow.Hands(project)
    assert [hands.alive() for _ in range(8)] == [True] * follow.MOST_LOOPS + [False] * (8 - follow.MOST_LOOPS)


def test_a_job_that_nobody_works_on_any_more_is_told_of(project):
    with project.house() as house:
        job = house.db.write(lambda c: jobs.ask(c, jobs.Asked(new_id(), "retrain", "hats")))[0]
        with pytest.raises(TrainingFailed) as told:
            list(follow.events(house, job, iter([True, False]).__next__, lambda: "its last words"))
        assert told.value.why == "its last words"
        house.db.write(lambda c: jobs.event(c, job, "done", {}, now_ms()))
        assert [row.state for _, row in follow.events(house, job, lambda: False)] == ["queued", "done"]


@contextmanager
def answering(status):
    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 200)
            self.end_headers()

        def log_message(self, *_given):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"pid": 1, "url": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


def test_a_site_stands_when_its_apps_answer_and_not_before(project):
    with answering(200) as note, kept(project, note):
        assert wait_ready(project.data, 10) == note
    with answering(503) as note, kept(project, note):
        assert wait_ready(project.data, 0.3) is None
    with answering(200) as note:
        keeper.note_of(project.data).write_text(json.dumps(note))
        assert wait_ready(project.data, 0.3) is None  # a note without a keeper


def test_a_site_that_died_is_not_waited_for(project):
    began = time.monotonic()
    assert wait_ready(project.data, 60, alive=lambda: False) is None
    assert time.monotonic() - began < 10
