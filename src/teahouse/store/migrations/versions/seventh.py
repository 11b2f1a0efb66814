"""With how many threads a form runs what has the machine to itself."""

import sqlalchemy as sa
from alembic import op

revision = "seventh"
down_revision = "sixth"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it to what is timed."""
    op.add_column("forms", sa.Column("alone", sa.BigInteger(), nullable=True))
