"""The tables of keys, consents, dead letters, schemas, erasures, uses and audit; knows no statement."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from fieldwise_profile.store.schema import METADATA, NAME

_ROW_ADDRESS: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# A customer's own key, wrapped. Deleting the row makes everything sealed with it unreadable.
customer_keys: Final = sa.Table(
    "customer_keys",
    METADATA,
    sa.Column("customer", NAME, primary_key=True),
    # Version of the wrapping key.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)
sa.Index("customer_keys_by_version", customer_keys.c.version, customer_keys.c.customer)

# What each customer said last of each subject: a fold of the consent events, kept in their transaction so that reads over all
# customers need not fold anybody.
consents: Final = sa.Table(
    "consents",
    METADATA,
    sa.Column("customer", NAME, primary_key=True),
    # `DECISION`, `TRAINING` or a channel.
    sa.Column("subject", sa.String(16), primary_key=True),
    sa.Column("event_time", sa.BigInteger, nullable=False),
    # 1: withdrawn.
    sa.Column("withdrawn", sa.SmallInteger, nullable=False),
)

# Events that were refused, each with every reason, sealed: a reason repeats what was sent.
dead_letters: Final = sa.Table(
    "dead_letters",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    # Business time of the batch; of the first, when it came several times.
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("last_received_at", sa.BigInteger, nullable=False),
    sa.Column("times", sa.BigInteger, nullable=False),
    # As sent where they are well-formed, else NULL.
    sa.Column("source", sa.Text),
    sa.Column("event_id", sa.Text),
    sa.Column("customer", NAME),
    sa.Column("kind", sa.String(32), nullable=False),
    # JSON: the fields that were wrong, without their values.
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
sa.Index("dead_letters_by_time", dead_letters.c.received_at, dead_letters.c.id)
sa.Index("dead_letters_of_customer", dead_letters.c.customer)

# Schemas of custom events; a version never changes.
event_schemas: Final = sa.Table(
    "event_schemas",
    METADATA,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

# Erasures, each with its receipt. `scrubbed_at` is NULL while the file or table may still hold the deleted bytes.
erasures: Final = sa.Table(
    "erasures",
    METADATA,
    sa.Column("request_id", sa.String(128), primary_key=True),
    sa.Column("name", NAME, nullable=False),
    sa.Column("erased_at", sa.BigInteger, nullable=False),
    sa.Column("scrubbed_at", sa.BigInteger),
    # JSON: what was destroyed where, in this service and, as they confirm it, elsewhere.
    sa.Column("parts", sa.Text, nullable=False),
)
sa.Index("erasures_of_customer", erasures.c.name)

# When each field was last read for each purpose.
field_uses: Final = sa.Table(
    "field_uses",
    METADATA,
    sa.Column("field", sa.String(160), primary_key=True),
    sa.Column("purpose", sa.String(16), primary_key=True),
    sa.Column("last_read_at", sa.BigInteger, nullable=False),
)

# Who did what with personal data; each row's link is a digest over the link before it and the row.
audit: Final = sa.Table(
    "audit",
    METADATA,
    sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    # A keyed pseudonym whose key goes with the customer's; empty for what concerns nobody.
    sa.Column("subject", sa.String(32), nullable=False),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("link", sa.LargeBinary, nullable=False),
)
# One row: the end of the chain, signed.
audit_head: Final = sa.Table(
    "audit_head",
    METADATA,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("link", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)
