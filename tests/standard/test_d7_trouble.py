"""D7: the disk answers a write or an fsync of the database with EIO, once: the site stops acknowledging, ends, is
started again, and nothing acknowledged is lost, also where the kernel has forgotten what that fsync was for.

TEAHOUSE_FAULTS sets how often (6; 100 at night)."""

import os
import random
import time

import psutil
import pytest

from teahouse.desk import reach
from tests.standard import disk, power
from tests.standard.acting import Journal, acting, look
from tests.standard.houses import RealHouse, wait_until

FAULTS = int(os.environ.get("TEAHOUSE_FAULTS", "6"))
# What fails, and how many such calls pass before at most. The log takes the commits, the file what is folded into it.
CALLS = [
    ("fsync", "house.db-wal", 10),
    ("write", "house.db-wal", 100),
    ("fsync", "house.db", 0),
    ("write", "house.db", 40),
]
STARTS = 4  # of one house's web: its keeper waits longer each time
CUTS, ACTS = 15, 100


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return disk.compiled(tmp_path_factory.mktemp("disk"))


def runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def fail(house: RealHouse, fault, call: str, name: str, passes: int) -> tuple[float, float]:
    """The web's disk fails once; the moments between which that web, though it still ran, was not to be trusted."""
    web = house.child("site.serve")
    disk.arm(fault, call, name, passes, web.pid)
    wait_until(lambda: not fault.exists(), f"the house did not come to this {call} of {name}", pause=0.002)
    met = last = time.monotonic()
    while runs(web):
        assert time.monotonic() - met < 30, f"the web lives on after a failed {call} of {name}"
        last = time.monotonic()
        time.sleep(0.002)

    def is_back() -> bool:
        try:
            return house.child("site.serve").pid != web.pid and reach.is_ready(house.url)
        except AssertionError:
            return False

    wait_until(is_back, "the keeper started no other web")
    return met, last


def kept(journals: list[Journal]) -> int:
    return sum(len(journal.kept) for journal in journals)


@pytest.mark.slow
@pytest.mark.timeout(120 + 30 * FAULTS)
def test_d7_a_site_whose_disk_fails_once_ends_and_another_takes_its_place(tmp_path, library, capsys):
    dice, journals, untrusted, fault = random.Random(20261125), [Journal() for _ in range(6)], [], tmp_path / "fault"
    with RealHouse(tmp_path / "house") as house:
        house.prepare()
        house.environment = disk.environment(library, house.data, fault=fault)
        for first in range(0, FAULTS, STARTS):
            house.start()
            with acting(house, journals):
                for number in range(first, min(first + STARTS, FAULTS)):
                    call, name, most = CALLS[number % len(CALLS)]
                    untrusted.append(fail(house, fault, call, name, dice.randint(0, most)))
                    before = kept(journals)
                    wait_until(lambda before=before: kept(journals) > before + 6, "nothing is kept again")
            assert house.stop() == 0
        look(house, journals, [])
    heard = [one for journal in journals for one in journal.heard]
    wrong = [
        status
        for met, last in untrusted
        for began, ended, status in heard
        if began > met and ended < last and status not in (404, 503, 507)
    ]
    told = sum(len(journal.answered) + len(journal.said) + len(journal.kept) for journal in journals)
    with capsys.disabled():
        print(f"\nD7: {FAULTS} times EIO, {told} acknowledged acts, 0 lost, 0 twice")
    assert wrong == [], "it acknowledged after its disk had failed"
    assert told > 20 * FAULTS


@pytest.mark.slow
@pytest.mark.parametrize(("name", "passes"), [("house.db-wal", range(40, 400)), ("house.db", range(2, 6))])
@pytest.mark.timeout(120 + 30 * FAULTS)
def test_d7_what_the_kernel_forgot_is_written_again(tmp_path, library, capsys, name, passes):
    """The power goes after an fsync failed and the kernel takes its pages for written: another process writes them."""
    dice, lost = random.Random(20261125), []
    for number in range(max(1, FAULTS // 4)):
        place = tmp_path / str(number)
        place.mkdir()
        writers = power.Writers(place, library)
        failing = writers.start("first", 100 * ACTS)
        writers.fail(failing, "fsync", name, dice.choice(passes))
        assert "DiskFull" in failing.communicate(timeout=100)[1]
        assert writers.start("second", ACTS).communicate(timeout=100)[1] == ""
        records = writers.records()
        failed = [record.kind for record in records].index("e")
        lost += power.cuts(place, records, CUTS, dice, after=failed)
    with capsys.disabled():
        print(f"\nD7: after a failed fsync of {name} {len(lost)} power cuts, {sum(len(one.rows) for one in lost)} lost")
    assert [one for one in lost if one.rows or one.blobs] == []
