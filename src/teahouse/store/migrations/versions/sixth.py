"""The tables of money as they are used: whose answers a pass buys, which order an entry and an event belong to."""

import sqlalchemy as sa
from alembic import op

revision = "sixth"
down_revision = "fifth"
branch_labels = None
depends_on = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INT, WORD, DIGEST, ID, TEXT = sa.BigInteger(), sa.String(200), sa.String(64), sa.LargeBinary(16), sa.Text()


def upgrade() -> None:
    """Make them anew: until now nothing wrote to them."""
    for table in ("ledger", "passes", "till_events"):
        op.drop_table(table)
    _table(
        "passes",
        sa.Column("id", ID, nullable=False),
        sa.Column("hash", DIGEST, nullable=False),
        sa.Column("app", WORD, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("balance", INT, nullable=False),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_passes_balance")),
        sa.UniqueConstraint("id", name=op.f("uq_passes_id")),
        sa.UniqueConstraint("hash", name=op.f("uq_passes_hash")),
    )
    _table(
        "ledger",
        sa.Column("pass", ID, nullable=False),
        sa.Column("n", INT, nullable=False),
        sa.Column("debit", WORD, nullable=False),
        sa.Column("credit", WORD, nullable=False),
        sa.Column("amount", INT, nullable=False),
        sa.Column("balance", INT, nullable=False),
        sa.Column("prediction", ID, nullable=True),
        sa.Column("order", WORD, nullable=True),
        sa.Column("previous", DIGEST, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.UniqueConstraint("pass", "n", name=op.f("uq_ledger_pass_n")),
        sa.ForeignKeyConstraint(["pass"], ["passes.id"], name=op.f("fk_ledger_pass")),
    )
    for name in ("prediction", "order"):
        there = sa.text(f'"{name}" IS NOT NULL' if name == "order" else f"{name} IS NOT NULL")
        only = {"sqlite_where": there, "postgresql_where": there}
        op.create_index(op.f(f"ix_ledger_{name}"), "ledger", [name], **only)
    _table(
        "till_events",
        sa.Column("provider_id", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("order", WORD, nullable=True),
        sa.Column("payment", WORD, nullable=True),
        sa.Column("body", TEXT, nullable=False),
        sa.UniqueConstraint("provider_id", name=op.f("uq_till_events_provider_id")),
    )
    op.create_index(op.f("ix_till_events_order"), "till_events", ["order"])
    op.create_index(op.f("ix_till_events_payment"), "till_events", ["payment"])


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
    columns = sa.Column("seq", SEQ, nullable=False), sa.Column("at", INT, nullable=False)
    op.create_table(name, *columns, sa.PrimaryKeyConstraint("seq", name=op.f(f"pk_{name}")), *parts)
