"""What pictures need: the pool's scores, the network of a word on what was made for nobody, what a share shows."""

import sqlalchemy as sa
from alembic import op

revision = "second"
down_revision = "first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("pool", sa.Column("score", sa.Float(), nullable=True))
    op.add_column("feedback", sa.Column("network", sa.LargeBinary(32), nullable=True))
    op.create_index(op.f("ix_feedback_kind_seq"), "feedback", ["kind", "seq"])
    op.add_column("shares", sa.Column("picture", sa.String(64), nullable=True))
    op.add_column("shares", sa.Column("photo", sa.String(64), nullable=True))
    op.add_column("reports", sa.Column("id", sa.LargeBinary(16), nullable=True))
    op.add_column("reports", sa.Column("share", sa.String(200), nullable=True))
    op.add_column("reports", sa.Column("closed", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_pool_prediction"), "pool", ["prediction"])
    op.drop_index(op.f("ix_predictions_app_seq"), "predictions")
    asked_for = sa.text("arm != 'pool'")
    op.create_index(
        op.f("ix_predictions_app_seq"),
        "predictions",
        ["app", "seq"],
        sqlite_where=asked_for,
        postgresql_where=asked_for,
    )
