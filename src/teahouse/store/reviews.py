"""Reviews: the owner's queue, decisions, and taking the last one back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from teahouse.errors import Conflict, InputError, NotFound
from teahouse.ids import now_ms, text
from teahouse.store import labels as noun
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import consents, labels, predictions, reviews

_MOST = 500  # waiting labels of a kind that are put in order for one page of the queue
_LOOKED_AT = 5000  # newest ones, of which these are taken
_NEAR = 200  # labels that are looked at for one look
_ASIDE = "set_aside"
_LOT = 51  # of 256: one row in five that counts on a word alone comes to the owner
_LIKE = "as "  # reviews.reason of a near-duplicate that was decided with another one: and that one's id


@dataclass(frozen=True)
class QueueRow:
    """A label that waits. `word` is what the visitor said; never told for held rows, so that the owner is not led.

    `look` is how its photo looks (`predictions.look`), `other` what a challenger said of it in a replay, where one
    did; `reason` why the house set it aside, "" where nobody did. `counts`: it waits for nothing; it counts on its
    visitor's word, and the lot drew it for the owner to look at. `judges`: held, and its yes came before its answer;
    a held row without that counts in no verdict, whatever the owner says of it."""

    label: bytes
    at: int
    prediction: bytes
    held: bool
    inputs: dict[str, Any]
    guess: Any  # the model's output, or None
    word: Any
    near: bytes | None = None
    visitor: bytes | None = None
    look: Any = None
    other: Any = None
    reason: str = ""
    counts: bool = False
    judges: bool = False


@dataclass(frozen=True)
class Decision:
    """What somebody decides of a label; an accepted truth of None takes the visitor's word."""

    label: bytes
    decision: str  # accept | set_aside
    truth: Any = None
    by: str = noun.OWNER
    reason: str = ""
    at: int = field(default_factory=now_ms)


def queue(c: sa.Connection, app: str, aside: bool = False) -> list[QueueRow]:
    """What waits: first the held rows (those that can judge before those that can not), in an order that says nothing,
    then the others, newest first. At most 500 of each, of the others everybody's newest before anybody's second: who
    floods hides nobody. At the end one in five of those that trust let count unseen. `aside`: instead what trust set
    aside and the owner has not seen."""
    before = sa.func.coalesce(consents.c.before, sa.false()).label("before")
    columns = sa.select(labels, predictions.c.held, predictions.c.output, predictions.c.look, before)
    if aside:
        query = _aside(app, columns.add_columns(reviews.c.reason)).order_by(labels.c.seq.desc()).limit(_MOST)
        return [_queued(row, None, row.reason) for row in c.execute(query)]
    query = _waiting(app, columns)
    # The last 8 bytes of a UUIDv7 are random.
    held = query.where(predictions.c.held).order_by(before.desc(), sa.func.substr(labels.c.id, 9, 8)).limit(_MOST)
    other = query.where(labels.c.id.in_(_in_turn(app))).order_by(labels.c.seq.desc())
    found = [*c.execute(held), *c.execute(other)]
    replayed = _replayed(c, [row.prediction for row in found if not row.held])
    drawn = c.execute(_drawn(app, columns).order_by(labels.c.seq.desc()).limit(_MOST))
    return [_queued(row, replayed.get(row.prediction)) for row in found] + [_queued(row, counts=True) for row in drawn]


def near_rows(c: sa.Connection, app: str, near: bytes) -> list[noun.LabelRow]:
    """The app's labels that can be near this key (and some that are not): at most 200, those that were reviewed first,
    so that a thousand copies of a photo cost no more than a few."""
    reviewed = sa.case((noun.standing_review().is_(None), 1), else_=0)
    query = noun.joined().where(labels.c.app == app, noun._may_be_near(near), labels.c.split != _ASIDE)
    return [noun._row(row) for row in c.execute(query.order_by(reviewed, labels.c.seq).limit(_NEAR))]


def waiting_of(c: sa.Connection, app: str, visitor: bytes, limit: int = 100) -> list[noun.LabelRow]:
    """What waits of one visitor, oldest first."""
    where = (labels.c.app == app, labels.c.visitor == visitor, noun.standing_review().is_(None))
    found = c.execute(noun.joined().where(*where).order_by(labels.c.seq).limit(limit))
    return [noun._row(row) for row in found]


def counted_of(c: sa.Connection, app: str, visitor: bytes) -> list[noun.LabelRow]:
    """What counts of one visitor that the owner has not looked at, oldest first."""
    where = (labels.c.app == app, labels.c.visitor == visitor)
    found = map(noun._row, c.execute(noun.joined().where(*where).order_by(labels.c.seq)))
    return [row for row in found if row.decision == "accept" and row.reviewed_by != noun.OWNER]


def seen_of(c: sa.Connection, app: str, visitor: bytes) -> tuple[int, int]:
    """Of a visitor's training photos on which they said a word: how many the owner has accepted, and on how many of
    these the owner saw something else. Photos that judge tell nothing here: they judge releases."""
    source = labels.join(reviews, reviews.c.seq == noun.standing_review())
    where = (labels.c.app == app, labels.c.visitor == visitor, labels.c.split == "train", labels.c.truth.is_not(None))
    query = sa.select(labels.c.truth, reviews.c.truth).select_from(source).where(*where)
    found = c.execute(query.where(reviews.c.by == noun.OWNER, reviews.c.decision == "accept")).all()
    return len(found), sum(said != seen for said, seen in found)


def looked_at(c: sa.Connection, app: str, limit: int = 400) -> list[Any]:
    """(held, may_judge, guess, truth) of visitors' photos that the owner accepted lately, newest first: what the model
    said, and what it is."""
    review = reviews.alias("review")
    source = labels.join(review, review.c.seq == noun.standing_review())
    source = source.join(predictions, predictions.c.id == labels.c.prediction)
    source = source.outerjoin(consents, consents.c.id == labels.c.consent)
    judge = (predictions.c.held & consents.c.before & (labels.c.split == "test")).label("may_judge")
    query = sa.select(predictions.c.held, judge, predictions.c.output.label("guess"), review.c.truth)
    where = (labels.c.app == app, labels.c.source == "visitor", labels.c.inputs.is_not(None))
    query = query.select_from(source).where(*where, review.c.decision == "accept", review.c.by == noun.OWNER)
    return list(c.execute(query.order_by(labels.c.seq.desc()).limit(limit)))


def aside(c: sa.Connection, app: str) -> int:
    """How many labels trust set aside that the owner has not looked at."""
    return c.execute(_aside(app, sa.select(sa.func.count()))).scalar_one()


def left(c: sa.Connection, app: str) -> int:
    """How many labels wait for the owner's look."""
    return sum(c.execute(some(app, sa.select(sa.func.count()))).scalar_one() for some in (_waiting, _drawn))


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


def decide_all(c: sa.Connection, decided: Decision, others: Sequence[bytes]) -> int:
    """The same decision of a label and of near-duplicates of it, taken back as one; how many were decided. Those of
    `others` that are gone, or were decided meanwhile, or are of another app or side, are left as they are."""
    told, lead = 1, noun.get(c, decided.label)
    for label in others:
        other = noun.get(c, label)
        if other is None or lead is None or (other.app, other.held) != (lead.app, lead.held):
            continue
        if label != decided.label and not _by_owner(latest(c, label)):
            decide(c, replace(decided, label=label, reason=f"{_LIKE}{text(decided.label)}"))
            told += 1
    decide(c, decided)
    return told


def undo(c: sa.Connection, by: str, at: int, label: bytes | None = None) -> list[bytes]:
    """Take back this person's last decision that stands, with those of its near-duplicates; its label, and theirs.
    Conflict where it is not `label`'s."""
    last = _last(c, by)
    if last is None:
        return []
    if label is not None and last.label != label:
        raise Conflict(
            "The last decision is another one.", "This one was taken back, or others came after it.", "Load the page."
        )
    _take_back(c, last, at)
    gone = [last.label]
    while (other := _last(c, by)) is not None and other.reason == f"{_LIKE}{text(last.label)}" and other.at == last.at:
        _take_back(c, other, at)
        gone.append(other.label)
    return gone


def take_back(c: sa.Connection, label: bytes, by: str, at: int) -> None:
    """Take back what somebody decided of a label, where that stands."""
    stands = latest(c, label)
    if stands is not None and stands.by == by:
        _take_back(c, stands, at)


def _by_owner(row: Any) -> bool:
    return row is not None and row.by == noun.OWNER


def _last(c: sa.Connection, by: str) -> Any:
    undone = sa.select(reviews.c.undoes).where(reviews.c.undoes.is_not(None))
    return rows.one(c, reviews, reviews.c.by == by, reviews.c.decision != "undo", reviews.c.seq.not_in(undone))


def _take_back(c: sa.Connection, row: Any, at: int) -> None:
    gone = {"at": at, "label": row.label, "decision": "undo", "truth": None, "by": row.by, "reason": ""}
    rows.add(c, reviews, {**gone, "undoes": row.seq})


def latest(c: sa.Connection, label: bytes) -> Any:
    """The label's latest decision that stands, or None."""
    return rows.one(c, reviews, reviews.c.seq == noun.standing_review_of(label))


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


def _in_turn(app: str) -> sa.Select[Any]:
    """The ids of 500 rows that wait and are not held, of the 5,000 newest, visitor by visitor."""
    newest = _waiting(app, sa.select(labels.c.id, labels.c.seq, labels.c.visitor)).where(~predictions.c.held)
    col = newest.order_by(labels.c.seq.desc()).limit(_LOOKED_AT).subquery().c
    turn = sa.func.row_number().over(partition_by=sa.func.coalesce(col.visitor, col.id), order_by=col.seq.desc())
    turns = sa.select(col.id, col.seq, turn.label("turn")).subquery().c
    return sa.select(turns.id).order_by(turns.turn, turns.seq.desc()).limit(_MOST)


def _aside(app: str, query: sa.Select[Any]) -> sa.Select[Any]:
    return _by_rule(app, query, _ASIDE)


def _drawn(app: str, query: sa.Select[Any]) -> sa.Select[Any]:
    """Of the training rows that count without the owner's look those that the lot draws: the last byte of a UUIDv7 is
    random, and nobody but the house knows a label's id before it is there."""
    drawn = sa.func.substr(labels.c.id, 16, 1, type_=sa.LargeBinary) < bytes([_LOT])
    return _by_rule(app, query, "accept").where(labels.c.split == "train", drawn)


def _by_rule(app: str, query: sa.Select[Any], decision: str) -> sa.Select[Any]:
    """Visitors' rows of which a rule decided so, and the owner has not."""
    no = noun._ends
    source = labels.join(reviews, reviews.c.seq == noun.standing_review())
    source = source.join(predictions, predictions.c.id == labels.c.prediction)
    source = source.outerjoin(consents, consents.c.id == labels.c.consent)
    source = source.outerjoin(no, no.c.withdraws == labels.c.consent)
    return query.select_from(source).where(
        labels.c.app == app,
        labels.c.source == "visitor",
        labels.c.inputs.is_not(None),
        reviews.c.decision == decision,
        reviews.c.by != noun.OWNER,
        no.c.seq.is_(None),
    )


def _replayed(c: sa.Connection, of: Sequence[bytes]) -> dict[bytes, Any]:
    """By prediction, what the latest challenger said of it in a replay."""
    there = (predictions.c.arm == "replay", predictions.c.output.is_not(None))
    query = sa.select(predictions.c.shadow_of, predictions.c.output).where(predictions.c.shadow_of.in_(of), *there)
    return {row.shadow_of: row.output for row in c.execute(query.order_by(predictions.c.seq))}


def _queued(row: Any, other: Any = None, reason: str = "", counts: bool = False) -> QueueRow:
    word = None if row.held else row.truth
    judges = bool(row.held and row.before and row.split == "test")
    more = (row.near, row.visitor, row.look, other, reason, counts, judges)
    return QueueRow(row.id, row.at, row.prediction, row.held, row.inputs, row.output, word, *more)
