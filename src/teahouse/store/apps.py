"""Apps as they are declared: a new row where the declaration changed."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import apps


def declare(c: sa.Connection, name: str, title: str, declaration: dict[str, Any], source: str, at: int) -> bool:
    """Remember what an app declares; whether that is news."""
    last = get(c, name)
    row = {"name": name, "title": title, "declaration": declaration, "source": source}
    if last is not None and all(getattr(last, key) == value for key, value in row.items()):
        return False
    rows.add(c, apps, {"at": at, **row})
    return True


def get(c: sa.Connection, name: str) -> Any:
    """The app's latest declaration (name, title, declaration, source), or None."""
    return rows.one(c, apps, apps.c.name == name)


def all_latest(c: sa.Connection) -> list[Any]:
    """Each app's latest declaration, in the order in which they first came."""
    ends = sa.select(sa.func.min(apps.c.seq).label("first"), sa.func.max(apps.c.seq).label("last"))
    ends = ends.group_by(apps.c.name).subquery()
    return list(c.execute(sa.select(apps).join(ends, apps.c.seq == ends.c.last).order_by(ends.c.first)))
