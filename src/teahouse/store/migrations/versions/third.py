"""What can be looked up: which blobs a label names, who else names one, and what was made that nobody knows of."""

import json

import sqlalchemy as sa
from alembic import op

revision = "third"
down_revision = "second"
branch_labels = None
depends_on = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ROWS = 1000  # in memory at once
NAMES = {"label_blobs": ("label", "blob"), "dataset_versions": ("rows_blob",), "pool": ("blob",),
         "shares": ("card", "picture", "photo"), "reports": ("prediction",)}  # fmt: skip
SOME = (("predictions", "at", "arm = 'pool'"), ("feedback", "other_prediction", "other_prediction IS NOT NULL"))


def upgrade() -> None:
    """Add what that takes, and note the blobs of the labels that are there."""
    made = op.create_table(
        "label_blobs",
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.LargeBinary(16), nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_label_blobs")),
        sa.ForeignKeyConstraint(["label"], ["labels.id"], name=op.f("fk_label_blobs_label")),
    )
    for table, columns in NAMES.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    for table, column, where in SOME:
        only = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], **only)
    kept = op.get_bind().execute(sa.text("SELECT at, id, inputs FROM labels WHERE inputs IS NOT NULL"))
    for some in kept.partitions(ROWS):
        rows = [{"at": at, "label": label, "blob": blob} for at, label, inputs in some for blob in blobs_in(inputs)]
        if rows:
            op.bulk_insert(made, rows)


def blobs_in(inputs: str) -> set[str]:
    """The digests in a label's inputs."""
    return {one["blob"] for one in json.loads(inputs).values() if isinstance(one, dict) and "blob" in one}
