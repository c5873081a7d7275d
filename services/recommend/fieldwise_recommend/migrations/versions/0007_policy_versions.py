"""Learned policies, which of them is in force, and the work that learns them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fieldwise_runtime.operations import create_operations

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_operations(op)
    op.create_table(
        "policy_versions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("effects", sa.Text, nullable=False),
    )
    op.create_table(
        "policy_releases",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("released_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("policy_releases", "policy_versions", "operations"):
        op.drop_table(table)
