"""What all tests share."""

import atexit
import functools
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import sqlalchemy

from teahouse import child

# Files run side by side on two cores: number libraries with threads of their own would wait for each other.
os.environ.update(child.one_thread())

# A test makes and removes a hundred small files; in memory that costs nothing. What a disk may do wrong is tested
# with disks that do it: failing_fsync.py, full file systems, killed processes.
MEMORY, ROOM = Path("/dev/shm"), 6 << 30


def has_room(folder: Path) -> bool:
    """Whether files fit into this folder of memory, and programs may run there."""
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return min(psutil.virtual_memory().available, shutil.disk_usage(folder).free) > ROOM


if "TMPDIR" not in os.environ and has_room(MEMORY):
    own = tempfile.mkdtemp(prefix="teahouse-tests-", dir=MEMORY)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    os.environ["TMPDIR"] = tempfile.tempdir = own  # both: pytest has asked for a file before


# What takes longest begins first, so that at the end no file runs alone beside an idle core.
LONGEST = (
    "starters/test_learning",
    "cli/test_real",
    "learn/test_chapters",
    "ci/test_workflows",
    "standard/test_d1_",
    "standard/test_i7_",
    "standard/test_v1_",
    "standard/test_f",
    "standard/test_r1_",
    "loop/test_circle",
    "loop/",
    "engine/test_front",
    "journeys/",
    "training/",
    "publishing/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order of LONGEST, then all others as they come."""

    def place(item: pytest.Item) -> int:
        return next((at for at, part in enumerate(LONGEST) if part in item.nodeid), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it in every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def photographs() -> Path:
    """A folder of real photographs, ants/ and bees/, where TEAHOUSE_PHOTOS names one."""
    folder = os.environ.get("TEAHOUSE_PHOTOS", "")
    if not Path(folder or "nowhere").is_dir():
        pytest.skip("TEAHOUSE_PHOTOS names no folder of photographs")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """All houses of a process speak one dialect, and what a statement compiles to is kept with it."""
    from teahouse.store import sqlite

    make, spoken = sqlite.engine, {}

    def engine(path: Path, *, writes: bool) -> Any:
        made = make(path, writes=writes)
        if (first := spoken.get(writes)) is not None:
            made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
        else:  # of one that has connected: only then it knows its database
            sqlalchemy.event.listen(made, "engine_connect", lambda _: spoken.setdefault(writes, made))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "engine", engine)
        yield


@pytest.fixture(scope="session", autouse=True)
def tables_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new house begins with a copy of a database that was migrated once, for most of its opening is Alembic's.

    What calls `migrate` itself, and every process that a test starts, goes all the way."""
    from teahouse.store import house, migrate

    @functools.cache
    def migrated() -> bytes:
        folder = tmp_path_factory.mktemp("migrated")
        migrate.upgrade(folder)
        return (folder / "house.db").read_bytes()

    def upgrade(data: Path) -> bool:
        path = data / "house.db"
        if not path.exists():
            path.write_bytes(migrated())
        return migrate.upgrade(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house, "migrate", SimpleNamespace(upgrade=upgrade))
        yield
