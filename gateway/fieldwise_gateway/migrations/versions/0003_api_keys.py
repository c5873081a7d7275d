"""API keys, of which only hashes are kept, and a number that tells every gateway that one of them changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("request_id", sa.String(64), nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("label", sa.String(128), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("reps", sa.Text, nullable=False),
        sa.Column("calls_per_second", sa.Float, nullable=False),
        sa.Column("burst", sa.Integer, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("created_micros", sa.BigInteger, nullable=False),
        sa.Column("expires_micros", sa.BigInteger),
        sa.Column("previous_digest", sa.String(64), nullable=False),
        sa.Column("previous_until_micros", sa.BigInteger),
        sa.Column("revoked_micros", sa.BigInteger),
        sa.Column("last_used_day", sa.String(10), nullable=False),
    )
    op.create_table(
        "api_keys_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO api_keys_state (id, version) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("api_keys_state")
    op.drop_table("api_keys")
