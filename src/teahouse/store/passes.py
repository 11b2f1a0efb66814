"""Passes: what a buyer holds in place of an account. A code opens it; the house keeps the code's digest alone."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teahouse.store import rows, till_events
from teahouse.store.rows import takes
from teahouse.store.tables import ledger, passes


def digest_of(code: str) -> str:
    """What is kept of a code: 100 random bits need no slow hash."""
    return hashlib.sha256(code.encode()).hexdigest()


@dataclass(frozen=True)
class New:
    """A new pass for an app's answers, with nothing on it; live: for real money."""

    id: bytes
    code: str
    app: str
    live: bool
    at: int


@takes(New)
def add(c: sa.Connection, new: New) -> None:
    """Write a pass down."""
    row = {"at": new.at, "id": new.id, "hash": digest_of(new.code), "app": new.app, "live": new.live, "balance": 0}
    rows.add(c, passes, row)


def get(c: sa.Connection, id_: bytes) -> Any:
    """The pass of this id, or None."""
    return rows.one(c, passes, passes.c.id == id_)


def by_code(c: sa.Connection, code: str | None, live: bool) -> Any:
    """The pass that this code opens at a till of real money (`live`) or of play money; None where there is none."""
    return c.execute(_by_hash(), {"hash": digest_of(code), "live": live}).one_or_none() if code else None


def sweep(c: sa.Connection, before: int, limit: int = 500) -> int:
    """Forget passes from before this moment (ms UTC) on which nothing was ever bought; how many. One that was ordered
    on since then stays: its payment may still arrive."""
    used = sa.exists().where(ledger.c["pass"] == passes.c.id)
    old = sa.select(passes.c.id).where(passes.c.at < before, passes.c.balance == 0, ~used)
    awaited = {bytes.fromhex(one.payment) for one in till_events.orders_since(c, before)}
    gone = [id_ for id_ in c.execute(old).scalars() if id_ not in awaited][:limit]
    return c.execute(sa.delete(passes).where(passes.c.id.in_(gone))).rowcount if gone else 0


@functools.cache
def _by_hash() -> Any:
    return sa.select(passes).where(passes.c.hash == sa.bindparam("hash"), passes.c.live == sa.bindparam("live"))
