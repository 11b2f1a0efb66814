"""The owner of the house and their sessions."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import owners, sessions


def owner(c: sa.Connection) -> Any:
    """The owner's row (hash: the password's), or None while nobody has claimed the house."""
    return rows.one(c, owners)


def claim(c: sa.Connection, hash: str, at: int) -> bool:
    """Become the owner; False if somebody was first."""
    if owner(c) is not None:
        return False
    rows.add(c, owners, {"at": at, "hash": hash})
    return True


def session_add(c: sa.Connection, id: bytes, token_hash: str, expires: int, at: int) -> None:
    """Begin a session until `expires` (ms UTC)."""
    rows.add(c, sessions, {"at": at, "id": id, "token_hash": token_hash, "expires": expires})


def session_of(c: sa.Connection, token_hash: str, at: int) -> Any:
    """The session that this token opens at this time, or None."""
    return rows.one(c, sessions, sessions.c.token_hash == token_hash, sessions.c.expires > at)


def session_end(c: sa.Connection, id: bytes) -> None:
    """Log out."""
    c.execute(sa.delete(sessions).where(sessions.c.id == id))


def sessions_end_all(c: sa.Connection) -> None:
    """Log out everywhere."""
    c.execute(sa.delete(sessions))


def sessions_sweep(c: sa.Connection, at: int) -> int:
    """Remove the sessions that have run out; how many."""
    return c.execute(sa.delete(sessions).where(sessions.c.expires <= at)).rowcount
