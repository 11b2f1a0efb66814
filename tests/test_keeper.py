"""The keeper with stand-in children: what dies is replaced, what is asked for comes, nobody is left behind."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from teahouse import child, keeper

WEB = """
    import argparse, os, signal, socket, sys, threading, time
    parser = argparse.ArgumentParser()
    for name in ("--listen-fd", "--notify-fd", "--gate-fd"):
        parser.add_argument(name, type=int)
    parser.add_argument("--project")
    given = parser.parse_args()
    folder = given.project
    if given.gate_fd and not os.read(given.gate_fd, 1):
        sys.exit(4)
    if os.path.exists(folder + "/web-is-broken"):
        sys.exit(3)
    notify, listener = socket.socket(fileno=given.notify_fd), socket.socket(fileno=given.listen_fd)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    open(f"{folder}/web.{os.getpid()}", "w").close()
    listener.settimeout(0.02)
    if os.path.exists(folder + "/no-room"):
        os.makedirs(folder + "/data/run/house.json/in-its-place")
    notify.sendall(b"ready\\n")
    while not stopping.is_set():
        if os.path.exists(folder + "/job-waits"):
            os.unlink(folder + "/job-waits")
            notify.sendall(b"loop\\n")
        try:
            taken, _ = listener.accept()
        except TimeoutError:
            continue
        with taken:
            taken.sendall(str(os.getpid()).encode())
"""
LOOP = """
    import os, sys, time
    folder = sys.argv[2]
    open(f"{folder}/loop.{os.getpid()}", "w").close()
    while os.path.exists(folder + "/loop-works"):
        time.sleep(0.01)
    if os.path.exists(folder + "/loop-is-elsewhere"):
        sys.exit(75)
"""
OPENING = """
    import os, sys
    sys.exit(7 if os.path.exists(os.path.dirname(sys.argv[1]) + "/migration-fails") else 0)
"""
RUN = """
    import sys, pathlib
    from teahouse import keeper
    folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    commands = {name: (sys.executable, str(folder / f"{name}.py")) for name in ("web", "loop", "opening")}
    spec = keeper.KeeperSpec(folder, folder / "data", port=port, ready_s=5.0, stop_s=3.0, note_s=0.1, **commands)
    sys.exit(keeper.run(spec))
"""


def until(what: Callable[[], object], seconds: float = 10.0) -> object:
    """The first truthy result; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
    return found


class Kept:
    """A keeper in a process of its own over stand-in children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, source in {"web": WEB, "loop": LOOP, "opening": OPENING, "run": RUN}.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source))

    def begin(self, stderr: Any = subprocess.PIPE, **more: str) -> "Kept":
        command = [sys.executable, str(self.folder / "run.py"), str(self.folder), "0"]
        self.process = subprocess.Popen(
            command, env={**os.environ, **more}, stderr=stderr, stdin=subprocess.DEVNULL
        )
        return self

    @property
    def note(self) -> dict:
        return json.loads((self.folder / "data" / "run" / "house.json").read_text())

    def stands(self) -> "Kept":
        until(lambda: (self.folder / "data" / "run" / "house.json").exists() or self.process.poll() is not None)
        assert self.process.poll() is None
        return self

    def web(self) -> int:
        """The process that answers a new connection."""
        host, port = self.note["url"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            return int(line.recv(100))

    def seen(self, name: str) -> list[int]:
        return sorted(int(file.suffix[1:]) for file in self.folder.glob(f"{name}.[0-9]*"))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)
        if self.process.stderr is not None:
            self.process.stderr.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    keeping = Kept(tmp_path)
    yield keeping
    keeping.end()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_note_that_the_disk_did_not_take_is_written_once_it_does(kept: Kept) -> None:
    (kept.folder / "no-room").touch()
    kept.begin()
    assert b"house.json was not written" in kept.process.stderr.readline()
    note = kept.folder / "data" / "run" / "house.json"
    (note / "in-its-place").rmdir()
    note.rmdir()
    until(note.is_file)
    assert kept.web() in kept.seen("web")


def test_the_web_and_the_loop_are_started_and_the_note_tells_where(kept: Kept) -> None:
    kept.begin().stands()
    assert kept.note["pid"] == kept.process.pid
    assert kept.web() in kept.seen("web")
    until(lambda: kept.seen("loop"))


def test_a_killed_web_is_replaced_and_no_connection_is_refused(kept: Kept) -> None:
    kept.begin().stands()
    first = kept.web()
    os.kill(first, signal.SIGKILL)
    second = kept.web()  # waits in the backlog of the socket that the keeper holds
    assert second != first
    os.kill(second, signal.SIGKILL)
    assert kept.web() not in (first, second)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_that_is_full_under_log_and_note_ends_no_keeper(kept: Kept) -> None:
    with open("/dev/full", "wb") as full:
        kept.begin(stderr=full).stands()
    (kept.folder / "data" / "run" / f"house.{kept.process.pid}").symlink_to("/dev/full")
    told, first = kept.note, kept.web()
    os.kill(first, signal.SIGKILL)
    second = kept.web()
    os.kill(second, signal.SIGKILL)  # by now the keeper has heard that it stood
    assert kept.web() not in (first, second)
    assert kept.process.poll() is None and kept.note == told


def test_a_hang_up_brings_a_new_web_without_a_refused_connection(kept: Kept) -> None:
    kept.begin().stands()
    first, answers, refused, over = kept.web(), [], [], threading.Event()

    def visit() -> None:
        while not over.is_set():
            try:
                answers.append(kept.web())
            except OSError as error:
                refused.append(error)

    visitors = [threading.Thread(target=visit) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    os.kill(kept.process.pid, signal.SIGHUP)
    until(lambda: any(answer != first for answer in answers) and not alive(first))
    over.set()
    for visitor in visitors:
        visitor.join()
    assert not refused
    assert len(answers) > 2


def test_a_new_web_that_does_not_start_leaves_the_old_one(kept: Kept) -> None:
    kept.begin().stands()
    first = kept.web()
    (kept.folder / "web-is-broken").touch()
    os.kill(kept.process.pid, signal.SIGHUP)
    assert b"the old one stays" in kept.process.stderr.readline()
    assert kept.web() == first


def test_a_web_that_never_starts_is_not_tried_again(kept: Kept) -> None:
    (kept.folder / "web-is-broken").touch()
    kept.begin()
    assert kept.process.wait(10) == 1
    assert b"nothing is served" in kept.process.stderr.read()
    assert not (kept.folder / "data" / "run" / "house.json").exists()


def test_a_failed_migration_starts_nothing(kept: Kept) -> None:
    (kept.folder / "migration-fails").touch()
    kept.begin()
    assert kept.process.wait(10) == 7
    assert not kept.seen("web") and not kept.seen("loop")


def test_a_waiting_job_starts_the_loop_once_it_is_over(kept: Kept) -> None:
    kept.begin().stands()
    until(lambda: kept.seen("loop") and not any(map(alive, kept.seen("loop"))))
    (kept.folder / "loop-works").touch()
    (kept.folder / "job-waits").touch()
    until(lambda: len(kept.seen("loop")) == 2)
    (kept.folder / "job-waits").touch()  # while it runs: it may have looked already, so it is called once more
    until(lambda: not (kept.folder / "job-waits").exists())
    (kept.folder / "loop-works").unlink()
    until(lambda: len(kept.seen("loop")) == 3)


def test_while_another_loop_has_the_house_the_next_one_waits(kept: Kept) -> None:
    (kept.folder / "loop-is-elsewhere").touch()
    kept.begin().stands()
    until(lambda: kept.seen("loop") and not any(map(alive, kept.seen("loop"))))
    for _ in range(10):
        (kept.folder / "job-waits").touch()
        until(lambda: not (kept.folder / "job-waits").exists())
    kept.web()  # answered after the keeper could hear all ten
    assert len(kept.seen("loop")) == 1


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[keeper.Keeper]:
    """A keeper in this process, asked step by step."""
    with socket.socket() as listener:
        made = keeper.Keeper(keeper.KeeperSpec(tmp_path, tmp_path / "data"), listener)
        yield made
        made._selector.close()


def test_a_taken_house_is_tried_again_after_a_pause_and_not_before(keeping: keeper.Keeper) -> None:
    left = subprocess.Popen([sys.executable, "-c", "raise SystemExit(75)"])
    assert left.wait(10) == child.TAKEN
    keeping._was_ready = True
    keeping._loop_ended(keeper.Kept(left))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"loop\n")
        keeping._hear(keeper.Kept(left, notify=ours))
    assert 9 < keeping._due["loop"] - time.monotonic() <= 10


def test_a_keeper_whose_web_is_dead_sleeps_while_the_next_one_starts(keeping: keeper.Keeper) -> None:
    keeping._next = keeper.Kept(subprocess.Popen([sys.executable, "-c", ""]))
    keeping._next.process.wait(10)
    assert keeping._web is None and keeping._patience() > 10


def test_who_looks_at_the_lock_for_an_instant_keeps_no_keeper_from_it(kept: Kept) -> None:
    (kept.folder / "data" / "run").mkdir(parents=True)
    over = threading.Event()
    looks = threading.Thread(target=lambda: [keeper.is_kept(kept.folder / "data") for _ in iter(over.is_set, True)])
    looks.start()
    try:
        kept.begin().stands()
        assert keeper.is_kept(kept.folder / "data")
    finally:
        over.set()
        looks.join()


def test_the_note_of_a_crashed_keeper_is_gone_before_the_next_one_serves(tmp_path: Path) -> None:
    with keeper.locked(tmp_path):
        assert keeper.is_kept(tmp_path)
        keeper.note_of(tmp_path).write_text("{}")
    assert not keeper.is_kept(tmp_path)
    with keeper.locked(tmp_path):
        assert not keeper.note_of(tmp_path).exists()


def test_a_killed_loop_is_started_again(kept: Kept) -> None:
    (kept.folder / "loop-works").touch()
    kept.begin().stands()
    (first,) = until(lambda: kept.seen("loop"))
    os.kill(first, signal.SIGKILL)
    until(lambda: len(kept.seen("loop")) == 2)


def test_a_stop_ends_all_and_takes_the_note_away(kept: Kept) -> None:
    (kept.folder / "loop-works").touch()
    kept.begin().stands()
    until(lambda: kept.seen("loop"))
    kept.process.send_signal(signal.SIGTERM)
    assert kept.process.wait(10) == 0
    assert not any(map(alive, kept.seen("web") + kept.seen("loop")))
    assert not (kept.folder / "data" / "run" / "house.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of the notify socket must tell")
def test_children_die_with_a_killed_keeper(kept: Kept) -> None:
    (kept.folder / "loop-works").touch()
    kept.begin().stands()
    until(lambda: kept.seen("loop"))
    kept.process.kill()
    until(lambda: not any(map(alive, kept.seen("web") + kept.seen("loop"))))


def test_children_see_the_allow_list_of_the_environment(kept: Kept) -> None:
    secret = {"AWS_SECRET_ACCESS_KEY": "1", "TEAHOUSE_SIGNING_KEY": "2", "TEAHOUSE_KEY": "3"}
    kept.begin(**secret, TEAHOUSE_SITE_TITLE="Tea").stands()
    seen = psutil.Process(kept.web()).environ()
    assert not secret.keys() & seen.keys()
    assert seen["TEAHOUSE_SITE_TITLE"] == "Tea"


def test_a_second_keeper_of_a_house_is_refused(kept: Kept) -> None:
    kept.begin().stands()
    with pytest.raises(keeper.Conflict, match="open already"):
        keeper.run(keeper.KeeperSpec(kept.folder, kept.folder / "data", port=0))


def test_a_taken_address_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(keeper.Conflict, match=str(port)):
            keeper.run(keeper.KeeperSpec(tmp_path, tmp_path / "data", port=port))


def test_the_keeper_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(keeper.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {"teahouse"}
    code = "import sys, teahouse.keeper; print(*sys.modules)"
    path = {"PYTHONPATH": str(Path(keeper.__file__).parents[1])}
    fresh = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=path, check=True)
    loaded = {name for name in fresh.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names}
    assert loaded - {"__main__"} == {"teahouse", "teahouse.child", "teahouse.errors", "teahouse.keeper"}


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
def test_the_kernel_lets_go_of_a_visitor_that_takes_nothing() -> None:
    with keeper.listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        with listener.accept()[0] as visitor:
            assert visitor.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == keeper.UNREAD_MS
