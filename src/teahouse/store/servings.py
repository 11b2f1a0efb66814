"""Servings: which release each web process really serves."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import servings


@dataclass(frozen=True)
class Serving:
    """What a web process does with a release: ready, failed, draining, gone."""

    host: str
    web: str
    app: str
    release: str
    form: str
    state: str
    at: int = field(default_factory=now_ms)


@takes(Serving)
def append(c: sa.Connection, serving: Serving) -> int:
    """Write down what a web process serves now."""
    return rows.add(c, servings, values(serving))


def ready_on(c: sa.Connection, host: str) -> set[str]:
    """The releases whose last word on this host is that they are ready."""
    last = sa.select(sa.func.max(servings.c.seq)).where(servings.c.host == host).group_by(servings.c.release)
    where = (servings.c.seq.in_(last), servings.c.state == "ready")
    return set(c.execute(sa.select(servings.c.release).where(*where)).scalars())


def current(c: sa.Connection, web: str | None = None) -> list[Any]:
    """The latest row of each release, of one web process or of all."""
    last = sa.select(sa.func.max(servings.c.seq)).group_by(servings.c.web, servings.c.app, servings.c.release)
    if web is not None:
        last = last.where(servings.c.web == web)
    return list(c.execute(sa.select(servings).where(servings.c.seq.in_(last)).order_by(servings.c.seq)))
