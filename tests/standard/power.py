"""Writers on a disk that tells (disk.py), the power cuts that may have come meanwhile, and what each would take."""

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from teahouse.errors import BlobDamaged
from teahouse.store import held, tables
from teahouse.store.house import House
from tests.standard import disk


@dataclass
class Writers:
    """Processes that keep things in a house on one such disk (keeping.py), each with an app of its own."""

    place: Path
    library: Path

    def __post_init__(self) -> None:
        self.root, self.journal, self._fault = (self.place / name for name in ("disk", "journal", "fault"))
        self.root.mkdir()

    def start(self, name: str, acts: int, spoilt: str = "") -> subprocess.Popen:
        """One more process."""
        seen = disk.environment(self.library, self.root, self.journal, self._fault)
        command = [sys.executable, "-m", "tests.standard.keeping", self.root / "house", name, str(acts), spoilt]
        return subprocess.Popen(command, env={**os.environ, **seen}, stderr=subprocess.PIPE, text=True)

    def fail(self, process: subprocess.Popen, call: str, name: str, passes: int) -> None:
        """The disk fails this process, once (disk.arm)."""
        disk.arm(self._fault, call, name, passes, process.pid)

    def records(self) -> list[disk.Record]:
        """What all of them did, from the first folder on; fails where that would not be what lies there now."""
        records, seen = list(disk.read(self.journal, self.root)), disk.Disk()
        for record in records:
            seen.apply(record)
        files = {str(file.relative_to(self.root)): file.read_bytes() for file in self.root.rglob("*") if file.is_file()}
        files = {path: data for path, data in files.items() if not path.endswith("-shm")}
        assert seen.all() == files, "the journal is not what happened"
        return records


@dataclass(frozen=True)
class Lost:
    """What was acknowledged before a cut and is not there after it: so many were, and the names of those."""

    acked: int
    rows: list[str]
    blobs: list[str]


def cuts(place: Path, records: list[disk.Record], count: int, dice: random.Random, after: int = 0) -> list[Lost]:
    """What is lost after a cut at each of so many random places of the journal, none before the record `after`."""
    found, seen, marks, done = [], disk.Disk(), [], 0
    for cut in sorted(dice.randint(after, len(records)) for _ in range(count)):
        for record in records[done:cut]:
            seen.apply(record)
            marks += [record.data] if record.kind == "!" else []
        done = cut
        left = disk.laid_out(seen.cut(dice), place / f"cut-{len(found)}")
        found.append(look(left / "house", marks))
        shutil.rmtree(left)
    return found


def look(data: Path, marks: list[bytes]) -> Lost:
    """Opens what a cut left, as a site does that starts again; fails where that is not whole."""
    told = [json.loads(mark) for mark in marks]
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
        erased = {one["id"] for one in told if one["what"] == "erased"}
        back = [one["blob"] for one in told if one["what"] == "photo" and one["id"] in erased]
        rows += [f"{blob} is back" for blob in back if house.blobs.exists(blob)]
        damaged = []
        for blob in held.all(c):
            try:
                house.blobs.get(blob)
            except BlobDamaged:
                damaged.append(blob)
    return Lost(len(told), rows, damaged)
