"""D2: the power goes at any moment, and everything that was acknowledged is on the disk.

The real store layer writes on a disk that keeps a journal (disk.c): three processes, six clients in each. For each of
the cuts the disk is laid out as a power cut at that moment may leave it (disk.py), opened, and looked at.
TEAHOUSE_CUTS sets how many (200)."""

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from teahouse.errors import BlobDamaged
from teahouse.store import held, tables
from teahouse.store.house import House
from tests.standard import disk

CUTS = int(os.environ.get("TEAHOUSE_CUTS", "200"))
CONTROLS = max(10, CUTS // 8)
ACTS = 150


@dataclass(frozen=True)
class Lost:
    """What was acknowledged before a cut and is not there after it."""

    acked: int
    rows: list[str]
    blobs: list[str]


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return disk.compiled(tmp_path_factory.mktemp("disk"))


def journal_of(place: Path, library: Path, spoilt: str = "") -> list[disk.Record]:
    """What two processes and then a third did to a house on this disk, from its first folder on."""
    root = place / "disk"
    root.mkdir()
    told = {"LD_PRELOAD": str(library), "DISK_ROOT": str(root), "DISK_JOURNAL": str(place / "journal")}
    command = [sys.executable, "-m", "tests.standard.keeping", str(root / "house")]
    for names in (("first", "second"), ("third",)):  # who closes last folds the log away: the third begins a new one
        running = [
            subprocess.Popen([*command, name, str(ACTS), *spoilt.split()], env={**os.environ, **told}) for name in names
        ]
        assert [process.wait(100) for process in running] == [0] * len(names)
    records = list(disk.read(place / "journal", root))
    seen = disk.Disk()
    for record in records:
        seen.apply(record)
    files = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    assert seen.all() == files, "the journal is not what happened"
    return records


def look(data: Path, marks: list[bytes]) -> Lost:
    """Opens what the power cut left, as a site does that starts again; fails where it is not whole."""
    told = [json.loads(mark) for mark in marks]
    rows, damaged = [], []
    with House.open(data) as house, house.db.read() as c:
        assert c.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert c.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        kept = {row.prediction.hex(): row.blob for row in c.execute(sa.select(tables.inputs))}
        there = {
            "prediction": {id_.hex() for id_ in c.execute(sa.select(tables.predictions.c.id)).scalars()},
            "word": {id_.hex() for id_ in c.execute(sa.select(tables.feedback.c.id)).scalars()},
            "photo": kept.keys(),
            "erased": {prediction for prediction, blob in kept.items() if blob is None},
        }
        rows = [f"{one['what']} {one['id']}" for one in told if one["id"] not in there[one["what"]]]
        gone = {one["id"] for one in told if one["what"] == "erased"}
        rows += [f"{one['blob']} is back" for one in told if one["id"] in gone and one["blob"] and
                 house.blobs.exists(one["blob"])]  # fmt: skip
        for blob in held.all(c):
            try:
                house.blobs.get(blob)
            except BlobDamaged:
                damaged.append(blob)
    return Lost(len(told), rows, damaged)


def cuts(place: Path, records: list[disk.Record], count: int) -> list[Lost]:
    """What is lost after a cut at each of so many random places of the journal."""
    dice = random.Random(20261125)
    found, seen, marks, done = [], disk.Disk(), [], 0
    for cut in sorted(dice.randrange(len(records) + 1) for _ in range(count)):
        for record in records[done:cut]:
            seen.apply(record)
            marks += [record.data] if record.kind == "!" else []
        done = cut
        left = disk.laid_out(seen.cut(dice), place / f"cut-{cut}-{len(found)}")
        found.append(look(left / "house", marks))
        shutil.rmtree(left)
    return found


@pytest.mark.slow
@pytest.mark.timeout(120 + CUTS)
def test_d2_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path, library, capsys):
    found = cuts(tmp_path, journal_of(tmp_path, library), CUTS)
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
    found = cuts(tmp_path, journal_of(tmp_path, library, spoilt), CONTROLS)
    lost = [one for one in found if (one.rows if spoilt == "normal" else one.blobs)]
    with capsys.disabled():
        print(f"\nD2 control ({spoilt}): acknowledged things lost in {len(lost)} of {CONTROLS} cuts")
    assert lost
