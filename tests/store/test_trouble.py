"""A killed process loses nothing that it acknowledged; a full disk acknowledges nothing."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.standard.houses import wait_until

from teahouse import ids
from teahouse.errors import DiskFull
from teahouse.store import database, migrate, sqlite, tables
from teahouse.store.backup import examine
from teahouse.store.blobs import FolderBlobs
from teahouse.store.database import Database

WRITER = """
import asyncio, os, sys
from pathlib import Path
from teahouse.store import tables
from teahouse.store.house import House

house = House.open(Path(sys.argv[1]))

async def client(n):
    for k in range(10**6):
        digest = house.blobs.put(os.urandom(200))
        name = f"{os.getpid()}-{n}-{k}"
        row = {"at": 1, "kind": name, "ref": digest, "reason": ""}
        if k % 2:
            seq = await house.db.append(tables.erasures, row)
        else:
            seq = await house.db.write_async(
                lambda c: c.execute(tables.erasures.insert().values(row).returning(tables.erasures.c.seq)).scalar_one())
        os.write(1, f"{seq} {name} {digest}\\n".encode())

async def main():
    await asyncio.gather(*(client(n) for n in range(8)))

os.write(1, b"ready\\n")
asyncio.run(main())
"""


@pytest.mark.slow
def test_ten_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    data, acked, moments = tmp_path / "data", {}, random.Random(7)
    for _ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(data)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        told = [writer.stdout.readline() for _ in range(moments.randrange(5, 60))]
        time.sleep(moments.uniform(0, 0.02))
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
        for line in map(bytes.decode, told):
            if line.endswith("\n"):
                seq, name, digest = line.split()
                assert int(seq) not in acked
                acked[int(seq)] = (name, digest)
        writer.wait()
        writer.stdout.close()
    examine(data)
    db, blobs = Database(data / "house.db"), FolderBlobs(data / "blobs")
    with db.read() as c:
        kept = {row.seq: (row.kind, row.ref) for row in c.execute(sa.select(tables.erasures))}
    db.close()
    assert len(acked) > 100
    assert {seq: row for seq, row in acked.items() if kept.get(seq) != row} == {}
    for _name, digest in kept.values():
        blobs.get(digest)


FULL = """
import json, resource, sys
from pathlib import Path
from teahouse import ids
from teahouse.errors import DiskFull
from teahouse.store import tables
from teahouse.store.database import Database
from tests.standard.houses import wait_until

db = Database(Path(sys.argv[1]) / "house.db")
row = lambda n: {"at": 1, "kind": str(n), "ref": "x" * 150, "reason": "y" * 2000}
put = lambda n: db.write(lambda c: c.execute(tables.erasures.insert().values(row(n))))
acked, refused, after = [], 0, []
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
for n in range(400):
    try:
        put(n)
        acked.append(n)
    except DiskFull:
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
for n in range(400, 410):
    put(n)
    after.append(n)
db.close()
print(json.dumps([acked, refused, after]))
"""


def test_a_full_disk_is_told_and_writes_work_again_when_there_is_room(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    acked, refused, after = json.loads(done.stdout)
    assert acked and refused and len(after) == 10
    examine(tmp_path)
    db = Database(tmp_path / "house.db")
    with db.read() as c:
        found = c.execute(sa.select(tables.erasures.c.kind).order_by(tables.erasures.c.seq))
        kept = [int(kind) for kind in found.scalars()]
    db.close()
    assert kept == acked + after


class Broken(sa.exc.OperationalError):
    """What SQLAlchemy raises when SQLite's fsync failed."""


def test_after_a_failed_fsync_nothing_is_acknowledged_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(tmp_path)
    db = Database(tmp_path / "house.db")
    own = RuntimeError("disk I/O error")
    own.sqlite_errorname = "SQLITE_IOERR_FSYNC"  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:

        def commit(_self: object) -> None:
            raise Broken("COMMIT", None, own)

        patch.setattr(sa.Connection, "commit", commit)
        with pytest.raises(DiskFull):
            db.write(lambda c: None)
    with pytest.raises(DiskFull):
        db.write(lambda c: None)
    assert isinstance(db.broken, DiskFull)
    db.close()


def test_a_transaction_that_sqlite_gave_up_is_never_acknowledged(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path)
    db = Database(tmp_path / "house.db")

    def give_up(c: sa.Connection) -> None:
        c.connection.driver_connection.execute("ROLLBACK")

    with pytest.raises((DiskFull, sa.exc.OperationalError)):
        db.write(give_up)
    assert db.write(lambda c: 7) == 7
    db.close()


def _lines(db: Database, size: int) -> None:
    row = {"at": 1, "kind": "a line", "ref": ids.new_id().hex(), "reason": "x" * size}
    db.write(lambda c: c.execute(tables.erasures.insert().values(row)))


def test_nobody_waits_while_a_long_log_is_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(tmp_path)
    db = Database(tmp_path / "house.db")
    begun, go_on, folded, fold = threading.Event(), threading.Event(), threading.Event(), sqlite.fold

    def slowly(raw: object) -> None:
        begun.set()
        assert go_on.wait(20)
        fold(raw)
        folded.set()

    monkeypatch.setattr(sqlite, "fold", slowly)
    _lines(db, database.FOLD * 4200)
    assert begun.wait(20)
    _lines(db, 1)  # answered, though the fold has not ended
    go_on.set()
    assert folded.wait(20)
    with db.read() as c:
        assert c.execute(sa.text("PRAGMA wal_checkpoint(NOOP)")).one()[2] >= database.FOLD
    db.close()


def test_a_log_that_outgrows_its_folds_is_folded_by_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(tmp_path)
    db, by = Database(tmp_path / "house.db"), []
    monkeypatch.setattr(sqlite, "fold", lambda _raw: by.append(threading.current_thread().name))
    _lines(db, database.FAR * database.FOLD * 4200)
    _lines(db, 1)  # the second begins when the writer has looked at the log of the first
    assert "teahouse-writer" in by
    db.close()


def test_a_fold_that_fails_is_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(tmp_path)
    db = Database(tmp_path / "house.db")
    failed = sqlite.sound_module().OperationalError("disk I/O error")
    failed.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    calls: list[object] = []

    def fail(raw: object) -> None:
        calls.append(raw)
        raise failed

    monkeypatch.setattr(sqlite, "fold", fail)
    _lines(db, database.FOLD * 4200)
    wait_until(lambda: db.broken, "the failure was not heard")
    with pytest.raises(DiskFull):
        _lines(db, 1)
    assert len(calls) == 1
    db.close()
