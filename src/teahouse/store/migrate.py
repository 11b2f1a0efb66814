"""Bring the tables of a data directory up to date: `python -m teahouse.store.migrate DATA`."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from teahouse import failpoints
from teahouse.errors import DatabaseUnsound, TeahouseError
from teahouse.store import sqlite

HEAD = "seventh"  # the newest revision; a test compares it with the scripts


def upgrade(data: Path) -> bool:
    """Make or update `house.db` in this folder; whether anything was to do. Safe to call from several processes."""
    path = Path(data) / "house.db"
    _make_private(path)
    # Looked at first without Alembic (its import takes 0.4 s) and without the write lock, then again under it.
    return not _is_new(path, writes=False) and not _is_new(path, writes=True, or_else=_run)


def _is_new(path: Path, *, writes: bool, or_else: Callable[[sa.Connection], None] | None = None) -> bool:
    engine = sqlite.engine(path, writes=writes)
    try:
        with engine.begin() as connection:
            found = _revision(connection) == HEAD
            if not found and or_else:
                or_else(connection)
            return found
    except sa.exc.DBAPIError as error:
        raise (sqlite.trouble(error) or error) from error
    finally:
        engine.dispose()


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _run(connection: sa.Connection) -> None:
    # Inside: the rest of the house must not wait for Alembic's import.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))

    def steps(revision: str, _context: object) -> object:
        return scripts._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        try:
            environment.run_migrations()
            failpoints.here("migration")
        except CommandError as error:
            raise DatabaseUnsound(
                "A newer Teahouse made this database.", str(error), "Update Teahouse, or restore an older backup."
            ) from error


def _make_private(path: Path) -> None:
    """The file with mode 0600 under any umask: SQLite gives its log and shared memory the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():  # where it is there, opening and closing it would end the locks that this process has on it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for ending in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):  # who closes the house last takes these two away
            path.with_name(path.name + ending).chmod(0o600)


def main() -> int:
    """Migrate the folder that is named."""
    if len(sys.argv) != 2:
        print("usage: python -m teahouse.store.migrate DATA", file=sys.stderr)
        return 2
    try:
        upgrade(Path(sys.argv[1]))
    except TeahouseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
