"""The web process as the keeper starts it: ready on the pipe, answers on the socket, ends in order, and stays light."""

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import psutil
import pytest
from tests.failing_fsync import failing_fsync

from teahouse import ids
from teahouse.store import keys, owners, predictions
from teahouse.store.house import House
from teahouse.testing import APP, install_tiny, open_house, photo

FORBIDDEN = ["numpy", "PIL", "onnxruntime", "onnx", "torch", "safetensors", "dbos", "ray", "teahouse.spec.media"]


def test_the_web_process_loads_nothing_heavy():
    program = (
        "import sys, teahouse.site.serve; from teahouse.spec.fields import kinds; kinds(); "
        f"print(*[name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr


@contextmanager
def started(tmp_path, say, prelude=""):
    """(process, url, log) of a web process over the tiny release that notifies the socket or descriptor `say`."""
    (tmp_path / "teahouse.toml").write_text("[site]\nport = 0\n")
    with open_house(tmp_path / ".teahouse") as house:
        install_tiny(house)
    say = say if isinstance(say, int) else say.fileno()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        fds = ["--listen-fd", str(listener.fileno()), "--notify-fd", str(say), "--project", str(tmp_path)]
        run = ["-c", f"{prelude}\nimport sys; from teahouse.site.serve import main; sys.exit(main(sys.argv[1:]))"]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *run, *fds], pass_fds=(listener.fileno(), say), stderr=log, stdout=log
            )
    try:
        yield process, url, tmp_path / "log"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def web(tmp_path):
    """(process, url, reading end of the notify pipe, log) of a web process over the tiny release."""
    hear, say = os.pipe()
    with started(tmp_path, say) as (process, url, log):
        os.close(say)
        yield process, url, hear, log
    os.close(hear)


def line(hear, seconds=30.0):
    readable, _, _ = select.select([hear], [], [], seconds)
    return os.read(hear, 100) if readable else b""


def test_it_says_ready_answers_and_ends_in_order(web):
    process, url, hear, log = web
    assert line(hear) == b"ready\n"
    with httpx.Client(base_url=url, timeout=20) as client:
        answer = client.post(f"/api/apps/{APP}/predictions", content=photo("cold"), headers={"Origin": url})
        assert answer.status_code == 201 and answer.json()["output"]["label"] == "cold"
        kept = client.put(
            f"/api/predictions/{answer.json()['id']}/input",
            content=photo("cold"),
            headers={"Origin": url, "X-Receipt": answer.json()["receipt"], "X-Consent": "keep, train"},
        )
        assert kept.status_code == 201
        assert client.get("/readyz").json()["ready"] is True
    with socket.create_connection((httpx.URL(url).host, httpx.URL(url).port)) as raw:
        raw.sendall(b"NONSENSE\x1b[31m\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0 and time.monotonic() - began < 10
    lines = log.read_text().splitlines()
    assert all(json.loads(one)["event"] for one in lines) and any("answered" in one for one in lines)


def test_it_may_hold_more_connections_than_a_shell_lets_it(tmp_path):
    hear, say = os.pipe()
    few = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (256, r.getrlimit(r.RLIMIT_NOFILE)[1]))"
    with started(tmp_path, say, few) as (process, _, _log):
        assert line(hear) == b"ready\n"
        soft, hard = psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert soft == min(hard, 65_536) > 256


def test_a_lost_keeper_ends_it_also_where_the_system_does_not(tmp_path):
    ours, theirs = socket.socketpair()
    with started(tmp_path, theirs) as (process, _, log):
        theirs.close()
        assert ours.recv(100) == b"ready\n"
        ours.close()  # what a dead keeper leaves; its process, ours, lives on
        assert process.wait(15) == 0
    assert "keeper-gone" in log.read_text()


async def test_a_database_that_is_lost_ends_it_and_streams_hear_of_the_end():
    from types import SimpleNamespace

    from teahouse.errors import DatabaseUnsound
    from teahouse.site import serve

    ours, theirs = socket.socketpair()
    server, db, closing = SimpleNamespace(should_exit=False), SimpleNamespace(broken=None), threading.Event()
    watching = asyncio.create_task(serve.watch(server, SimpleNamespace(db=db), theirs.fileno(), closing))
    await asyncio.sleep(3 * serve.LOOK_S)
    assert not watching.done() and not closing.is_set()
    db.broken = DatabaseUnsound("The database is damaged.")
    await asyncio.wait_for(watching, 5)
    assert server.should_exit and closing.is_set()
    ours.close(), theirs.close()


def test_a_web_whose_database_is_lost_acknowledges_nothing_and_ends(tmp_path):
    hear, say = os.pipe()
    with started(tmp_path, say, failing_fsync(tmp_path / "flag")) as (process, url, log):
        assert line(hear) == b"ready\n"
        with httpx.Client(base_url=url, timeout=20, headers={"Origin": url}) as client:
            kept = client.post(f"/api/apps/{APP}/predictions", content=photo(seed=1)).json()["id"]
            (tmp_path / "flag").touch()
            assert client.post(f"/api/apps/{APP}/predictions", content=photo(seed=2)).status_code == 507
        assert process.wait(15) == 1, "the keeper starts another one"
        assert "database-lost" in log.read_text()
    with open_house(tmp_path / ".teahouse") as house, house.db.read() as c:
        assert [ids.text(row.id) for row in predictions.page(c)] == [kept]
    os.close(hear), os.close(say)


def test_an_owner_who_looks_on_does_not_hold_up_the_end(tmp_path):
    hear, say = os.pipe()
    with started(tmp_path, say) as (process, url, _):
        assert line(hear) == b"ready\n"
        digest = ids.sha256(b"th_key")
        with House.open(tmp_path / ".teahouse") as house:
            house.db.write(lambda c: owners.claim(c, "no password opens this", ids.now_ms()))
            house.db.write(lambda c: keys.add(c, ids.new_id(), "owner", ["owner"], digest, ids.now_ms()))
        headers = {"Authorization": "Bearer th_key"}
        with httpx.stream("GET", f"{url}/api/owner/live", headers=headers, timeout=20) as stream:
            told = stream.iter_text()
            assert stream.status_code == 200 and "retry:" in next(told)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            "".join(told)
        assert process.wait(15) == 0 and time.monotonic() - began < 5
    os.close(hear), os.close(say)


async def test_it_takes_no_visitor_before_it_knows_what_to_answer_or_gave_up(monkeypatch):
    from teahouse.site import serve

    async def answer(scope, receive, send):
        raise AssertionError("nobody asks")

    monkeypatch.setattr(serve, "FIRST_LOOK_S", 0.3)
    for settles, ends, listens in ((True, False, True), (False, False, True), (False, True, False)):
        settled = asyncio.Event()
        server = serve.PatientServer(serve.config(answer), settled)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            starting = asyncio.create_task(server._serve([listener]))
            await asyncio.sleep(0.1)
            assert not server.started
            if settles:
                settled.set()
            server.should_exit = ends
            while not (server.started or starting.done()):
                await asyncio.sleep(0.01)
            assert server.started == listens
            server.should_exit = True
            await starting
