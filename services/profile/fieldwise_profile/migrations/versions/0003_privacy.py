"""Customers' keys, consents, dead letters, schemas of custom events, erasures, uses of fields, the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BIG = sa.BigInteger()
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_ADDRESS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "customer_keys",
        sa.Column("customer", _NAME, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_index("customer_keys_by_version", "customer_keys", ["version", "customer"])
    op.create_table(
        "consents",
        sa.Column("customer", _NAME, primary_key=True),
        sa.Column("subject", sa.String(16), primary_key=True),
        sa.Column("event_time", _BIG, nullable=False),
        sa.Column("withdrawn", sa.SmallInteger, nullable=False),
    )
    _dead_letters()
    op.create_table(
        "event_schemas",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("created_at", _BIG, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("request_id", sa.String(128), primary_key=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("erased_at", _BIG, nullable=False),
        sa.Column("scrubbed_at", _BIG),
        sa.Column("parts", sa.Text, nullable=False),
    )
    op.create_index("erasures_of_customer", "erasures", ["name"])
    op.create_table(
        "field_uses",
        sa.Column("field", sa.String(160), primary_key=True),
        sa.Column("purpose", sa.String(16), primary_key=True),
        sa.Column("last_read_at", _BIG, nullable=False),
    )
    _audit()


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("received_at", _BIG, nullable=False),
        sa.Column("last_received_at", _BIG, nullable=False),
        sa.Column("times", _BIG, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("event_id", sa.Text),
        sa.Column("customer", _NAME),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("dead_letters_by_time", "dead_letters", ["received_at", "id"])
    op.create_index("dead_letters_of_customer", "dead_letters", ["customer"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
        sa.Column("at", _BIG, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
    )
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", _BIG, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "sequence": 0, "link": bytes(32), "signature": b""}])


def downgrade() -> None:
    for table in (
        "audit_head",
        "audit",
        "field_uses",
        "erasures",
        "event_schemas",
        "dead_letters",
        "consents",
        "customer_keys",
    ):
        op.drop_table(table)
