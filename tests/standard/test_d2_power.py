"""D2: the power goes at any moment, and everything that was acknowledged is on the disk.

The real store layer writes on a disk that keeps a journal (disk.c): three processes, six clients in each. For each of
the cuts the disk is laid out as a power cut at that moment may leave it (disk.py), opened, and looked at.
TEAHOUSE_CUTS sets how many (200; 1000 at night)."""

import os
import random
from pathlib import Path

import pytest

from tests.standard import disk, power

CUTS = int(os.environ.get("TEAHOUSE_CUTS", "200"))
CONTROLS = max(10, CUTS // 10)
ACTS = 150  # of a process; of a control a third


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return disk.compiled(tmp_path_factory.mktemp("disk"))


def lost(place: Path, library: Path, count: int, acts: int, spoilt: str = "") -> list[power.Lost]:
    """What so many cuts take of what two processes did and then a third, so many acts each."""
    writers = power.Writers(place, library)
    for names in (("first", "second"), ("third",)):  # who closes last folds the log away: the third begins a new one
        running = [writers.start(name, acts, spoilt) for name in names]
        assert [process.communicate(timeout=100)[1] for process in running] == [""] * len(names)
    return power.cuts(place, writers.records(), count, random.Random(20261125))


@pytest.mark.slow
@pytest.mark.timeout(120 + CUTS)
def test_d2_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path, library, capsys):
    found = lost(tmp_path, library, CUTS, ACTS)
    with capsys.disabled():
        rows, blobs = sum(len(one.rows) for one in found), sum(len(one.blobs) for one in found)
        print(f"\nD2: {CUTS} power cuts, {rows} rows and {blobs} blobs of {sum(one.acked for one in found)} lost")
    assert max(one.acked for one in found) > 3 * ACTS
    assert [one for one in found if one.rows or one.blobs] == []


@pytest.mark.slow
@pytest.mark.parametrize("spoilt", ["normal", "folders"])
@pytest.mark.timeout(120 + CUTS)
def test_d2_the_disk_does_take_what_was_not_synced(tmp_path, library, capsys, spoilt):
    """Without this the row would say nothing: with synchronous=NORMAL, or unsynced folders of blobs, much is lost."""
    found = lost(tmp_path, library, CONTROLS, ACTS // 3, spoilt)
    found = [one for one in found if (one.blobs if spoilt == "folders" else one.rows)]
    with capsys.disabled():
        print(f"\nD2 control ({spoilt}): something acknowledged is lost in {len(found)} of {CONTROLS} cuts")
    assert found
