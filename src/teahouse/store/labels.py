"""Labels: an input with its right answer, who said so, and on which side of the split it stands."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from teahouse.ids import new_id
from teahouse.store import rows
from teahouse.store.tables import consents, dataset_versions, label_blobs, labels, predictions, reviews

OWNER = "owner"  # who reviews by hand; anything else in reviews.by is a rule
_undo = reviews.alias("undo")
_ends = consents.alias("ends")


@dataclass(frozen=True)
class LabelRow:
    """A label with its latest review that stands, and whether its consent to be trained on still holds."""

    seq: int
    at: int
    id: bytes
    app: str
    prediction: bytes | None
    source: str  # maker | visitor | owner | import
    inputs: dict[str, Any]  # {field: {"blob": digest} | value}
    truth: Any  # the visitor's or the maker's
    visitor: bytes | None
    network: bytes | None
    near: bytes | None
    split: str  # train | test | gold | set_aside
    held: bool
    consent: bytes | None
    consent_live: bool
    consent_before: bool
    decision: str | None  # accept | set_aside | None: nobody has reviewed it
    reviewed_truth: Any
    reviewed_by: str | None
    review_seq: int | None

    @property
    def answer(self) -> Any:
        """The truth that counts: the reviewed one, else what maker or visitor said."""
        return self.reviewed_truth if self.decision == "accept" else self.truth

    @property
    def is_accepted(self) -> bool:
        """Whether it may be used at all: the maker's own, or accepted and still allowed to train."""
        if self.decision is None:
            return self.source != "visitor" and self.truth is not None
        return self.decision == "accept" and self.consent_live and self.reviewed_truth is not None

    @property
    def is_live_gold(self) -> bool:
        """Whether it may judge: drawn by lot and consented to before the answer, then labelled by the owner."""
        drawn = self.source == "visitor" and self.split == "test" and self.held and self.consent_before
        return drawn and self.is_accepted and self.reviewed_by == OWNER

    @property
    def is_base_gold(self) -> bool:
        """Whether it is one of the maker's rows that never train."""
        return self.source != "visitor" and self.split == "gold" and self.is_accepted


@cache
def standing_review() -> Any:
    """SQL: the seq of the label's latest review that was not undone."""
    return standing_review_of(labels.c.id)


def standing_review_of(label: Any) -> Any:
    """SQL: the seq of the latest review of the row with this id that was not undone."""
    query = sa.select(sa.func.max(reviews.c.seq)).where(reviews.c.label == label, reviews.c.decision != "undo")
    return query.where(~sa.exists().where(_undo.c.undoes == reviews.c.seq)).correlate(labels).scalar_subquery()


def may_train() -> Any:
    """SQL: whether the label's consent (joined) names that purpose; what came without one is its giver's own."""
    return labels.c.consent.is_(None) | sa.type_coerce(consents.c.purposes, sa.Text).like('%"train"%')


@cache
def joined() -> sa.Select[Any]:
    """SQL: all that a LabelRow holds, of every label that is not erased."""
    review, no = reviews.alias("review"), sa.false()
    source = (
        labels.outerjoin(review, review.c.seq == standing_review())
        .outerjoin(consents, consents.c.id == labels.c.consent)
        .outerjoin(_ends, _ends.c.withdraws == labels.c.consent)
        .outerjoin(predictions, predictions.c.id == labels.c.prediction)
    )
    own = [column for column in labels.c if column.name != "consent"]
    return (
        sa.select(
            *own,
            labels.c.consent,
            (_ends.c.seq.is_(None) & may_train()).label("consent_live"),
            sa.func.coalesce(consents.c.before, no).label("consent_before"),
            sa.func.coalesce(predictions.c.held, no).label("held"),
            review.c.decision,
            review.c.truth.label("reviewed_truth"),
            review.c.by.label("reviewed_by"),
            review.c.seq.label("review_seq"),
        )
        .select_from(source)
        .where(labels.c.inputs.is_not(None))
    )


def add(c: sa.Connection, row: dict[str, Any]) -> bytes:
    """Add a label (the columns of `labels`; `id` is made if absent); its id. A prediction keeps its first label."""
    row = {"id": new_id(), **row}
    if row.get("prediction") is not None:
        known = of_prediction(c, row["prediction"])
        if known is not None:
            return known.id
    rows.add(c, labels, row)
    for blob in sorted(set(blobs_in(row.get("inputs") or {}))):
        rows.add(c, label_blobs, {"at": row["at"], "label": row["id"], "blob": blob})
    return row["id"]


def name_blobs(c: sa.Connection) -> None:
    """Says of each label which blobs it names, where nobody did: a process of the release before, which did not know
    of `label_blobs`, may have added it while this house was moved on."""
    known = sa.exists().where(label_blobs.c.label == labels.c.id)
    unnamed = sa.select(labels.c.at, labels.c.id, labels.c.inputs).where(labels.c.inputs.is_not(None), ~known)
    for row in c.execute(unnamed).all():
        for blob in sorted(set(blobs_in(row.inputs))):
            rows.add(c, label_blobs, {"at": row.at, "label": row.id, "blob": blob})
    gone = sa.select(labels.c.id).where(labels.c.inputs.is_(None))
    c.execute(sa.delete(label_blobs).where(label_blobs.c.label.in_(gone)))


def say(c: sa.Connection, prediction: bytes, truth: Any) -> bool:
    """The visitor's word for a kept prediction, while nobody reviewed it; whether it was taken."""
    where = (labels.c.prediction == prediction, labels.c.inputs.is_not(None), standing_review().is_(None))
    return c.execute(sa.update(labels).where(*where).values(truth=truth)).rowcount > 0


def retell(c: sa.Connection, id: bytes, truth: Any) -> None:
    """What is known now of a label that sums words up: there are more words, or fewer."""
    c.execute(sa.update(labels).where(labels.c.id == id, labels.c.source == "import").values(truth=truth))


def get(c: sa.Connection, id: bytes) -> LabelRow | None:
    """The label, or None (also once it is erased)."""
    return _first(c, labels.c.id == id)


def of_prediction(c: sa.Connection, prediction: bytes) -> LabelRow | None:
    """The label of a prediction, or None."""
    return _first(c, labels.c.prediction == prediction)


def of_app(
    c: sa.Connection, app: str, sources: list[str] | None = None, splits: list[str] | None = None
) -> list[LabelRow]:
    """An app's labels, oldest first."""
    query = joined().where(labels.c.app == app).order_by(labels.c.seq)
    if sources is not None:
        query = query.where(labels.c.source.in_(sources))
    if splits is not None:
        query = query.where(labels.c.split.in_(splits))
    return [_row(row) for row in c.execute(query)]


def maker_rows(c: sa.Connection, app: str) -> list[LabelRow]:
    """The maker's own labels of an app, oldest first."""
    return of_app(c, app, sources=["maker"])


def near_rows(c: sa.Connection, app: str, near: bytes | None = None, but: str | None = None) -> list[tuple[bytes, str]]:
    """(near key, split) of every label of an app that stands on a side; with `near`, of those alone that can be near
    it (and some that are not); without those of the source `but`."""
    query = sa.select(labels.c.near, labels.c.split).where(labels.c.app == app, labels.c.near.is_not(None))
    if but is not None:
        query = query.where(labels.c.source != but)
    if near is not None:
        query = query.where(_may_be_near(near))
    return [(row.near, row.split) for row in c.execute(query.where(labels.c.split != "set_aside"))]


def page(c: sa.Connection, app: str, before: int | None = None, limit: int = 50) -> list[LabelRow]:
    """An app's labels, newest first, older than the seq `before`."""
    query = joined().where(labels.c.app == app).order_by(labels.c.seq.desc()).limit(limit)
    return [_row(row) for row in c.execute(query if before is None else query.where(labels.c.seq < before))]


def counts(c: sa.Connection, app: str) -> dict[str, int]:
    """waiting, accepted, set_aside, test, train (usable ones), new (since the last version). Of what may judge not each
    row counts: `feedback.judges.counts` adds it."""
    names = ("waiting", "accepted", "set_aside", "test", "train")
    return {**_count(joined().where(labels.c.app == app), c, *names), "new": new(c, app)}


def gold(c: sa.Connection, app: str) -> dict[str, int]:
    """gold_base and gold_live: all rows that may judge, copies and all. Never fewer than `feedback.judges` counts, and
    cheaper to ask."""
    query = joined().where(labels.c.app == app, labels.c.split.in_(("gold", "test")))
    return _count(query, c, "gold_base", "gold_live")


def gold_rows(c: sa.Connection, app: str, kind: str) -> list[Any]:
    """(id, source, visitor, network, near) of each row that `gold` counts as this kind, oldest first."""
    col = joined().where(labels.c.app == app, labels.c.split.in_(("gold", "test"))).subquery().c
    told = sa.select(col.id, col.source, col.visitor, col.network, col.near)
    return list(c.execute(told.where(_kinds(col)[kind]).order_by(col.seq)))


def _count(query: sa.Select[Any], c: sa.Connection, *names: str) -> dict[str, int]:
    kinds = _kinds(query.subquery().c)
    sums = [sa.func.coalesce(sa.func.sum(sa.case((kinds[name], 1), else_=0)), 0).label(name) for name in names]
    return {name: int(n) for name, n in c.execute(sa.select(*sums)).one()._mapping.items()}


def _kinds(col: Any) -> dict[str, Any]:
    """SQL: which rows of `joined` are of each kind."""
    visitor = col.source == "visitor"
    accepted = (col.decision == "accept") & col.consent_live & col.reviewed_truth.is_not(None)
    usable = accepted | (~visitor & col.decision.is_(None) & col.truth.is_not(None))
    by_lot = (col.split == "test") & col.held & col.consent_before & (col.reviewed_by == OWNER)
    return {
        "waiting": visitor & col.decision.is_(None) & col.consent_live & (col.split != "set_aside"),
        "accepted": visitor & accepted,
        "set_aside": (col.decision == "set_aside") | (col.decision.is_(None) & (col.split == "set_aside")),
        "gold_base": ~visitor & (col.split == "gold") & usable,
        "gold_live": visitor & accepted & by_lot,
        "test": (col.split == "test") & usable,
        "train": (col.split == "train") & usable,
    }


def erase(c: sa.Connection, id: bytes) -> list[str]:
    """Forget a label; digests of the blobs that it held. Its id, split and that it was reviewed stay."""
    label = get(c, id)
    if label is None:
        return []
    gone = {"inputs": None, "truth": None, "visitor": None, "network": None, "near": None}
    c.execute(sa.update(labels).where(labels.c.id == id).values(gone))
    c.execute(sa.delete(label_blobs).where(label_blobs.c.label == id))
    c.execute(sa.update(reviews).where(reviews.c.label == id).values(truth=None, reason=""))
    return blobs_in(label.inputs)


def unaccepted(c: sa.Connection, until: int, limit: int = 10) -> list[tuple[bytes, bytes]]:
    """(id, prediction) of visitors' labels kept before `until` (ms UTC) that are not accepted under a yes."""
    review = reviews.alias("review")
    source = labels.outerjoin(review, review.c.seq == standing_review())
    source = source.outerjoin(_ends, _ends.c.withdraws == labels.c.consent)
    accepted = (review.c.decision == "accept") & review.c.truth.is_not(None) & _ends.c.seq.is_(None)
    query = sa.select(labels.c.id, labels.c.prediction).select_from(source).order_by(labels.c.seq).limit(limit)
    kept = (labels.c.inputs.is_not(None), labels.c.prediction.is_not(None))
    where = (labels.c.source == "visitor", labels.c.at < until, *kept)
    found = c.execute(query.where(*where, ~sa.func.coalesce(accepted, sa.false())))
    return [(row.id, row.prediction) for row in found]


def fade(c: sa.Connection, until: int, limit: int = 500) -> int:
    """Take the network out of labels kept before `until` (ms UTC); how many."""
    where = (labels.c.network.is_not(None), labels.c.at < until)
    old = sa.select(labels.c.seq).where(*where).limit(limit).scalar_subquery()
    return c.execute(sa.update(labels).where(labels.c.seq.in_(old)).values(network=None)).rowcount


def looks(c: sa.Connection, app: str, splits: tuple[str, ...] = ("test",)) -> dict[bytes, Any]:
    """How the photos of visitors' labels looked when they came (`predictions.look`), by label, where that is known."""
    source = labels.join(predictions, predictions.c.id == labels.c.prediction)
    where = (labels.c.app == app, labels.c.split.in_(splits), predictions.c.look.is_not(None))
    found = c.execute(sa.select(labels.c.id, predictions.c.look).select_from(source).where(*where))
    return {row.id: row.look for row in found}


def blobs_in(inputs: dict[str, Any]) -> list[str]:
    """The digests in a label's inputs."""
    return [given["blob"] for given in inputs.values() if isinstance(given, dict) and "blob" in given]


def new(c: sa.Connection, app: str) -> int:
    """How many accepted training rows of visitors were reviewed after what the last version knew: cheap to ask."""
    return c.execute(_newly_accepted(c, app, sa.func.count())).scalar_one()


def new_by(c: sa.Connection, app: str, by: str, visitor: bytes | None, network: bytes | None) -> tuple[int, int, int]:
    """Of these rows those that `by` accepted: all, this visitor's, this network's; cheap to ask too."""
    of_visitor, of_network = labels.c.visitor == visitor, labels.c.network == network
    sums = [sa.func.count(sa.case((mine, 1))) for mine in (of_visitor, of_network)]
    query = _newly_accepted(c, app, sa.func.count(), *sums).where(reviews.c.by == by)
    return tuple(c.execute(query).one())  # type: ignore[return-value]


def neighbours(c: sa.Connection, app: str, near: bytes) -> list[LabelRow]:
    """The app's labels that can be near this key (and some that are not), oldest first."""
    query = joined().where(labels.c.app == app, _may_be_near(near)).order_by(labels.c.seq)
    return [_row(row) for row in c.execute(query)]


def _may_be_near(near: bytes) -> Any:
    """SQL: keys of 64 bits within six of each other have at least two of their eight bytes in common."""
    if len(near) != 8:
        return labels.c.near == near
    return sum(sa.case((byte == near[at : at + 1], 1), else_=0) for at, byte in enumerate(_bytes_of_near())) >= 2


@cache
def _bytes_of_near() -> tuple[Any, ...]:
    return tuple(sa.func.substr(labels.c.near, at + 1, 1, type_=sa.LargeBinary) for at in range(8))


def _newly_accepted(c: sa.Connection, app: str, *columns: Any) -> sa.Select[Any]:
    last = sa.select(dataset_versions.c.reviewed).where(dataset_versions.c.app == app)
    known = c.execute(last.order_by(dataset_versions.c.seq.desc()).limit(1)).scalar() or 0
    source = labels.join(reviews, reviews.c.label == labels.c.id)
    source = source.outerjoin(consents, consents.c.id == labels.c.consent)
    source = source.outerjoin(_ends, _ends.c.withdraws == labels.c.consent)
    where = (
        reviews.c.seq > known,
        reviews.c.decision == "accept",
        reviews.c.truth.is_not(None),
        reviews.c.seq == standing_review(),
        sa.func.coalesce(labels.c.app, "") == app,  # by no index: SQLite would walk all labels, not the few reviews
        labels.c.source == "visitor",
        labels.c.split == "train",
        labels.c.inputs.is_not(None),
        _ends.c.seq.is_(None),
        may_train(),
    )
    return sa.select(*columns).select_from(source).where(*where)


def _first(c: sa.Connection, *where: Any) -> LabelRow | None:
    row = c.execute(joined().where(*where)).one_or_none()
    return None if row is None else _row(row)


def _row(row: Any) -> LabelRow:
    found = dict(row._mapping)
    for name in ("consent_live", "consent_before", "held"):
        found[name] = bool(found[name])
    return LabelRow(**found)
