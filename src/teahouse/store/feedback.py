"""Feedback: what visitors said of a prediction, each word once."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import feedback, predictions, visitors

_GONE = {"visitor": None, "value": None, "network": None}


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
    network: bytes | None = None  # of a word on what was made for nobody


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


class Choice(NamedTuple):
    """A visitor saw a picture of each release and liked one better (at: ms UTC; network: a keyed digest, or None)."""

    winner: str
    loser: str
    visitor: bytes | None
    at: int
    network: bytes | None


class Rate(NamedTuple):
    """A visitor's last word on a picture that came of a seed: "love" or "meh"."""

    seed: int
    prediction: bytes
    visitor: bytes | None
    value: str
    network: bytes | None
    arm: str


class Rated(NamedTuple):
    """A visitor's last word on one prediction, "love" or "meh", and for how long (ms) they had been known when they
    said it: 0 where it was their first word, or who said it is forgotten."""

    value: str
    network: bytes | None
    known_ms: int


def choices(c: sa.Connection, app: str, champion: str, challenger: str) -> list[Choice]:
    """What visitors chose between these two releases, oldest first; of one pair a visitor's last word alone."""
    won, lost = predictions.alias("won"), predictions.alias("lost")
    network = sa.func.coalesce(feedback.c.network, won.c.network)
    query = (
        sa.select(won.c.release, lost.c.release, feedback.c.visitor, feedback.c.at, network, won.c.id, lost.c.id)
        .join(won, won.c.id == feedback.c.prediction)
        .join(lost, lost.c.id == feedback.c.other_prediction)
        .where(feedback.c.kind == "choose", feedback.c.value.is_not(None), won.c.app == app, lost.c.app == app)
        .where(won.c.release.in_((champion, challenger)), lost.c.release.in_((champion, challenger)))
        .where(won.c.release != lost.c.release)
        .order_by(feedback.c.seq)
    )
    rows_ = c.execute(query).all()
    return [Choice(*row[:5]) for row in _last(rows_, [(row[2], frozenset(row[5:])) for row in rows_])]


def rates(c: sa.Connection, app: str) -> list[Rate]:
    """What visitors said of pictures that came of a seed, of all releases, oldest first; of one picture a visitor's
    last word alone."""
    query = (
        sa.select(
            predictions.c.seed,
            predictions.c.id,
            feedback.c.visitor,
            feedback.c.value,
            sa.func.coalesce(feedback.c.network, predictions.c.network),
            predictions.c.arm,
        )
        .join(predictions, predictions.c.id == feedback.c.prediction)
        .where(feedback.c.kind == "rate", feedback.c.value.is_not(None))
        .where(predictions.c.app == app, predictions.c.seed.is_not(None))
        .order_by(feedback.c.seq)
    )
    rows_ = c.execute(query).all()
    return [Rate(*row) for row in _last(rows_, [(row[1], row[2] or number) for number, row in enumerate(rows_)])]


def rates_since(c: sa.Connection, app: str, seq: int, most: int = 5000) -> list[Any]:
    """(visitor, network) of each rate of such a picture that is newer than this seq, oldest first, at most so many."""
    query = (
        sa.select(feedback.c.visitor, sa.func.coalesce(feedback.c.network, predictions.c.network).label("network"))
        .join(predictions, predictions.c.id == feedback.c.prediction)
        .where(feedback.c.kind == "rate", feedback.c.seq > seq, feedback.c.value.is_not(None))
        .where(predictions.c.app == app, predictions.c.seed.is_not(None))
        .order_by(feedback.c.seq)
    )
    return list(c.execute(query.limit(most)))


def heard_since(c: sa.Connection, app: str, releases: Sequence[str], seq: int, limit: int = 5000) -> list[Any]:
    """Words of visitors on answers of these releases that are newer than this seq, oldest first: (seq, prediction,
    kind, value, visitor, network, release, arm, output)."""
    query = (
        sa.select(
            feedback.c.seq,
            feedback.c.prediction,
            feedback.c.kind,
            feedback.c.value,
            feedback.c.visitor,
            sa.func.coalesce(feedback.c.network, predictions.c.network).label("network"),
            predictions.c.release,
            predictions.c.arm,
            predictions.c.output,
        )
        .join(predictions, predictions.c.id == feedback.c.prediction)
        .where(feedback.c.seq > seq, feedback.c.kind.in_(("agree", "correct", "rate")), feedback.c.value.is_not(None))
        .where(feedback.c.probe.is_(None), predictions.c.app == app, predictions.c.release.in_(releases))
        .where(predictions.c.arm.in_(("full", "canary")))
        .order_by(feedback.c.seq)
    )
    return list(c.execute(query.limit(limit)))


def count_since(c: sa.Connection, kind: str, seq: int) -> int:
    """How many words of this kind, of all apps, are newer than this seq."""
    return c.execute(sa.select(sa.func.count()).where(feedback.c.kind == kind, feedback.c.seq > seq)).scalar_one()


def last_seq(c: sa.Connection) -> int:
    """The seq of the last word: a dataset version remembers which ones it knew."""
    return c.execute(sa.select(sa.func.max(feedback.c.seq))).scalar() or 0


def rated(c: sa.Connection, prediction: bytes) -> list[Rated]:
    """The last word of each visitor who rated this prediction, oldest first."""
    known_ms = sa.func.coalesce(feedback.c.at - visitors.c.at, 0)
    query = (
        sa.select(feedback.c.value, feedback.c.network, known_ms, feedback.c.visitor)
        .outerjoin(visitors, visitors.c.id == feedback.c.visitor)
        .where(feedback.c.prediction == prediction, feedback.c.kind == "rate", feedback.c.value.is_not(None))
        .order_by(feedback.c.seq)
    )
    rows_ = c.execute(query).all()
    return [Rated(*row[:3]) for row in _last(rows_, [row[3] or number for number, row in enumerate(rows_)])]


def _last(rows_: Iterable[Any], keys: Iterable[Hashable]) -> list[Any]:
    """The last row of each key, in the rows' order."""
    found: dict[Hashable, Any] = {}
    for row, key in zip(rows_, keys, strict=True):
        found.pop(key, None)
        found[key] = row
    return list(found.values())


def fade_pool(c: sa.Connection, until: int) -> int:
    """Take who said them out of words older than `until` (ms UTC) on what was made for nobody: the words stay."""
    made = sa.select(predictions.c.id).where(predictions.c.id == feedback.c.prediction, predictions.c.arm == "pool")
    named = feedback.c.visitor.is_not(None) | feedback.c.network.is_not(None)
    gone = sa.update(feedback).where(feedback.c.at < until, named, made.exists())
    return c.execute(gone.values(visitor=None, network=None)).rowcount


def of_visitor(c: sa.Connection, visitor: bytes, limit: int = 1000) -> list[Any]:
    """What a visitor said, oldest first."""
    return rows.after(c, feedback, feedback.c.visitor == visitor, feedback.c.value.is_not(None), limit=limit)


def erase(c: sa.Connection, *predictions: bytes) -> int:
    """Take what was said, and by whom, out of the words on these predictions."""
    return c.execute(sa.update(feedback).where(feedback.c.prediction.in_(predictions)).values(_GONE)).rowcount


def erase_visitor(c: sa.Connection, visitor: bytes) -> int:
    """The same for all that a visitor said, also of what was not made for them."""
    return c.execute(sa.update(feedback).where(feedback.c.visitor == visitor).values(_GONE)).rowcount
