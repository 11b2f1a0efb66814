"""Predictions: every answer, on disk before it is seen. One transaction takes it with its tallies and its photo."""

from typing import Any

import sqlalchemy as sa

from teahouse.store import rows
from teahouse.store.tables import asked_for, feedback, for_nobody, labels, pool, predictions, reports

# What an erasure takes: the row itself stays, so that counts and lineage stay true.
_PERSONAL = {"visitor": None, "network": None, "key": None, "given": None, "seed": None, "output": None, "look": None}
# A row whose photo is kept stays its visitor's to see and to take back: it loses only what that does not need.
_kept = sa.exists().where(labels.c.prediction == predictions.c.id, labels.c.inputs.is_not(None))
_personal = sa.or_(*(predictions.c[name].is_not(None) for name in _PERSONAL))
_traced = predictions.c.network.is_not(None) | predictions.c.key.is_not(None)


def get(c: sa.Connection, id: bytes) -> Any:
    """The prediction, or None."""
    return rows.one(c, predictions, predictions.c.id == id)


def by_key(c: sa.Connection, app: str, key: str) -> Any:
    """The prediction that this idempotency key already made, or None."""
    return rows.one(c, predictions, predictions.c.app == app, predictions.c.key == key)


def of_visitor(c: sa.Connection, visitor: bytes, limit: int = 100, before: int | None = None) -> list[Any]:
    """A visitor's predictions, newest first."""
    return rows.page(c, predictions, predictions.c.visitor == visitor, before=before, limit=limit)


def page(c: sa.Connection, app: str | None = None, before: int | None = None, limit: int = 50) -> list[Any]:
    """Predictions that somebody asked for, newest first, older than the seq `before`."""
    where = [predictions.c.app == app] if app is not None else []
    where.append(predictions.c.arm != "replay")  # what a candidate says of earlier photos, nobody asked for
    return rows.page(c, predictions, asked_for, *where, before=before, limit=limit)


def last_at(c: sa.Connection, app: str) -> int:
    """When the app answered last (ms UTC); 0 where it never did."""
    found = rows.page(c, predictions, predictions.c.app == app, asked_for, limit=1)
    return found[0].at if found else 0


def last_seq(c: sa.Connection) -> int:
    """The seq of the last answer."""
    return c.execute(sa.select(sa.func.max(predictions.c.seq))).scalar() or 0


def last_ms(c: sa.Connection, app: str, release: str, arm: str, after: int, since: int = 0) -> list[float]:
    """The milliseconds of this release's last 200 answers in this arm, newest first, of those newer than the seq
    `after`, and not before `since` (ms UTC), that somebody asked for and that were worked out."""
    query = sa.select(predictions.c.ms).where(asked_for, predictions.c.app == app, predictions.c.seq > after)
    query = query.where(predictions.c.at >= since)
    query = query.where(predictions.c.release == release, predictions.c.arm == arm, ~predictions.c.cached)
    return list(c.execute(query.order_by(predictions.c.seq.desc()).limit(200)).scalars())


def erase(c: sa.Connection, id: bytes) -> bool:
    """Take everything personal out of the row; whether there was one."""
    return c.execute(sa.update(predictions).where(predictions.c.id == id).values(_PERSONAL)).rowcount > 0


def shadows(c: sa.Connection, id: bytes) -> list[bytes]:
    """The ids of what challengers answered beside it, less those that are bare already."""
    query = sa.select(predictions.c.id).where(predictions.c.shadow_of == id, predictions.c.id != id, _personal)
    return list(c.execute(query.order_by(predictions.c.seq)).scalars())


def erase_shadows(c: sa.Connection, id: bytes) -> int:
    """The same for what challengers answered beside it, but for those whose photo is kept by itself."""
    where = (predictions.c.shadow_of == id, ~_kept)
    return c.execute(sa.update(predictions).where(*where).values(_PERSONAL)).rowcount


def expired(c: sa.Connection, until: int, after: int = 0, limit: int = 1000) -> list[Any]:
    """(seq, id, visitor, at, kept) of predictions made before `until` (ms UTC) that `fade` has work on, oldest first,
    from the seq `after` on; `kept` says whether their photo is."""
    query = sa.select(predictions.c.seq, predictions.c.id, predictions.c.visitor, predictions.c.at, _kept.label("kept"))
    # What was made for nobody holds nothing of anybody: its seed teaches for as long as the house likes.
    query = query.where(asked_for)
    where = (predictions.c.seq > after, predictions.c.at < until, sa.case((_kept, _traced), else_=_personal))
    return list(c.execute(query.where(*where).order_by(predictions.c.seq).limit(limit)))


def fade(c: sa.Connection, ids: list[bytes]) -> list[bytes]:
    """Take all that is personal out of these rows, and of those whose photo is kept network and key alone; the ids of
    those that are bare now."""
    these = predictions.c.id.in_(ids)
    c.execute(sa.update(predictions).where(these, _kept, _traced).values(network=None, key=None))
    bare = sa.update(predictions).where(these, ~_kept).values(_PERSONAL).returning(predictions.c.id)
    return list(c.execute(bare).scalars())


def drop_unsaid(c: sa.Connection, until: int, limit: int = 500) -> int:
    """Drop what was made for the pool before `until` (ms UTC), is in it no more, and has no word or report; how many.
    Nobody knows of it, and each hour of a busy house makes hundreds."""
    known = (pool.c.prediction, feedback.c.prediction, feedback.c.other_prediction, reports.c.prediction)
    unknown = [~sa.exists().where(column == predictions.c.id) for column in known]
    old = sa.select(predictions.c.seq).where(for_nobody, predictions.c.at < until, *unknown).limit(limit)
    return c.execute(sa.delete(predictions).where(predictions.c.seq.in_(old.scalar_subquery()))).rowcount
