"""Probes: pictures with known answers for the teach round, and what visitors said there of these and of others."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teahouse.store import labels as noun
from teahouse.store import rows
from teahouse.store.consents import SHOW
from teahouse.store.tables import consents as given
from teahouse.store.tables import labels, probes, taught, visitors

OF_LABEL = 60  # probes of each label
SHOWN = 200  # other pictures that a round is drawn from


@dataclass(frozen=True)
class Picture:
    """A picture of a round: its label's id, its inputs, and its answer where that is known (a probe), else None."""

    label: bytes
    inputs: dict[str, Any]
    truth: Any = None


@dataclass(frozen=True)
class Said:
    """What a visitor said of a picture, and how that visitor stands (`visitors.standing`, of all apps)."""

    label: bytes
    said: Any
    standing: dict[str, Any]


def fill(c: sa.Connection, app: str, at: int) -> int:
    """Draw probes by lot of the maker's training rows until there are 60 of each label, or all; how many are new."""
    there = Counter(_named(probe.truth) for probe in of_app(c, app))
    fresh = 0
    for row in _makers(c, app):
        name = _named(row.answer)
        if name and there[name] < OF_LABEL:
            there[name] += 1
            fresh += 1
            rows.add(c, probes, {"at": at, "label": row.id, "truth": row.answer})
    return fresh


def of_app(c: sa.Connection, app: str) -> list[Picture]:
    """The app's probes that are still there, oldest first, with the answer that the maker gives today."""
    query = noun.joined().join(probes, probes.c.label == labels.c.id)
    query = query.where(labels.c.app == app, labels.c.split == "train").order_by(probes.c.seq)
    found = map(noun._row, c.execute(query))
    return [Picture(row.id, row.inputs, row.answer) for row in found if row.is_accepted]


def truth_of(c: sa.Connection, label: bytes) -> Any:
    """The known answer of a picture, or None where it is no probe."""
    row = noun.get(c, label) if rows.one(c, probes, probes.c.label == label) is not None else None
    return row.answer if row is not None and row.is_accepted else None


def count(c: sa.Connection, app: str, most: int) -> int:
    """How many probes the app has, at most so many: cheap to ask."""
    query = sa.select(probes.c.seq).join(labels, labels.c.id == probes.c.label)
    query = query.where(labels.c.app == app, labels.c.inputs.is_not(None), labels.c.split == "train").limit(most)
    return len(c.execute(query).all())


def answers(c: sa.Connection, app: str) -> int:
    """How many different answers the app's probes have: cheap to ask."""
    query = sa.select(probes.c.truth).join(labels, labels.c.id == probes.c.label).distinct()
    return len(
        c.execute(query.where(labels.c.app == app, labels.c.inputs.is_not(None), labels.c.split == "train")).all()
    )


def others(c: sa.Connection, app: str) -> list[Picture]:
    """What a round may show beside probes, at most 200 of each: training photos of visitors that they let us show and
    that the owner's own eyes accepted, then more of the maker's."""
    mine = sa.select(labels.c.id).join(given, given.c.id == labels.c.consent)
    mine = mine.where(labels.c.app == app, labels.c.source == "visitor", labels.c.split == "train", _lets_show())
    mine = mine.where(labels.c.inputs.is_not(None)).order_by(labels.c.seq.desc()).limit(SHOWN)
    seen = [row for row in _rows(c, mine) if _is_seen(row)]
    return [Picture(row.id, row.inputs) for row in (*seen, *_makers(c, app, SHOWN))]


def shown(c: sa.Connection, app: str, label: bytes) -> Picture | None:
    """A picture of a round by its label, where a round may still show it: one row is read, however many there are."""
    row = noun.get(c, label)
    if row is None or (row.app, row.split) != (app, "train") or not row.is_accepted or not noun.blobs_in(row.inputs):
        return None
    if row.source == "maker":
        return Picture(row.id, row.inputs)
    lets = sa.select(given.c.seq).where(given.c.id == row.consent, _lets_show())
    return Picture(row.id, row.inputs) if _is_seen(row) and c.execute(lets).first() is not None else None


def answered(c: sa.Connection, visitor: bytes) -> dict[bytes, int]:
    """The pictures that a visitor has spoken of, and when (ms UTC)."""
    query = sa.select(taught.c.label, taught.c.at).where(taught.c.visitor == visitor)
    return {row.label: row.at for row in c.execute(query)}


def of_visitor(c: sa.Connection, visitor: bytes) -> list[Any]:
    """(at, app, said) of all that a visitor said in rounds, oldest first. Not which answers were known: who counts the
    right ones would learn them."""
    query = sa.select(taught.c.at, labels.c.app, taught.c.said).join(labels, labels.c.id == taught.c.label)
    return list(c.execute(query.where(taught.c.visitor == visitor).order_by(taught.c.seq)))


def say(c: sa.Connection, label: bytes, visitor: bytes, said: Any, at: int) -> bool:
    """Keep what a visitor says of a picture; False where they said something of it before: that counts."""
    known = truth_of(c, label) is not None
    row = {"at": at, "label": label, "visitor": visitor, "said": said, "known": known}
    return rows.add_new(c, taught, row) is not None


def said_of(c: sa.Connection, of: Collection[bytes], but: bytes | None = None) -> list[Said]:
    """What visitors said of these pictures where the answer was not known, oldest first; without this visitor's."""
    query = sa.select(taught.c.label, taught.c.said, visitors.c.standing).join(
        visitors, visitors.c.id == taught.c.visitor
    )
    where = (
        taught.c.label.in_(of),
        ~taught.c.known,
        taught.c.said.is_not(None),
        taught.c.visitor.is_distinct_from(but),
    )
    return [Said(row[0], row[1], row[2] or {}) for row in c.execute(query.where(*where).order_by(taught.c.seq))]


def _makers(c: sa.Connection, app: str, limit: int | None = None) -> list[noun.LabelRow]:
    """The maker's training photos that are no probes, in an order that says nothing."""
    where = (labels.c.app == app, labels.c.source == "maker", labels.c.split == "train", labels.c.inputs.is_not(None))
    query = sa.select(labels.c.id).where(*where, labels.c.id.not_in(sa.select(probes.c.label)))
    found = _rows(c, query.order_by(sa.func.substr(labels.c.id, 9, 8)).limit(limit))
    return [row for row in found if row.is_accepted and noun.blobs_in(row.inputs)]


def _rows(c: sa.Connection, of: sa.Select[Any]) -> list[noun.LabelRow]:
    """The rows of these labels, in this order. Chosen first and read then: a maker may have brought 30,000."""
    chosen = c.execute(of).scalars().all()
    found = {row.id: row for row in map(noun._row, c.execute(noun.joined().where(labels.c.id.in_(chosen))))}
    return [found[id_] for id_ in chosen if id_ in found]


def _lets_show() -> Any:
    """SQL: whether a visitor's yes lets others see the photo."""
    return sa.type_coerce(given.c.purposes, sa.Text).like(f'%"{SHOW}"%')


def _is_seen(row: noun.LabelRow) -> bool:
    """Whether the owner's own eyes accepted a visitor's photo: nobody else's word shows it to others."""
    return (
        row.source == "visitor"
        and row.is_accepted
        and row.reviewed_by == noun.OWNER
        and bool(noun.blobs_in(row.inputs))
    )


def _named(truth: Any) -> str:
    """The label in a truth; "" where it is none."""
    return str(truth.get("label", "")) if isinstance(truth, dict) else ""
