"""D2: what the kernel is told while a photo is kept: its bytes synced, its name, its folder synced, the commit synced,
and only then the answer."""

import re
import shutil
import subprocess
from typing import NamedTuple

import httpx
import pytest

from teahouse import testing
from teahouse.store.house import House
from tests.standard.houses import RealHouse
from tests.standard.visits import held, visit

NAMES = "link", "linkat", "rename", "renameat", "renameat2"
SYNCS = "fsync", "fdatasync"
WRITES = "write", "writev", "pwrite64", "sendto", "sendmsg"
PAGE = 4096 + 64  # so much of what is written is seen: a page of the log


class Call(NamedTuple):
    """A system call that succeeded: its name, what it was given, the lines of the trace where it began and ended."""

    name: str
    given: str
    began: int
    ended: int


def calls(trace: str) -> list[Call]:
    """The calls of `strace -f`, in the order in which they ended: one may be in two pieces, with others between."""
    open_calls, found = {}, []
    for number, line in enumerate(trace.splitlines()):
        process, _, told = line.partition(" ")
        told = told.strip()
        if told.endswith("<unfinished ...>"):
            open_calls[process] = told.removesuffix("<unfinished ...>").rstrip(), number
            continue
        began = number
        if resumed := re.match(r"<\.\.\. \w+ resumed>", told):
            first, began = open_calls.pop(process, ("", number))
            told = first + told[resumed.end() :]
        if whole := re.match(r"(\w+)\((.*)\) += \d+(<.*>)?$", told, re.S):
            found.append(Call(whole[1], whole[2], began, number))
    return found


def test_d2_the_reading_of_a_trace_knows_when_a_call_began_and_ended():
    lines = [
        "7 fsync(5</a/.b> <unfinished ...>",
        '8 write(2</log>, "x) = 3\\n", 8) = 8',
        "7 <... fsync resumed>)               = 0",
        '7 link("/a/.b", "/a/b") = -1 EEXIST (File exists)',
        '7 openat(AT_FDCWD</>, "/a", O_RDONLY) = 9</a>',
    ]
    assert calls("\n".join(lines)) == [
        Call("write", '2</log>, "x) = 3\\n", 8', 1, 1),
        Call("fsync", "5</a/.b>", 0, 2),
        Call("openat", 'AT_FDCWD</>, "/a", O_RDONLY', 4, 4),
    ]


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = ["strace", "-f", "-y", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]
    return subprocess.run(tried, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_trace(), reason="strace is not here, or may not trace")
def test_d2_a_photo_is_on_the_disk_before_the_row_that_names_it_and_both_before_the_answer(tmp_path):
    trace, watched = tmp_path / "trace", ",".join((*SYNCS, *NAMES, *WRITES))
    traced = ("strace", "-f", "-y", "-qq", "-s", str(PAGE), "-o", str(trace), "-e", f"trace={watched}")
    with RealHouse(tmp_path / "house", under=traced) as house:
        house.prepare()
        house.start()
        with httpx.Client(base_url=house.url, timeout=20) as client:
            told = visit(client, house.url, testing.photo("warm", 3))
        assert house.stop() == 0
    with House.open(house.data) as own:
        blob = held(own, told).blob
    found = calls(trace.read_text(errors="replace"))
    folder = house.data / "blobs" / blob[:2]

    def first(names, words, after=-1):
        """The first call by one of these names that was given these words and began after that line."""
        return next(call for call in found if call.name in names and call.began > after and words in call.given)

    named = first(NAMES, f'"{folder / blob}"')
    temporary = named.given.split('"')[1]
    written = first(WRITES, f"<{temporary}>")
    synced = first(SYNCS, f"<{temporary}>", written.ended)
    assert synced.ended < named.began
    entry = first(SYNCS, f"<{folder}>", named.ended)
    row = next(call for call in found if call.name in WRITES and "house.db-wal>" in call.given and blob in call.given)
    assert entry.ended < row.began, "the row that names it was on its way first"
    commit = first(SYNCS, "house.db-wal>", row.ended)
    answers = [call for call in found if "<socket:" in call.given and '"HTTP/1.1 201' in call.given]
    assert len(answers) == 3, "an answer, a word, a photo kept"
    assert answers[1].ended < written.began and commit.ended < answers[2].began
