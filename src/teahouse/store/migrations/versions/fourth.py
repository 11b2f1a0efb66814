"""What a rollout's step knew, how a photo looks, what drifted away from the training, and what the owner is told."""

import sqlalchemy as sa
from alembic import op

revision = "fourth"
down_revision = "third"
branch_labels = None
depends_on = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what that takes."""
    op.add_column("rollouts", sa.Column("numbers", sa.Text(), nullable=True))
    op.add_column("predictions", sa.Column("look", sa.Text(), nullable=True))
    op.create_table(
        "drifts",
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("app", sa.String(200), nullable=False),
        sa.Column("release", sa.String(64), nullable=False),
        sa.Column("what", sa.String(200), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_drifts")),
        sa.UniqueConstraint("release", "what", name=op.f("uq_drifts_release_what")),
        sa.ForeignKeyConstraint(["release"], ["releases.id"], name=op.f("fk_drifts_release")),
    )
    op.create_table(
        "notices",
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(200), nullable=False),
        sa.Column("ref", sa.String(200), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_notices")),
        sa.UniqueConstraint("kind", "ref", name=op.f("uq_notices_kind_ref")),
    )
    op.create_table(
        "taught",
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.LargeBinary(16), nullable=False),
        sa.Column("visitor", sa.LargeBinary(16), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_taught")),
        sa.UniqueConstraint("label", "visitor", name=op.f("uq_taught_label_visitor")),
        sa.ForeignKeyConstraint(["label"], ["labels.id"], name=op.f("fk_taught_label")),
    )
    op.create_index(op.f("ix_taught_visitor"), "taught", ["visitor"])
