"""Notices: what the owner is told by e-mail or webhook; one message for one thing."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import notices

KINDS = ("rollback", "disk", "verdict", "drift", "digest", "money", "cap")


def add(c: sa.Connection, kind: str, ref: str, words: str, at: int) -> bool:
    """Write down what is to be told; whether that is news: of one thing (`kind` and `ref`) there is one notice."""
    row = {"at": at, "kind": kind, "ref": ref, "words": words, "sent": None}
    return rows.add_new(c, notices, row) is not None


def waiting(c: sa.Connection, since: int, limit: int = 50) -> list[Any]:
    """Notices of this moment (ms UTC) and later that did not go out, oldest first. What is older is told no more."""
    query = sa.select(notices).where(notices.c.sent.is_(None), notices.c.at >= since).order_by(notices.c.seq)
    return list(c.execute(query.limit(limit)))


def mark_sent(c: sa.Connection, seq: int, at: int) -> None:
    """It went out."""
    c.execute(sa.update(notices).where(notices.c.seq == seq, notices.c.sent.is_(None)).values(sent=at))


def holds(c: sa.Connection, kind: str, ref: str) -> bool:
    """Whether this was written down."""
    return rows.one(c, notices, notices.c.kind == kind, notices.c.ref == ref) is not None
