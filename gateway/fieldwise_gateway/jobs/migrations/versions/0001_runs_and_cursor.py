"""Runs of jobs, their operations, and how far outcomes were carried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fieldwise_runtime.operations import create_operations

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_operations(op)
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job", sa.String(32), nullable=False),
        sa.Column("run", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("position", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("cursors")
    op.drop_table("runs")
    op.drop_table("operations")
