"""A worker gives memory back at rest and never in the middle of its work, and knows when a call has it to itself."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.standard.houses import wait_until

from teahouse import child
from teahouse.engine import wire, worker
from teahouse.engine.port import Answer

FREED = """
from teahouse import child
import psutil
held = [bytearray(60_000) for _ in range(3000)]
del held[: -1]
before = psutil.Process().memory_info().rss
child.give_memory_back()
print((before - psutil.Process().memory_info().rss) // 1_000_000)
"""


class Slow:
    """A service whose work takes a while."""

    form, slots, batch, deadline_s = "slow", 1, 1, 10.0

    def __init__(self):
        self.done = []

    def decode(self, frame):
        return frame.header["parts"]

    def run(self, items, alone=False):
        time.sleep(0.6)  # the work itself
        self.done.append(time.monotonic())
        return [Answer("done", form=self.form)]

    def together(self, one, other):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives back what lies free in the middle of its heap")
def test_what_lies_free_in_the_heap_goes_back_to_the_system():
    ended = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(ended.stdout) > 100


def test_a_worker_gives_memory_back_once_it_rests_and_not_in_the_middle_of_its_work(monkeypatch):
    trims, service = [], Slow()
    monkeypatch.setattr(child, "give_memory_back", lambda: trims.append(time.monotonic()))
    monkeypatch.setattr(worker, "REST_S", 0.1)
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=worker.Worker(theirs, service, "r").serve, daemon=True)
    with ours, theirs:
        serving.start()
        assert wire.receive(ours).header["kind"] == "ready"
        for number in (1, 2):
            wire.send(ours, {"kind": "predict", "id": number, "parts": {}, "left_ms": 5000})
            assert wire.receive(ours).header["kind"] == "answer"
            wait_until(lambda number=number: len(trims) == number, "it gives nothing back", 5)
        assert trims[0] > service.done[0] and trims[1] > service.done[1]
        wire.send(ours, {"kind": "stop"})
        serving.join(5)
        assert not serving.is_alive() and len(trims) == 2


def test_a_call_has_the_machine_to_itself_until_another_one_comes_or_where_the_front_knows_of_one():
    alone, began, goes_on = [], threading.Event(), threading.Event()

    class Told(Slow):
        slots = 2

        def run(self, items, alone_now=False):
            first = not alone
            alone.append(alone_now)
            began.set()
            assert not first or goes_on.wait(30)
            return [Answer("done", form=self.form)]

    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=worker.Worker(theirs, Told(), "r").serve, daemon=True)
    with ours, theirs:
        serving.start()
        assert wire.receive(ours).header["kind"] == "ready"

        def asks(id_, alone=True):
            wire.send(ours, {"kind": "predict", "id": id_, "parts": {}, "alone": alone})

        def is_told():
            header = wire.receive(ours).header
            return header["kind"], header["id"]

        asks(1)
        assert began.wait(30)
        asks(2)
        assert is_told() == ("answer", 2), "it was not kept waiting"
        goes_on.set()
        assert is_told() == ("answer", 1)
        for id_, says in ((3, True), (4, False)):
            asks(id_, says)
            assert is_told() == ("answer", id_)
        wire.send(ours, {"kind": "stop"})
        serving.join(30)
    assert alone == [True, False, True, False]


GIVES_WAY = """
import os
from pathlib import Path
from teahouse import child
child.give_way(7)
print(os.nice(0), Path("/proc/self/autogroup").read_text().split()[-1:])
"""


def share() -> list[str]:
    """How nice this process's session is, in a list; nothing is in it where the session has no group of its own."""
    group = Path("/proc/self/autogroup")
    return group.read_text().split()[-1:] if group.exists() else []


@pytest.mark.parametrize("own", [True, False])
def test_what_gives_way_does_so_for_all_of_its_session_where_that_is_its_own(own):
    before, asks = share(), ["sh", "-c", "echo 7 > /proc/self/autogroup && cat /proc/self/autogroup"]
    if not subprocess.run(asks, capture_output=True, start_new_session=True).stdout.strip():
        pytest.skip("a session has no share of the processors of its own here, or none that can be set (sched(7))")
    given = [sys.executable, "-c", GIVES_WAY]
    ended = subprocess.run(given, capture_output=True, text=True, check=True, start_new_session=own)
    assert ended.stdout.split(maxsplit=1) == [str(min(19, os.nice(0) + 7)), f"{['7'] if own else before}\n"]
    assert share() == before


def test_a_word_to_the_system_that_comes_too_soon_is_said_again(monkeypatch):
    said = []

    def refused_twice(path, text):
        said.append((str(path), text))
        if len(said) < 3:
            raise BlockingIOError

    monkeypatch.setattr(child.time, "sleep", lambda seconds: said.append(seconds))
    monkeypatch.setattr(Path, "write_text", refused_twice)
    child._share_as(7)
    assert said == [("/proc/self/autogroup", "7"), 0.1, ("/proc/self/autogroup", "7")]
