"""A disk that fails under a process of its own: the lines of Python that it begins with."""

from pathlib import Path

PRELUDE = """
import pathlib, sqlalchemy as sa

class Broken(sa.exc.OperationalError):
    pass

def commit(self, commit=sa.Connection.commit):
    if pathlib.Path({flag!r}).exists():
        own = RuntimeError("disk I/O error")
        own.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise Broken("COMMIT", None, own)
    commit(self)

sa.Connection.commit = commit
"""


def failing_fsync(flag: Path) -> str:
    """From the moment that the file `flag` exists, every commit ends as after a failed fsync."""
    return PRELUDE.format(flag=str(flag))
