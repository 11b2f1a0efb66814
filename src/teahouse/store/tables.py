"""All tables of the house: facts append, and each exception to that is named here.

`seq` orders everything (never the clock), `at` is milliseconds UTC, ids are UUIDv7 in 16 bytes, digests are SHA-256 in
lower-case hex, money is in minor units. A current state is the latest row or a sum.

Exceptions to "facts append": a visitor's right to be erased (predictions, feedback, inputs, labels, visitors, what
they taught and the visitor of a consent are nulled, the row stays), what was made for the pool and nobody spoke of (it
goes when it is old), a label's truth while nobody reviewed it, a release's state, and the counters (tallies, quotas),
sessions, keys, owners, pool, shares, reports and pushes, which are states and no facts. label_blobs says again which
blobs a label's inputs name, so that it can be looked up, and forgets with them.
"""

import json
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Seq = BigInteger().with_variant(Integer, "sqlite")


class Json(TypeDecorator[Any]):
    """A JSON value as compact text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """The text that is stored."""
        if value is None:
            return None
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The value that was stored."""
        return None if value is None else msgspec.json.decode(value)  # eight times as fast as json


def _id(name: str, to: str = "", null: bool = False, unique: bool = False) -> Column[Any]:
    return Column(name, LargeBinary(16), *([ForeignKey(to)] if to else []), nullable=null, unique=unique)


def _bytes(name: str, length: int = 32, null: bool = True) -> Column[Any]:
    return Column(name, LargeBinary(length), nullable=null)


def _digest(name: str, to: str = "", null: bool = False, unique: bool = False) -> Column[Any]:
    return Column(name, String(64), *([ForeignKey(to)] if to else []), nullable=null, unique=unique)


def _word(name: str, null: bool = False, unique: bool = False) -> Column[Any]:
    return Column(name, String(200), nullable=null, unique=unique)


def _text(name: str, null: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=null)


def _json(name: str, null: bool = False) -> Column[Any]:
    return Column(name, Json, nullable=null)


def _int(name: str, null: bool = False) -> Column[Any]:
    return Column(name, BigInteger, nullable=null)


def _real(name: str, null: bool = False) -> Column[Any]:
    return Column(name, Float, nullable=null)


def _bool(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def _table(name: str, *parts: Any) -> Table:
    return Table(name, metadata, Column("seq", Seq, primary_key=True), _int("at"), *parts)


# What is declared, released and trained.
apps = _table("apps", _word("name"), _text("title"), _json("declaration"), _text("source"), Index(None, "name", "seq"))
releases = _table(
    "releases",
    _digest("id", unique=True),
    _word("app"),
    _int("number"),
    _id("run", "runs.id", null=True),
    _json("manifest"),
    _text("signer", null=True),
    _word("state"),  # quarantined | ready
    UniqueConstraint("app", "number"),
)
forms = _table(
    "forms",
    _digest("release", "releases.id"),
    _word("host"),
    _word("form"),
    _int("slots"),
    _int("threads"),
    _int("batch"),
    _real("ms"),
    _int("flips"),
    _int("alone", null=True),
    Index(None, "release", "host"),
)
dataset_versions = _table(
    "dataset_versions",
    _id("id", unique=True),
    _word("app"),
    _digest("digest"),
    _id("parent", "dataset_versions.id", null=True),
    _json("counts"),
    _digest("rows_blob"),
    _int("reviewed"),  # seq of the last review that this version knew
    Index(None, "app", "seq"),
    Index(None, "rows_blob"),
)
runs = _table(
    "runs",
    _id("id", unique=True),
    _word("app"),
    _id("version", "dataset_versions.id"),
    _word("kind"),
    _digest("code"),
    _text("commit", null=True),
    _id("job", null=True),
    Index(None, "app", "seq"),
)
run_events = _table("run_events", _id("run", "runs.id"), _word("name"), _json("numbers"), Index(None, "run", "seq"))
verdicts = _table(
    "verdicts",
    _id("id", unique=True),
    _word("app"),
    _digest("candidate", "releases.id"),
    _digest("champion", "releases.id", null=True),
    _id("version", "dataset_versions.id"),
    _word("outcome"),  # promote | hold | reject
    _json("reasons"),
    _json("numbers"),
    Index(None, "app", "seq"),
    Index(None, "candidate"),
)
rollouts = _table(
    "rollouts",
    _word("app"),
    _digest("release", "releases.id"),
    _word("state"),  # shadow | canary | full | rolled_back
    _int("share"),
    _bool("pinned"),
    _word("by"),
    _text("why"),
    _id("verdict", "verdicts.id", null=True),
    _json("numbers", null=True),  # what was known when the step was taken: where the count begins, what decided
    _word("form", null=True),  # the form that the owner wants the app to run in from here on; "fastest": any
    Index(None, "app", "release", "seq"),
)
servings = _table(
    "servings",
    _word("host"),
    _word("web"),
    _word("app"),
    _digest("release"),
    _word("form"),
    _word("state"),
    Index(None, "web", "app", "release", "seq"),
)

# What visitors gave and said. Erased: nulled.
predictions = _table(
    "predictions",
    _id("id", unique=True),
    _word("app"),
    _digest("release", "releases.id"),
    _word("form"),
    _word("arm"),  # full | canary | shadow | pool | replay
    _id("shadow_of", "predictions.id", null=True),
    _id("visitor", null=True),
    _bytes("network"),
    _word("key", null=True),
    _bytes("given"),
    _int("seed", null=True),
    _json("output", null=True),
    _bool("held"),
    _bool("cached"),
    _real("ms"),
    _json("look", null=True),  # of a photo: brightness, blur, side; what kind of device it came from
    UniqueConstraint("app", "key"),
)
_known, _shadow = predictions.c.visitor.is_not(None), predictions.c.shadow_of.is_not(None)
# What nobody asked for may be most of the table. Written out: an index is not used for a condition with a parameter.
asked_for = predictions.c.arm != literal_column("'pool'")
for_nobody = predictions.c.arm == literal_column("'pool'")
Index(None, predictions.c.app, predictions.c.seq, sqlite_where=asked_for, postgresql_where=asked_for)
Index(None, predictions.c.at, sqlite_where=for_nobody, postgresql_where=for_nobody)
Index(None, predictions.c.visitor, predictions.c.seq, sqlite_where=_known, postgresql_where=_known)
Index(None, predictions.c.shadow_of, sqlite_where=_shadow, postgresql_where=_shadow)
feedback = _table(
    "feedback",
    _id("id", unique=True),
    _id("prediction", "predictions.id"),
    _id("visitor", null=True),
    _word("idem"),
    _word("kind"),
    _json("value", null=True),
    _id("other_prediction", "predictions.id", null=True),
    _id("probe", null=True),
    _bytes("network"),  # of a word on what was made for nobody: the prediction has none
    UniqueConstraint("prediction", "idem"),
    Index(None, "prediction", "seq"),
    Index(None, "visitor"),
    Index(None, "kind", "seq"),
)
_compared = feedback.c.other_prediction.is_not(None)
Index(None, feedback.c.other_prediction, sqlite_where=_compared, postgresql_where=_compared)
consents = _table(
    "consents",
    _id("id", unique=True),
    _id("prediction", "predictions.id", null=True),
    _id("visitor", null=True),
    _json("purposes"),
    _bool("before"),  # said before the answer was known
    _word("text_version"),
    Column("withdraws", LargeBinary(16), ForeignKey("consents.id"), nullable=True, unique=True),
    Index(None, "visitor", "seq"),
    Index(None, "prediction"),
)
inputs = _table(
    "inputs",
    _id("id", unique=True),
    _id("prediction", "predictions.id"),
    _id("consent", "consents.id"),
    _word("field"),
    _digest("blob", null=True),
    _json("value", null=True),
    _bytes("near"),
    UniqueConstraint("prediction", "field"),
    Index(None, "blob"),
    Index(None, "consent"),
)
labels = _table(
    "labels",
    _id("id", unique=True),
    _word("app"),
    Column("prediction", LargeBinary(16), ForeignKey("predictions.id"), nullable=True, unique=True),
    _word("source"),  # maker | visitor | owner | import
    _json("inputs", null=True),  # {field: {"blob": digest} | value}; NULL when erased
    _json("truth", null=True),
    _id("consent", "consents.id", null=True),
    _id("visitor", null=True),
    _bytes("network"),
    _bytes("near"),
    _word("split"),  # train | test | gold | set_aside
    CheckConstraint("source <> 'visitor' OR consent IS NOT NULL", name="visitors_consent"),
    Index(None, "app", "seq"),
    Index(None, "consent"),
    Index(None, "visitor"),
    Index(None, "near"),
)
label_blobs = _table(
    "label_blobs", _id("label", "labels.id"), _digest("blob"), Index(None, "label"), Index(None, "blob")
)
reviews = _table(
    "reviews",
    _id("label", "labels.id"),
    _word("decision"),  # accept | set_aside | undo
    _json("truth", null=True),
    _word("by"),
    _text("reason"),
    Column("undoes", Seq, ForeignKey("reviews.seq"), nullable=True, unique=True),
    Index(None, "label", "seq"),
)
probes = _table("probes", _id("label", "labels.id"), _json("truth"))
taught = _table(  # what a visitor said in the teach round: of one picture once, and nobody can say it twice
    "taught",
    _id("label", "labels.id"),
    _id("visitor", null=True),
    _json("said", null=True),
    _bool("known"),  # whether the answer was known: then it says how the visitor stands, else what the picture shows
    UniqueConstraint("label", "visitor"),
    Index(None, "visitor"),
)
visitors = _table("visitors", Column("id", LargeBinary(16), nullable=True, unique=True), _json("standing", null=True))
erasures = _table("erasures", _word("kind"), _word("ref"), _text("reason"), UniqueConstraint("kind", "ref"))
pool = _table(
    "pool",
    _word("app"),
    _digest("release", "releases.id"),
    _int("seed"),
    _id("prediction", "predictions.id"),
    _digest("blob"),
    _real("score", null=True),  # how much the app itself likes it; None where it does not tell
    UniqueConstraint("release", "seed"),
    Index(None, "prediction"),
    Index(None, "blob"),
)
shares = _table(
    "shares",
    _word("token", unique=True),
    _id("prediction", "predictions.id"),
    _id("consent", "consents.id"),
    _digest("card", null=True),  # NULL: taken back, and the row stays because the owner hid it
    _int("hidden", null=True),  # since when the owner hides it
    _digest("picture", null=True),
    _digest("photo", null=True),
    Index(None, "prediction"),
    Index(None, "card"),
    Index(None, "picture"),
    Index(None, "photo"),
)
reports = _table(
    "reports",
    _id("prediction", "predictions.id", null=True),
    _word("kind"),
    _text("words"),
    _id("id", null=True),  # the receipt
    _word("share", null=True),  # its token: the share may go, the report stays
    _int("closed", null=True),  # when the owner was done with it
    Index(None, "prediction"),
)
drifts = _table(
    "drifts",
    _word("app"),
    _digest("release", "releases.id"),
    _word("what"),  # brightness, blur, side, confidence, familiarity, labels
    _json("numbers"),
    UniqueConstraint("release", "what"),
)

# What is asked of the house, and who may ask.
jobs = _table(
    "jobs",
    _id("id", unique=True),
    _word("kind"),
    _word("app", null=True),
    _json("args"),
    _word("by"),
    _word("idem", null=True, unique=True),
)
job_events = _table(
    "job_events", _id("job", "jobs.id"), _word("state"), _json("detail", null=True), Index(None, "job", "seq")
)
owners = _table("owners", _text("hash"))
sessions = _table("sessions", _id("id", unique=True), _digest("token_hash", unique=True), _int("expires"))
keys = _table(
    "keys", _id("id", unique=True), _word("role"), _json("rights"), _digest("hash", unique=True), _int("revoked", True)
)
pushes = _table("pushes", _id("id", unique=True), _digest("digest"), _word("state"), _json("detail", null=True))
tallies = _table(
    "tallies",
    _word("app"),
    _word("release"),
    _word("arm"),
    _int("hour"),
    _word("what"),
    _int("n"),
    _real("total"),
    UniqueConstraint("app", "hour", "what", "release", "arm"),
)
quotas = _table(
    "quotas", _word("day"), _word("subject"), _word("what"), _int("n"), UniqueConstraint("day", "subject", "what")
)
notices = _table(
    "notices",
    _word("kind"),  # rollback, disk, verdict, digest
    _word("ref"),
    _text("words"),
    _int("sent", null=True),  # when it went out; NULL: it waits
    UniqueConstraint("kind", "ref"),
)

# Money: no personal data in these three.
passes = _table(
    "passes",
    _id("id", unique=True),
    _digest("hash", unique=True),  # of its code
    _word("app"),  # whose answers it buys
    _bool("live"),  # with real money; what play money bought is good at a till of play money alone
    _int("balance"),
    CheckConstraint("balance >= 0", name="balance"),
)
ledger = _table(
    "ledger",
    _id("pass", "passes.id"),
    _int("n"),
    _word("debit"),
    _word("credit"),
    _int("amount"),
    _int("balance"),  # of the pass, with this entry
    _id("prediction", null=True),
    _word("order", null=True),
    _digest("previous"),
    _digest("digest"),
    UniqueConstraint("pass", "n"),
)
_ordered, _answered = ledger.c.order.is_not(None), ledger.c.prediction.is_not(None)
Index(None, ledger.c.prediction, sqlite_where=_answered, postgresql_where=_answered)
Index(None, ledger.c.order, sqlite_where=_ordered, postgresql_where=_ordered)
till_events = _table(
    "till_events",
    _word("provider_id", unique=True),
    _word("kind"),  # ordered, and what tills tell: see payments.till
    _word("order", null=True),
    _word("payment", null=True),  # the till's own name of it: what comes later names only this. Of an order: its pass
    _json("body"),
    Index(None, "order"),
    Index(None, "payment"),
)
