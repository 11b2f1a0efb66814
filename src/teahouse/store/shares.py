"""Shares: answers that their visitors show to others, each a page under a random token, until it is taken back."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from teahouse.ids import now_ms
from teahouse.store import consents, rows
from teahouse.store.rows import takes, values
from teahouse.store.tables import predictions, shares

_BLOBS = (shares.c.card, shares.c.picture, shares.c.photo)
_there = shares.c.card.is_not(None)


@dataclass(frozen=True)
class Shared:
    """A prediction that is shown under a consent: digests of its card, of what was made, of the photo beside it."""

    token: str
    prediction: bytes
    consent: bytes
    card: str
    picture: str | None = None
    photo: str | None = None
    at: int = field(default_factory=now_ms)


@takes(Shared)
def add(c: sa.Connection, shared: Shared) -> list[str]:
    """Show a prediction; the blobs of what was shown of it before, which the caller deletes after the commit."""
    before = forget(c, shared.prediction)
    rows.add(c, shares, values(shared))
    return before


def get(c: sa.Connection, token: str) -> Any:
    """The share, hidden or not, or None."""
    return rows.one(c, shares, shares.c.token == token)


def shown(c: sa.Connection, token: str) -> Any:
    """The share while anybody may see it: it is not taken back, not hidden, and its visitor's yes stands. Else None."""
    row = rows.one(c, shares, shares.c.token == token, _there, shares.c.hidden.is_(None))
    return row if row is not None and consents.live(c, row.consent) else None


def of_prediction(c: sa.Connection, prediction: bytes) -> Any:
    """The share of this prediction, or None; one without a card was taken back while it was hidden."""
    return rows.one(c, shares, shares.c.prediction == prediction)


def page(c: sa.Connection, before: int | None = None, limit: int = 50) -> list[Any]:
    """What is shared, hidden ones too, newest first."""
    return rows.page(c, shares, _there, before=before, limit=limit)


def hide(c: sa.Connection, token: str, at: int | None) -> bool:
    """Hide a share since `at` (ms UTC), or show it again (None); False where there is none."""
    return c.execute(sa.update(shares).where(shares.c.token == token, _there).values(hidden=at)).rowcount > 0


def forget(c: sa.Connection, prediction: bytes) -> list[str]:
    """Take a prediction's share away with all that is known of it; the digests of its blobs."""
    gone = sa.delete(shares).where(shares.c.prediction == prediction).returning(*_BLOBS)
    return [blob for row in c.execute(gone) for blob in row if blob]


def take_back(c: sa.Connection, prediction: bytes, at: int) -> tuple[list[str], list[str]]:
    """End a prediction's share and the yes that it stood on; (its token, or none, and the digests of its blobs).

    Of a hidden one the empty row stays, so that the same answer is not shown again."""
    row = rows.one(c, shares, shares.c.prediction == prediction, _there)
    if row is None:
        return [], []
    consents.withdraw(c, row.consent, at)
    blobs = [blob for blob in (row.card, row.picture, row.photo) if blob]
    if row.hidden is None:
        forget(c, prediction)
    else:
        c.execute(sa.update(shares).where(shares.c.seq == row.seq).values(card=None, picture=None, photo=None))
    return [row.token], blobs


def expired(c: sa.Connection, until: int, limit: int = 100) -> list[bytes]:
    """Predictions that are shared or were, and were made before `until` (ms UTC), or whose yes has ended."""
    no = consents.ends_of(shares.c.consent)
    query = sa.select(shares.c.prediction).join(predictions, predictions.c.id == shares.c.prediction)
    query = query.where((predictions.c.at < until) | (_there & no)).order_by(shares.c.seq).limit(limit)
    return list(c.execute(query).scalars())
