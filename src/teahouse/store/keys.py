"""Keys for programs: what each may do; only their digests are kept."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import keys


def add(c: sa.Connection, id: bytes, role: str, rights: list[str], hash: str, at: int) -> None:
    """Keep a key by its SHA-256."""
    rows.add(c, keys, {"at": at, "id": id, "role": role, "rights": list(rights), "hash": hash, "revoked": None})


def by_hash(c: sa.Connection, hash: str) -> Any:
    """The key with this SHA-256 that is not revoked, or None."""
    return rows.one(c, keys, keys.c.hash == hash, keys.c.revoked.is_(None))


def all(c: sa.Connection) -> list[Any]:
    """Every key, newest first."""
    return rows.page(c, keys, limit=1000)


def revoke(c: sa.Connection, id: bytes, at: int) -> bool:
    """End a key; whether it was alive."""
    return c.execute(sa.update(keys).where(keys.c.id == id, keys.c.revoked.is_(None)).values(revoked=at)).rowcount > 0
