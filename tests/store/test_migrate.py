"""Migrated tables are the tables of tables.py, in one go, from any number of processes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from teahouse.errors import DatabaseUnsound
from teahouse.store import migrate, sqlite, tables
from teahouse.store import migrations as scripts


def schema(path: Path) -> dict[str, str]:
    engine = sqlite.engine(path, writes=False)
    with engine.connect() as c:
        found = c.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    engine.dispose()
    return {name: re.sub(r"\s+", " ", sql).strip() for name, sql in found if name != "alembic_version"}


def test_the_migrated_tables_are_the_declared_ones(tmp_path: Path) -> None:
    assert migrate.upgrade(tmp_path) is True
    engine = sqlite.engine(tmp_path / "declared.db", writes=True)
    with engine.begin() as c:
        tables.metadata.create_all(c)
    engine.dispose()
    assert schema(tmp_path / "house.db") == schema(tmp_path / "declared.db")


def test_a_second_migration_has_nothing_to_do(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path)
    before = schema(tmp_path / "house.db")
    assert migrate.upgrade(tmp_path) is False
    assert schema(tmp_path / "house.db") == before


def test_the_newest_revision_is_the_one_that_is_looked_for() -> None:
    assert ScriptDirectory(str(Path(scripts.__file__).parent)).get_current_head() == migrate.HEAD


def test_processes_that_migrate_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "teahouse.store.migrate", str(tmp_path / "data")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        _, words = process.communicate(timeout=60)
        assert process.returncode == 0, words
    assert set(schema(tmp_path / "data" / "house.db")) >= set(tables.metadata.tables)


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path)
    engine = sqlite.engine(tmp_path / "house.db", writes=True)
    with engine.begin() as c:
        c.execute(sa.text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    engine.dispose()
    with pytest.raises(DatabaseUnsound, match="newer"):
        migrate.upgrade(tmp_path)


def test_the_tables_can_be_made_on_postgres_too() -> None:
    for table in tables.metadata.sorted_tables:
        assert "seq BIGSERIAL NOT NULL" in str(CreateTable(table).compile(dialect=postgresql.dialect()))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


def test_every_table_has_seq_and_at() -> None:
    for table in tables.metadata.tables.values():
        assert [column.name for column in table.primary_key] == ["seq"]
        assert not table.c.at.nullable
