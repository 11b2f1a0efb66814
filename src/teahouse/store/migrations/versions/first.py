"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "first"
down_revision = None
branch_labels = None
depends_on = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ID, BYTES = sa.LargeBinary(16), sa.LargeBinary(32)
DIGEST, WORD, TEXT = sa.String(64), sa.String(200), sa.Text()
INT, REAL, BOOL = sa.BigInteger(), sa.Float(), sa.Boolean()
NULL = "null"


def upgrade() -> None:
    """Make them all."""
    _released()
    _given()
    _asked()


def _table(name: str, *parts: Any) -> None:
    columns = [sa.Column("seq", SEQ, nullable=False), sa.Column("at", INT, nullable=False)]
    columns += [sa.Column(*part[:2], nullable=part[2:] == (NULL,)) for part in parts if isinstance(part, tuple)]
    constraints = [part for part in parts if not isinstance(part, tuple)]
    op.create_table(name, *columns, sa.PrimaryKeyConstraint("seq", name=op.f(f"pk_{name}")), *constraints)


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _points(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, *columns: str, where: str = "") -> None:
    only = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)} if where else {}
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), **only)


def _released() -> None:
    """What is declared, released and trained."""
    _table(
        "apps",
        ("name", WORD),
        ("title", TEXT),
        ("declaration", TEXT),
        ("source", TEXT),
    )
    _index("apps", "name", "seq")
    _table(
        "dataset_versions",
        ("id", ID),
        ("app", WORD),
        ("digest", DIGEST),
        ("parent", ID, NULL),
        ("counts", TEXT),
        ("rows_blob", DIGEST),
        ("reviewed", INT),
        _unique("dataset_versions", "id"),
        _points("dataset_versions", "parent", "dataset_versions.id"),
    )
    _index("dataset_versions", "app", "seq")
    _table(
        "servings",
        ("host", WORD),
        ("web", WORD),
        ("app", WORD),
        ("release", DIGEST),
        ("form", WORD),
        ("state", WORD),
    )
    _index("servings", "web", "app", "release", "seq")
    _table(
        "runs",
        ("id", ID),
        ("app", WORD),
        ("version", ID),
        ("kind", WORD),
        ("code", DIGEST),
        ("commit", TEXT, NULL),
        ("job", ID, NULL),
        _unique("runs", "id"),
        _points("runs", "version", "dataset_versions.id"),
    )
    _index("runs", "app", "seq")
    _table(
        "releases",
        ("id", DIGEST),
        ("app", WORD),
        ("number", INT),
        ("run", ID, NULL),
        ("manifest", TEXT),
        ("signer", TEXT, NULL),
        ("state", WORD),
        _unique("releases", "app", "number"),
        _unique("releases", "id"),
        _points("releases", "run", "runs.id"),
    )
    _table(
        "run_events",
        ("run", ID),
        ("name", WORD),
        ("numbers", TEXT),
        _points("run_events", "run", "runs.id"),
    )
    _index("run_events", "run", "seq")
    _table(
        "forms",
        ("release", DIGEST),
        ("host", WORD),
        ("form", WORD),
        ("slots", INT),
        ("threads", INT),
        ("batch", INT),
        ("ms", REAL),
        ("flips", INT),
        _points("forms", "release", "releases.id"),
    )
    _index("forms", "release", "host")
    _table(
        "verdicts",
        ("id", ID),
        ("app", WORD),
        ("candidate", DIGEST),
        ("champion", DIGEST, NULL),
        ("version", ID),
        ("outcome", WORD),
        ("reasons", TEXT),
        ("numbers", TEXT),
        _unique("verdicts", "id"),
        _points("verdicts", "candidate", "releases.id"),
        _points("verdicts", "champion", "releases.id"),
        _points("verdicts", "version", "dataset_versions.id"),
    )
    _index("verdicts", "app", "seq")
    _index("verdicts", "candidate")
    _table(
        "rollouts",
        ("app", WORD),
        ("release", DIGEST),
        ("state", WORD),
        ("share", INT),
        ("pinned", BOOL),
        ("by", WORD),
        ("why", TEXT),
        ("verdict", ID, NULL),
        _points("rollouts", "release", "releases.id"),
        _points("rollouts", "verdict", "verdicts.id"),
    )
    _index("rollouts", "app", "release", "seq")


def _given() -> None:
    """What visitors gave and said."""
    _table(
        "erasures",
        ("kind", WORD),
        ("ref", WORD),
        ("reason", TEXT),
        _unique("erasures", "kind", "ref"),
    )
    _table(
        "visitors",
        ("id", ID, NULL),
        ("standing", TEXT, NULL),
        _unique("visitors", "id"),
    )
    _table(
        "predictions",
        ("id", ID),
        ("app", WORD),
        ("release", DIGEST),
        ("form", WORD),
        ("arm", WORD),
        ("shadow_of", ID, NULL),
        ("visitor", ID, NULL),
        ("network", BYTES, NULL),
        ("key", WORD, NULL),
        ("given", BYTES, NULL),
        ("seed", INT, NULL),
        ("output", TEXT, NULL),
        ("held", BOOL),
        ("cached", BOOL),
        ("ms", REAL),
        _unique("predictions", "app", "key"),
        _unique("predictions", "id"),
        _points("predictions", "release", "releases.id"),
        _points("predictions", "shadow_of", "predictions.id"),
    )
    _index("predictions", "app", "seq")
    _index("predictions", "shadow_of", where="shadow_of IS NOT NULL")
    _index("predictions", "visitor", "seq", where="visitor IS NOT NULL")
    _table(
        "consents",
        ("id", ID),
        ("prediction", ID, NULL),
        ("visitor", ID, NULL),
        ("purposes", TEXT),
        ("before", BOOL),
        ("text_version", WORD),
        ("withdraws", ID, NULL),
        _unique("consents", "id"),
        _points("consents", "prediction", "predictions.id"),
        _unique("consents", "withdraws"),
        _points("consents", "withdraws", "consents.id"),
    )
    _index("consents", "prediction")
    _index("consents", "visitor", "seq")
    _table(
        "feedback",
        ("id", ID),
        ("prediction", ID),
        ("visitor", ID, NULL),
        ("idem", WORD),
        ("kind", WORD),
        ("value", TEXT, NULL),
        ("other_prediction", ID, NULL),
        ("probe", ID, NULL),
        _unique("feedback", "prediction", "idem"),
        _unique("feedback", "id"),
        _points("feedback", "prediction", "predictions.id"),
        _points("feedback", "other_prediction", "predictions.id"),
    )
    _index("feedback", "prediction", "seq")
    _index("feedback", "visitor")
    _table(
        "pool",
        ("app", WORD),
        ("release", DIGEST),
        ("seed", INT),
        ("prediction", ID),
        ("blob", DIGEST),
        _unique("pool", "release", "seed"),
        _points("pool", "release", "releases.id"),
        _points("pool", "prediction", "predictions.id"),
    )
    _table(
        "reports",
        ("prediction", ID, NULL),
        ("kind", WORD),
        ("words", TEXT),
        _points("reports", "prediction", "predictions.id"),
    )
    _table(
        "inputs",
        ("id", ID),
        ("prediction", ID),
        ("consent", ID),
        ("field", WORD),
        ("blob", DIGEST, NULL),
        ("value", TEXT, NULL),
        ("near", BYTES, NULL),
        _unique("inputs", "prediction", "field"),
        _unique("inputs", "id"),
        _points("inputs", "prediction", "predictions.id"),
        _points("inputs", "consent", "consents.id"),
    )
    _index("inputs", "blob")
    _index("inputs", "consent")
    _table(
        "labels",
        ("id", ID),
        ("app", WORD),
        ("prediction", ID, NULL),
        ("source", WORD),
        ("inputs", TEXT, NULL),
        ("truth", TEXT, NULL),
        ("consent", ID, NULL),
        ("visitor", ID, NULL),
        ("network", BYTES, NULL),
        ("near", BYTES, NULL),
        ("split", WORD),
        sa.CheckConstraint("source <> 'visitor' OR consent IS NOT NULL", name=op.f("ck_labels_visitors_consent")),
        _unique("labels", "id"),
        _unique("labels", "prediction"),
        _points("labels", "prediction", "predictions.id"),
        _points("labels", "consent", "consents.id"),
    )
    _index("labels", "app", "seq")
    _index("labels", "consent")
    _index("labels", "near")
    _index("labels", "visitor")
    _table(
        "shares",
        ("token", WORD),
        ("prediction", ID),
        ("consent", ID),
        ("card", DIGEST, NULL),
        ("hidden", INT, NULL),
        _unique("shares", "token"),
        _points("shares", "prediction", "predictions.id"),
        _points("shares", "consent", "consents.id"),
    )
    _index("shares", "prediction")
    _table(
        "probes",
        ("label", ID),
        ("truth", TEXT),
        _points("probes", "label", "labels.id"),
    )
    _table(
        "reviews",
        ("label", ID),
        ("decision", WORD),
        ("truth", TEXT, NULL),
        ("by", WORD),
        ("reason", TEXT),
        ("undoes", SEQ, NULL),
        _points("reviews", "label", "labels.id"),
        _unique("reviews", "undoes"),
        _points("reviews", "undoes", "reviews.seq"),
    )
    _index("reviews", "label", "seq")


def _asked() -> None:
    """What is asked of the house, who may ask, and money."""
    _table(
        "jobs",
        ("id", ID),
        ("kind", WORD),
        ("app", WORD, NULL),
        ("args", TEXT),
        ("by", WORD),
        ("idem", WORD, NULL),
        _unique("jobs", "id"),
        _unique("jobs", "idem"),
    )
    _table(
        "keys",
        ("id", ID),
        ("role", WORD),
        ("rights", TEXT),
        ("hash", DIGEST),
        ("revoked", INT, NULL),
        _unique("keys", "id"),
        _unique("keys", "hash"),
    )
    _table(
        "owners",
        ("hash", TEXT),
    )
    _table(
        "passes",
        ("id", ID),
        ("hash", DIGEST),
        ("balance", INT),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_passes_balance")),
        _unique("passes", "id"),
        _unique("passes", "hash"),
    )
    _table(
        "pushes",
        ("id", ID),
        ("digest", DIGEST),
        ("state", WORD),
        ("detail", TEXT, NULL),
        _unique("pushes", "id"),
    )
    _table(
        "quotas",
        ("day", WORD),
        ("subject", WORD),
        ("what", WORD),
        ("n", INT),
        _unique("quotas", "day", "subject", "what"),
    )
    _table(
        "sessions",
        ("id", ID),
        ("token_hash", DIGEST),
        ("expires", INT),
        _unique("sessions", "id"),
        _unique("sessions", "token_hash"),
    )
    _table(
        "tallies",
        ("app", WORD),
        ("release", WORD),
        ("arm", WORD),
        ("hour", INT),
        ("what", WORD),
        ("n", INT),
        ("total", REAL),
        _unique("tallies", "app", "hour", "what", "release", "arm"),
    )
    _table(
        "till_events",
        ("provider_id", WORD),
        ("kind", WORD),
        ("body", TEXT),
        _unique("till_events", "provider_id"),
    )
    _table(
        "job_events",
        ("job", ID),
        ("state", WORD),
        ("detail", TEXT, NULL),
        _points("job_events", "job", "jobs.id"),
    )
    _index("job_events", "job", "seq")
    _table(
        "ledger",
        ("pass", ID),
        ("n", INT),
        ("debit", WORD),
        ("credit", WORD),
        ("amount", INT),
        ("prediction", ID, NULL),
        ("previous", DIGEST, NULL),
        ("digest", DIGEST),
        _unique("ledger", "pass", "n"),
        _points("ledger", "pass", "passes.id"),
    )
