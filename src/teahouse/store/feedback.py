"""Feedback: what visitors said of a prediction, each word once."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import feedback

_GONE = {"visitor": None, "value": None}


@dataclass(frozen=True)
class Said:
    """One word of a visitor; `idem` makes saying it twice harmless."""

    id: bytes
    prediction: bytes
    visitor: bytes | None
    idem: str
    kind: str  # agree | correct | choose | rate | comment
    value: Any
    at: int = field(default_factory=now_ms)
    other_prediction: bytes | None = None
    probe: bytes | None = None


@takes(Said)
def say(c: sa.Connection, said: Said) -> tuple[Any, bool]:
    """Keep a word; (the row that is kept, whether it is new)."""
    new = rows.add_new(c, feedback, values(said)) is not None
    row = rows.one(c, feedback, feedback.c.prediction == said.prediction, feedback.c.idem == said.idem)
    return row, new


def latest(c: sa.Connection, prediction: bytes) -> Any:
    """The last word on a prediction, or None."""
    return rows.one(c, feedback, feedback.c.prediction == prediction)


def of_prediction(c: sa.Connection, prediction: bytes) -> list[Any]:
    """All words on a prediction, oldest first."""
    return rows.after(c, feedback, feedback.c.prediction == prediction)


def erase(c: sa.Connection, *predictions: bytes) -> int:
    """Take what was said, and by whom, out of the words on these predictions."""
    return c.execute(sa.update(feedback).where(feedback.c.prediction.in_(predictions)).values(_GONE)).rowcount


def erase_visitor(c: sa.Connection, visitor: bytes) -> int:
    """The same for all that a visitor said, also of what was not made for them."""
    return c.execute(sa.update(feedback).where(feedback.c.visitor == visitor).values(_GONE)).rowcount
