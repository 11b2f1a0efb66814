"""Consents: what a visitor allowed, when, in which words, and what they took back."""

import functools
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import new_id, now_ms
from teahouse.store import rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import consents, labels

SHOW = "show"
"""The purpose of a yes to one page that others see. It says nothing of what may be kept, and no other yes says it."""

_ends, _later = consents.alias("ends"), consents.alias("later")


@dataclass(frozen=True)
class Given:
    """A visitor's yes. `before`: it stood before the answer was known."""

    id: bytes
    prediction: bytes | None
    visitor: bytes | None
    purposes: list[str]
    before: bool
    text_version: str
    at: int = field(default_factory=now_ms)


def ends_of(consent: Any) -> Any:
    """The condition that the consent of this id was taken back."""
    return sa.exists().where(_ends.c.withdraws == consent)


@functools.cache
def _withdrawn() -> Any:
    return ends_of(consents.c.id)


@functools.cache
def _is_show(table: Any) -> Any:
    """Whether a row of this table is a yes to a page that others see, or takes one back."""
    yes, of = consents.alias("yes"), f'["{SHOW}"]'
    back = sa.exists().where(yes.c.id == table.c.withdraws, sa.type_coerce(yes.c.purposes, sa.Text) == of)
    return (sa.type_coerce(table.c.purposes, sa.Text) == of) | back


def _says(table: Any = consents) -> Any:
    """Whether a row of this table is a word on what is kept from now on: not one on a page that others see, and not one
    that takes back a single answer's yes, for who deletes one photo has said nothing of the next."""
    return ~_is_show(table) & (table.c.withdraws.is_(None) | table.c.prediction.is_(None))


@takes(Given)
def give(c: sa.Connection, given: Given) -> bytes:
    """Keep a yes; its id."""
    rows.add(c, consents, {**values(given), "purposes": list(given.purposes)})
    return given.id


def get(c: sa.Connection, id: bytes) -> Any:
    """The consent, or None."""
    return rows.one(c, consents, consents.c.id == id)


def withdraw(c: sa.Connection, consent: bytes, at: int) -> bool:
    """Take a yes back; False if there was none, or it was taken back before."""
    given = get(c, consent)
    if given is None or given.withdraws is not None:
        return False
    return rows.add_new(c, consents, _no(given, given.prediction, at) | {"withdraws": consent}) is not None


def withdraw_standing(c: sa.Connection, visitor: bytes, at: int) -> bool:
    """End a visitor's standing yes for the photos to come; what was kept under it stays until they delete it."""
    given = standing(c, visitor)
    if given is None:
        return False
    rows.add(c, consents, _no(given, None, at))
    return True


def withdraw_all(c: sa.Connection, visitor: bytes, at: int) -> list[bytes]:
    """Take back every yes of a visitor; the ids of those that ended."""
    return [row.id for row in of_visitor(c, visitor) if row.purposes and withdraw(c, row.id, at)]


def standing(c: sa.Connection, visitor: bytes, text_version: str | None = None) -> Any:
    """The visitor's latest word if it is a yes to "keep": it holds for their next photos, also where they have deleted
    the one that they said it to, and with `text_version` only where it was said to these words."""
    last = rows.one(c, consents, consents.c.visitor == visitor, _says())
    if last is None or last.withdraws is not None or "keep" not in last.purposes:
        return None
    if text_version is not None and last.text_version != text_version:
        return None
    return last


def live(c: sa.Connection, id: bytes) -> bool:
    """Whether this yes still holds."""
    query = sa.select(consents.c.seq).where(consents.c.id == id, consents.c.withdraws.is_(None), ~_withdrawn())
    return c.execute(query).first() is not None


def for_prediction(c: sa.Connection, prediction: bytes, show: bool = True) -> Any:
    """The latest yes for this prediction that still holds, or None; without `show` none that lets it be shown."""
    where = [consents.c.prediction == prediction, consents.c.withdraws.is_(None), ~_withdrawn()]
    return rows.one(c, consents, *where, *([] if show else [~_is_show(consents)]))


def of_visitor(c: sa.Connection, visitor: bytes) -> list[Any]:
    """Every consent row of a visitor, oldest first."""
    return rows.after(c, consents, consents.c.visitor == visitor)


def erase_visitor(c: sa.Connection, visitor: bytes) -> int:
    """Take the visitor out of their consents: that a yes was given and ended stays, whose it was does not."""
    return c.execute(sa.update(consents).where(consents.c.visitor == visitor).values(visitor=None)).rowcount


def fade(c: sa.Connection, until: int, limit: int = 500) -> int:
    """Take the visitor out of consents said before `until` (ms UTC) that hold nothing up: no kept photo, and not the
    last word of a visitor whose photos are kept (an old no must not fade from before an older yes); how many."""
    kept = labels.c.inputs.is_not(None)
    holds_up = sa.exists().where(labels.c.consent == consents.c.id, kept)
    newer = sa.exists().where(_later.c.visitor == consents.c.visitor, _later.c.seq > consents.c.seq, _says(_later))
    is_last = ~newer & _says()
    is_kept = sa.exists().where(labels.c.visitor == consents.c.visitor, kept)
    where = (consents.c.visitor.is_not(None), consents.c.at < until, ~holds_up, ~(is_last & is_kept))
    old = sa.select(consents.c.seq).where(*where).order_by(consents.c.seq).limit(limit).scalar_subquery()
    return c.execute(sa.update(consents).where(consents.c.seq.in_(old)).values(visitor=None)).rowcount


def _no(given: Any, prediction: bytes | None, at: int) -> dict[str, Any]:
    row = {"at": at, "id": new_id(), "prediction": prediction, "visitor": given.visitor, "purposes": []}
    return row | {"before": False, "text_version": given.text_version}
