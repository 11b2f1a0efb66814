"""Drifts: what visitors give that differs from what a release learned from; each told once."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import drifts


def add(c: sa.Connection, app: str, release: str, what: str, numbers: dict[str, Any], at: int) -> bool:
    """Write a drift down; whether it is new. The first word on a release and a measure stands."""
    row = {"at": at, "app": app, "release": release, "what": what, "numbers": numbers}
    return rows.add_new(c, drifts, row) is not None


def of_release(c: sa.Connection, release: str) -> list[Any]:
    """What has drifted since this release, newest first."""
    return rows.page(c, drifts, drifts.c.release == release)


def of_app(c: sa.Connection, app: str, limit: int = 50) -> list[Any]:
    """The app's drifts, newest first."""
    return rows.page(c, drifts, drifts.c.app == app, limit=limit)
