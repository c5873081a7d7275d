"""Fitted segments and lifecycle reports; knows only the tables as they were at this revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "segment_fits",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("statics", sa.Text, nullable=False),
    )
    op.create_table(
        "lifecycle_reports",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("report", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("lifecycle_reports", "segment_fits"):
        op.drop_table(table)
