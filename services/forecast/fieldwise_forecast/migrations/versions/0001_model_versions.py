"""Versions of models, rollbacks already done, long-running operations."""

import sqlalchemy as sa
from alembic import op

from fieldwise_runtime.operations import create_operations

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "model_versions",
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("train_micros", sa.BigInteger, nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("checksum", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("refusal", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.UniqueConstraint("model", "number", name="model_versions_by_number"),
    )
    for role in ("champion", "previous"):
        # The database itself refuses a second champion, whatever program writes.
        only = sa.text(f"role = '{role}'")
        op.create_index(
            f"one_{role}", "model_versions", ["model"], unique=True, sqlite_where=only, postgresql_where=only
        )
    op.create_table(
        "rollbacks",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
    )
    create_operations(op)
