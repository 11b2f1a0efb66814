"""Releases: sealed models, numbered within their app."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import releases


@dataclass(frozen=True)
class Sealed:
    """A release to add: `id` is the digest of its release.json, `run` the training that made it."""

    id: str
    app: str
    run: bytes | None
    manifest: dict[str, Any]
    state: str = "ready"
    at: int = field(default_factory=now_ms)
    signer: str | None = None


@takes(Sealed)
def add(c: sa.Connection, sealed: Sealed) -> int:
    """Add a release; its number within the app. One that is there keeps its number."""
    known = get(c, sealed.id)
    if known is not None:
        return known.number
    last = c.execute(sa.select(sa.func.max(releases.c.number)).where(releases.c.app == sealed.app)).scalar()
    number = (last or 0) + 1
    rows.add(c, releases, {**values(sealed), "number": number})
    return number


def get(c: sa.Connection, id: str) -> Any:
    """The release's row (app, number, run, manifest, signer, state), or None."""
    return rows.one(c, releases, releases.c.id == id)


def of_app(c: sa.Connection, app: str, before: int | None = None, limit: int = 20) -> list[Any]:
    """The app's releases, newest first; `before` is a seq."""
    return rows.page(c, releases, releases.c.app == app, before=before, limit=limit)


def all_of_app(c: sa.Connection, app: str) -> list[Any]:
    """All releases of the app, oldest first."""
    return list(c.execute(sa.select(releases).where(releases.c.app == app).order_by(releases.c.seq)))


def number(c: sa.Connection, id: str) -> int | None:
    """The release's number within its app."""
    return c.execute(sa.select(releases.c.number).where(releases.c.id == id)).scalar()
