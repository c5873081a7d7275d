"""Decisions, price sets, catalogues, reservations and outcomes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("request_id", sa.String(128), nullable=False, unique=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("decision_time", sa.BigInteger, nullable=False),
        sa.Column("catalogue_version", sa.String(12), nullable=False),
        sa.Column("chosen_action", sa.Text, nullable=False),
        sa.Column("price_key", sa.String(32), nullable=False),
        sa.Column("inputs", sa.LargeBinary, nullable=False),
        sa.Column("decision", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "price_sets",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "catalogues",
        sa.Column("version", sa.String(12), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "reservations",
        sa.Column("period", sa.Text, primary_key=True),
        sa.Column("customer", sa.Text, primary_key=True),
        sa.Column("action", sa.Text, primary_key=True),
        sa.Column("uses", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outcomes",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("event_id", sa.String(128), primary_key=True),
        sa.Column("decision", sa.String(64), nullable=False, index=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("event_time", sa.BigInteger, nullable=False),
        sa.Column("amount_micros", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    for table in ("outcomes", "reservations", "catalogues", "price_sets", "decisions"):
        op.drop_table(table)
