"""Versions of tags, and reports on what tags are worth."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "tag_versions",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("expression", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("changed_at", _BIG, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "tag_reports",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("target", sa.SmallInteger, nullable=False),
        sa.Column("as_of", _BIG, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("tag_reports", "tag_versions"):
        op.drop_table(table)
