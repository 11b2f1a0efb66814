"""The form that an app's owner wants it to run in."""

import sqlalchemy as sa
from alembic import op

revision = "fifth"
down_revision = "fourth"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it to the steps of rollouts, where pins are."""
    op.add_column("rollouts", sa.Column("form", sa.String(200), nullable=True))
