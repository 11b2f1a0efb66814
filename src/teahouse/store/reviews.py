"""Reviews: the owner's queue, decisions, and taking the last one back."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.errors import Conflict, InputError, NotFound
from teahouse.ids import now_ms
from teahouse.store import labels as noun
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import consents, labels, predictions, reviews

_MOST = 500  # waiting labels that are looked at for one page of the queue


@dataclass(frozen=True)
class QueueRow:
    """A label that waits. `word` is what the visitor said; never told for held rows, so that the owner is not led."""

    label: bytes
    at: int
    prediction: bytes
    held: bool
    inputs: dict[str, Any]
    guess: Any  # the model's output, or None
    word: Any


@dataclass(frozen=True)
class Decision:
    """What somebody decides of a label; an accepted truth of None takes the visitor's word."""

    label: bytes
    decision: str  # accept | set_aside
    truth: Any = None
    by: str = noun.OWNER
    reason: str = ""
    at: int = field(default_factory=now_ms)


def next(c: sa.Connection, app: str, after: bytes | None = None, limit: int = 20) -> list[QueueRow]:
    """What to review next: held rows first, in an order that says nothing; then where the model was least sure."""
    query = _waiting(app, sa.select(labels, predictions.c.held, predictions.c.output))
    # The last 8 bytes of a UUIDv7 are random.
    held = query.where(predictions.c.held).order_by(sa.func.substr(labels.c.id, 9, 8)).limit(_MOST)
    other = query.where(~predictions.c.held).order_by(labels.c.seq.desc()).limit(_MOST)
    queue = [*c.execute(held), *sorted(c.execute(other), key=lambda row: (_sureness(row.output), -row.seq))]
    seen = [row.id for row in queue]
    start = seen.index(after) + 1 if after in seen else 0
    return [_queued(row) for row in queue[start : start + limit]]


def left(c: sa.Connection, app: str) -> int:
    """How many labels wait."""
    return c.execute(_waiting(app, sa.select(sa.func.count()))).scalar_one()


@takes(Decision)
def decide(c: sa.Connection, decided: Decision) -> int:
    """Write a decision down; its seq. Said again while it stands, it is the same one.

    NotFound for a label that is erased, InputError where no truth is known."""
    label = noun.get(c, decided.label)
    if label is None:
        raise NotFound("This row is gone.", "Its visitor deleted it.", "Go on with the next.")
    row = values(decided)
    if decided.decision == "accept" and decided.truth is None:
        row["truth"] = label.truth
    if decided.decision == "accept" and row["truth"] is None:
        raise InputError("This row has no answer yet.", "Nobody said what it is.", "Pick the right label.")
    if decided.decision != "accept":
        row["truth"] = None
    stands = latest(c, decided.label)
    if stands is not None and all(getattr(stands, name) == row[name] for name in ("decision", "truth", "by")):
        return stands.seq
    return rows.add(c, reviews, row)


def undo(c: sa.Connection, by: str, at: int, label: bytes | None = None) -> bytes | None:
    """Take back this person's last decision that stands; its label, or None. Conflict where it is not `label`'s."""
    undone = sa.select(reviews.c.undoes).where(reviews.c.undoes.is_not(None))
    last = rows.one(c, reviews, reviews.c.by == by, reviews.c.decision != "undo", reviews.c.seq.not_in(undone))
    if last is None:
        return None
    if label is not None and last.label != label:
        raise Conflict(
            "The last decision is another one.", "This one was taken back, or others came after it.", "Load the page."
        )
    row = {"at": at, "label": last.label, "decision": "undo", "truth": None, "by": by, "reason": ""}
    rows.add(c, reviews, {**row, "undoes": last.seq})
    return last.label


def latest(c: sa.Connection, label: bytes) -> Any:
    """The label's latest decision that stands, or None."""
    return rows.one(c, reviews, reviews.c.seq == noun.standing_review(label))


def last_seq(c: sa.Connection) -> int:
    """The seq of the last review: a dataset version remembers which one it knew."""
    return c.execute(sa.select(sa.func.max(reviews.c.seq))).scalar() or 0


def _waiting(app: str, query: sa.Select[Any]) -> sa.Select[Any]:
    no = noun._ends
    source = labels.join(predictions, predictions.c.id == labels.c.prediction)
    source = source.outerjoin(consents, consents.c.id == labels.c.consent)
    return query.select_from(source.outerjoin(no, no.c.withdraws == labels.c.consent)).where(
        labels.c.app == app,
        labels.c.source == "visitor",
        labels.c.split != "set_aside",
        labels.c.inputs.is_not(None),
        no.c.seq.is_(None),
        noun.may_train(),
        noun.standing_review().is_(None),
    )


def _sureness(output: Any) -> float:
    """The model's highest probability; 0 where it is not known."""
    scores = output.get("scores") if isinstance(output, dict) else None
    return max(scores.values(), default=0.0) if isinstance(scores, dict) else 0.0


def _queued(row: Any) -> QueueRow:
    word = None if row.held else row.truth
    return QueueRow(row.id, row.at, row.prediction, row.held, row.inputs, row.output, word)
