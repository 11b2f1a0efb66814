"""SQLite as the house needs it: a sound version, durable pragmas, immediate transactions."""

import errno
import importlib
import os
import secrets
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from teahouse.errors import DatabaseUnsound, DiskFull, NotReady, TeahouseError

# 3.7.0 to 3.51.2 can corrupt a WAL that several connections write (a checkpoint races a WAL reset).
_SOUND = ((3, 51, 3),)
_BACKPORTS = {(3, 50): 7, (3, 44): 6}
_FIX = "Run `pip install pysqlite3` (it brings a newer SQLite), or use a Python whose SQLite is 3.51.3 or newer."
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: with NORMAL a power cut takes acknowledged commits
    "foreign_keys": 1,
    "busy_timeout": 10000,
    "secure_delete": 1,
    "mmap_size": 0,
    "temp_store": 2,  # memory: what a visitor gave never lands in a temporary file
    "trusted_schema": 0,
    "cell_size_check": 1,
    "wal_autocheckpoint": 0,  # SQLite's own, at the end of a commit, says nothing where the disk fails: see fold
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_sound(version: tuple[int, ...]) -> bool:
    """Whether this SQLite keeps what several connections write."""
    return version >= _SOUND[0] or version[2] >= _BACKPORTS.get(version[:2], 1 << 30)


def sound_module(names: tuple[str, ...] = ("sqlite3", "pysqlite3")) -> ModuleType:
    """The first of the modules whose SQLite is sound; DatabaseUnsound names the fix."""
    seen = []
    for name in names:
        try:
            module = importlib.import_module(name) if name != "sqlite3" else sqlite3
        except ImportError:
            continue
        version = tuple(int(part) for part in module.sqlite_version.split("."))
        if is_sound(version):
            return module
        seen.append(f"{name} brings SQLite {module.sqlite_version}")
    raise DatabaseUnsound(
        "This SQLite can lose or damage what is written to it.",
        f"{'; '.join(seen) or 'No SQLite module was found'}: versions up to 3.51.2 have the WAL-reset bug.",
        _FIX,
    )


def engine(path: Path, *, writes: bool) -> sa.Engine:
    """An engine on one file: BEGIN IMMEDIATE where it writes; where not, `query_only` and plain snapshots."""
    made = sa.create_engine(
        f"sqlite:///{path}",
        module=sound_module(),
        pool_size=1 if writes else 8,
        max_overflow=0 if writes else 56,
        connect_args={"timeout": PRAGMAS["busy_timeout"] / 1000, "check_same_thread": False},
    )

    def connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # the driver must not begin transactions by itself
        try:
            prepare(raw, query_only=not writes)
        except made.dialect.dbapi.DatabaseError as error:
            raise (trouble(error) or error) from error

    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    sa.event.listen(made, "connect", connected)
    sa.event.listen(made, "begin", begin)
    return made


def prepare(raw: Any, *, query_only: bool) -> None:
    """Set the pragmas on a new connection and read them back."""
    raw.execute(f"PRAGMA busy_timeout={PRAGMAS['busy_timeout']}")
    for name, wanted in PRAGMAS.items():
        raw.execute(f"PRAGMA {name}={wanted}").fetchall()
        row = raw.execute(f"PRAGMA {name}").fetchone()
        # A SQLite built without mmap answers nothing, which is what we want.
        if row is not None and row[0] != wanted:
            raise DatabaseUnsound(
                "The database does not keep the settings that make it durable.",
                f"{name} is {row[0]} where {wanted} was set.",
                "Put the data directory on a local disk; `teahouse doctor` shows more.",
            )
    if query_only:
        raw.execute("PRAGMA query_only=1")


def trouble(error: BaseException) -> TeahouseError | None:
    """What a failing database means for callers: DiskFull, NotReady, DatabaseUnsound; None if it is our own bug."""
    name, words = _names(error)
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")) or "disk is full" in words or "disk I/O" in words:
        return DiskFull("This could not be kept.", f"The disk did not take it ({words}).", "Make room on the disk.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or "is locked" in words:
        return NotReady("The house is busy.", "Another process kept the database for 10 seconds.", "Try again.")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "malformed" in words or "not a database" in words:
        return DatabaseUnsound("The database is damaged.", words, "Restore the last backup: `teahouse restore`.")
    return None


def is_lost(error: BaseException, path: Path) -> bool:
    """Whether this process must not write any more: after a failed fsync the kernel may have forgotten pages.

    pysqlite3 does not tell a failed fsync from a failed write, so any failure of the disk counts that is no want of
    room."""
    name, _words = _names(error)
    if name.startswith("SQLITE_IOERR"):
        return name.endswith("FSYNC") or has_room(path)
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def has_room(path: Path) -> bool:
    """Whether the disk takes another page behind what the database holds: a quota or a limit of a file's size may end
    before the disk does. A disk that fails otherwise has room."""
    files = (path, path.with_name(f"{path.name}-wal"))
    end = max((file.stat().st_size for file in files if file.exists()), default=0)
    probe = path.with_name(f".{secrets.token_hex(8)}")
    try:
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.pwrite(handle, bytes(4096), end)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        return error.errno not in _FULL
    finally:
        probe.unlink(missing_ok=True)
    return True


def unfolded(raw: Any) -> int:
    """How many pages the log has, where not all of them are folded into the file."""
    # Before 3.51 SQLite takes NOOP, which only counts, for PASSIVE, which folds: right as well, and slower.
    _busy, pages, folded = raw.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    return pages if folded < pages else 0


def fold(raw: Any) -> None:
    """Fold the log into the file, as far as no reader holds it; the driver's error where the disk does not take it."""
    raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _names(error: BaseException) -> tuple[str, str]:
    """SQLite's own name of an error (the driver's, or what SQLAlchemy made of it), and its words."""
    own = getattr(error, "orig", None) or error
    return getattr(own, "sqlite_errorname", None) or "", str(own)
