"""Contacts that were decided, the policies about them, and what was spent when prices began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("decision", sa.String(64), primary_key=True),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("by_rep", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "contact_policies",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "pacing_openings",
        sa.Column("period", sa.Text, primary_key=True),
        sa.Column("price_key", sa.String(32), primary_key=True),
        sa.Column("moment", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("pacing_openings", "contact_policies", "contacts"):
        op.drop_table(table)
