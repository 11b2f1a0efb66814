"""Only a SQLite that keeps what it is given is used, with the settings that make it durable."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from teahouse.errors import DatabaseUnsound
from teahouse.store import sqlite
from teahouse.store.database import Database


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ("3.40.1", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.50.6", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.53.4", True),
        ("4.0.0", True),
    ],
)
def test_only_versions_without_the_wal_reset_bug_are_sound(version: str, sound: bool) -> None:
    assert sqlite.is_sound(tuple(map(int, version.split(".")))) is sound


@pytest.mark.parametrize(("version", "used"), [("3.50.6", False), ("3.51.3", True)])
def test_the_version_of_the_module_in_use_decides(monkeypatch: pytest.MonkeyPatch, version: str, used: bool) -> None:
    stock, other = SimpleNamespace(sqlite_version="3.40.1"), SimpleNamespace(sqlite_version=version)
    monkeypatch.setattr(sqlite, "sqlite3", stock)
    monkeypatch.setattr(sqlite.importlib, "import_module", lambda name: other)
    if used:
        assert sqlite.sound_module() is other
        return
    with pytest.raises(DatabaseUnsound, match="pip install pysqlite3") as refused:
        sqlite.sound_module()
    assert "3.40.1" in refused.value.why and version in refused.value.why


def test_every_connection_has_the_pragmas(tmp_path: Path) -> None:
    for writes in (True, False):
        engine = sqlite.engine(tmp_path / "x.db", writes=writes)
        with engine.connect() as c:
            found = {name: c.exec_driver_sql(f"PRAGMA {name}").scalar() for name in sqlite.PRAGMAS}
            assert found == sqlite.PRAGMAS
            assert c.exec_driver_sql("PRAGMA query_only").scalar() == (0 if writes else 1)
        engine.dispose()
    assert (found["journal_mode"], found["synchronous"], found["foreign_keys"]) == ("wal", 2, 1)
    assert found["busy_timeout"] >= 5000 and found["mmap_size"] == 0


def test_a_file_that_is_no_database_is_named_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "house.db").write_bytes(b"not a database, " * 400)
    with pytest.raises(DatabaseUnsound, match="restore"):
        Database(tmp_path / "house.db")
