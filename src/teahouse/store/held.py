"""Held: which blobs a row names. What none names is nobody's, and goes."""

import sqlalchemy as sa

from teahouse.store import inputs
from teahouse.store.tables import dataset_versions, labels, pool, shares
from teahouse.store.tables import inputs as kept

_COLUMNS = (kept.c.blob, dataset_versions.c.rows_blob, shares.c.card, shares.c.picture, shares.c.photo, pool.c.blob)


def names(c: sa.Connection, blob: str) -> bool:
    """Whether any row names this blob. Ask under the write lock before a deletion: the answer then stands."""
    if inputs.uses(c, blob):
        return True
    queries = [sa.select(column).where(column == blob).limit(1) for column in _COLUMNS]
    # As text: a digest is in nothing else, and a house has more labels than one would take apart while others wait.
    queries.append(sa.select(labels.c.seq).where(sa.cast(labels.c.inputs, sa.Text).contains(blob)).limit(1))
    return any(c.execute(query).first() is not None for query in queries)


def all(c: sa.Connection) -> set[str]:
    """Every blob that a row names."""
    from teahouse.store.labels import blobs_in

    found = {blob for column in _COLUMNS for blob in c.execute(sa.select(column).where(column.is_not(None))).scalars()}
    rows = c.execute(sa.select(labels.c.inputs).where(labels.c.inputs.is_not(None))).scalars()
    return found.union(*(blobs_in(row) for row in rows if row))
