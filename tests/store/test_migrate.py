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
from teahouse.store import feedback, migrate, pool, predictions, reports, shares, sqlite, tables
from teahouse.store import migrations as scripts
from teahouse.store.house import House


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


def filled(c: sa.Connection, table: str, **given: object) -> None:
    """A row of a table as it is right now: `given`, and something in each other column that must not be empty."""
    found = sa.Table(table, sa.MetaData(), autoload_with=c, resolve_fks=False)
    some = {sa.LargeBinary: b"i" * 16, sa.Integer: 1, sa.BigInteger: 1, sa.Float: 1.0, sa.Boolean: True}
    row = {
        column.name: next((one for kind, one in some.items() if isinstance(column.type, kind)), "{}")
        for column in found.columns
        if not column.nullable and not column.primary_key
    }
    c.execute(found.insert(), row | given)


def test_a_house_of_the_first_version_keeps_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ScriptDirectory._upgrade_revs
    monkeypatch.setattr(ScriptDirectory, "_upgrade_revs", lambda self, _, now: steps(self, "first", now))
    migrate.upgrade(tmp_path)
    monkeypatch.undo()
    digest, token = "ab" * 32, "a-token"
    engine = sqlite.engine(tmp_path / "house.db", writes=True)
    with engine.begin() as c:
        filled(c, "releases", id=digest)
        filled(c, "predictions", release=digest, app="tea", arm="full")
        filled(c, "consents")
        filled(c, "feedback", kind="agree")
        filled(c, "pool", release=digest, seed=7, blob=digest)
        filled(c, "shares", token=token, card=digest)
        filled(c, "reports", kind="other")
    engine.dispose()
    assert migrate.upgrade(tmp_path) is True
    with House.open(tmp_path) as house:
        with house.db.read() as c:
            assert [row.score for row in pool.of_release(c, digest)] == [None]
            shared = shares.shown(c, token)
            assert (shared.picture, shared.photo) == (None, None)
            assert [(row.id, row.share, row.closed, row.open) for row in reports.page(c)] == [(None, None, None, 1)]
            assert [row.network for row in feedback.of_prediction(c, b"i" * 16)] == [None]
            assert len(predictions.page(c, "tea")) == 1


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
