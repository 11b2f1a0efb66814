"""Held: which blobs a row names. What none names is nobody's, and goes."""

from collections.abc import Iterable

import sqlalchemy as sa

from teahouse.store.tables import dataset_versions, inputs, label_blobs, pool, shares

_COLUMNS = (
    inputs.c.blob,
    label_blobs.c.blob,
    dataset_versions.c.rows_blob,
    shares.c.card,
    shares.c.picture,
    shares.c.photo,
    pool.c.blob,
)
_AT_ONCE = 1000  # SQLite takes 32,766 values in a statement


def unnamed(c: sa.Connection, blobs: Iterable[str]) -> list[str]:
    """Those of these blobs that no row names, sorted: one query for a thousand of them, and an index for each column.
    Ask under the write lock before a deletion: the answer then stands."""
    asked, named = sorted(set(blobs)), set[str]()
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        query = sa.union(*(sa.select(column).where(column.in_(some)) for column in _COLUMNS))
        named.update(c.execute(query).scalars())
    return [blob for blob in asked if blob not in named]


def all(c: sa.Connection) -> set[str]:
    """Every blob that a row names."""
    return {blob for column in _COLUMNS for blob in c.execute(sa.select(column).where(column.is_not(None))).scalars()}
