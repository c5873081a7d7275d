"""Who is who: links, reviews, records and their keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BIG = sa.BigInteger()
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_ADDRESS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "identity_links",
        sa.Column("id", _ROW_ADDRESS, primary_key=True, autoincrement=False),
        sa.Column("a", _NAME, nullable=False),
        sa.Column("b", _NAME, nullable=False),
        sa.Column("rank_a", _BIG, nullable=False),
        sa.Column("rank_b", _BIG, nullable=False),
        sa.Column("weight", sa.Float(53), nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("valid_from", _BIG, nullable=False),
        sa.Column("revoked_at", _BIG),
        sa.Column("revoked_by", sa.Text),
        sa.Column("changed", _BIG, nullable=False),
    )
    op.create_index("identity_links_of_a", "identity_links", ["a"])
    op.create_index("identity_links_of_b", "identity_links", ["b"])
    op.create_index("identity_links_changed", "identity_links", ["changed"])
    op.create_table(
        "identity_reviews",
        sa.Column("id", _ROW_ADDRESS, primary_key=True, autoincrement=False),
        sa.Column("a", _NAME, nullable=False),
        sa.Column("b", _NAME, nullable=False),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("decided_at", _BIG),
        sa.Column("decided_by", sa.Text),
    )
    op.create_index("identity_reviews_once", "identity_reviews", ["a", "b"], unique=True)
    op.create_index("identity_reviews_of_b", "identity_reviews", ["b"])
    op.create_index("identity_reviews_by_state", "identity_reviews", ["state", "id"])
    op.create_table(
        "identity_records",
        sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
        sa.Column("customer", _NAME, nullable=False),
    )
    op.create_index("identity_records_of_customer", "identity_records", ["customer", "sequence"])
    op.create_table(
        "identity_keys",
        sa.Column("key", _BIG, primary_key=True, autoincrement=False),
        sa.Column("customer", _NAME, primary_key=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("identity_keys_of_customer", "identity_keys", ["customer"])
    op.create_table(
        "identity_waiting",
        sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
        sa.Column("customer", _NAME, nullable=False),
        sa.Column("at", _BIG, nullable=False),
    )
    op.create_index("identity_waiting_of_customer", "identity_waiting", ["customer"])


def downgrade() -> None:
    for table in (
        "identity_waiting",
        "identity_keys",
        "identity_records",
        "identity_reviews",
        "identity_links",
    ):
        op.drop_table(table)
