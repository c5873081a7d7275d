"""Drafts of actions, and which catalogue was put in force when, by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalogue_drafts",
        sa.Column("subject", sa.String(80), primary_key=True),
        sa.Column("change", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("authors", sa.Text, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("base_version", sa.String(12), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
    )
    op.create_table(
        "catalogue_releases",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.String(12), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("changes", sa.Text, nullable=False),
        sa.Column("released_at", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.String(128), nullable=True, unique=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    for table in ("catalogue_releases", "catalogue_drafts"):
        op.drop_table(table)
