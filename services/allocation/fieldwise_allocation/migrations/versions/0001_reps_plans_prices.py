"""Reps, plans, assignments in force, budgets, price sets, answered requests, operations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fieldwise_runtime.operations import create_operations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reps",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("display_name", sa.String(128), nullable=False),
        sa.Column("hours", sa.Float, nullable=False),
        sa.Column("latitude", sa.Float, nullable=True),
        sa.Column("longitude", sa.Float, nullable=True),
        sa.Column("skills", sa.JSON, nullable=False),
    )
    op.create_table(
        "plans",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "assignments",
        sa.Column("account", sa.String(128), primary_key=True),
        sa.Column("rep", sa.String(128), nullable=False, index=True),
    )
    op.create_table(
        "budgets",
        sa.Column("resource", sa.String(128), primary_key=True),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("capacity", sa.Float, nullable=False),
    )
    op.create_table(
        "price_sets",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("valid_until", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "answered_requests",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "state",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("value", sa.String(128), nullable=False),
    )
    create_operations(op)
