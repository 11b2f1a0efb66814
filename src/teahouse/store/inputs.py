"""Inputs that a visitor let us keep, each under its consent."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import inputs, predictions


@dataclass(frozen=True)
class Kept:
    """One field's input: a blob's digest, or a JSON value."""

    id: bytes
    prediction: bytes
    consent: bytes
    field: str
    blob: str | None = None
    near: bytes | None = None
    value: Any = None
    at: int = field(default_factory=now_ms)


@takes(Kept)
def keep(c: sa.Connection, kept: Kept) -> bool:
    """Keep an input; False if this field of the prediction is kept already. An erased one may be given again."""
    row = values(kept)
    statement = rows.upsert(c, inputs).values(row)
    again = {name: statement.excluded[name] for name in ("consent", "blob", "near", "value", "at")}
    gone = inputs.c.blob.is_(None) & inputs.c.value.is_(None)
    names = [inputs.c.prediction, inputs.c.field]
    statement = statement.on_conflict_do_update(index_elements=names, set_=again, where=gone)
    return c.execute(statement.returning(inputs.c.seq)).scalar() is not None


def of_prediction(c: sa.Connection, prediction: bytes) -> list[Any]:
    """What is kept of a prediction, by field."""
    where = (inputs.c.prediction == prediction, inputs.c.blob.is_not(None) | inputs.c.value.is_not(None))
    return rows.after(c, inputs, *where)


def blobs(c: sa.Connection, visitor: bytes | None = None) -> list[str]:
    """The digests of all photos that are kept, or of one visitor's; each once."""
    query = sa.select(inputs.c.blob).where(inputs.c.blob.is_not(None)).distinct()
    if visitor is not None:
        query = query.join(predictions, predictions.c.id == inputs.c.prediction).where(predictions.c.visitor == visitor)
    return list(c.execute(query).scalars())


def erase(c: sa.Connection, prediction: bytes) -> list[str]:
    """Forget a prediction's inputs; digests of the blobs that they held (others may hold them too)."""
    held = [row.blob for row in of_prediction(c, prediction) if row.blob]
    gone = {"blob": None, "value": None, "near": None}
    c.execute(sa.update(inputs).where(inputs.c.prediction == prediction).values(gone))
    return held
