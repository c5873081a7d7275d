"""The tables of identity; knows no statement."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from fieldwise_profile.store.schema import METADATA, NAME

_ROW_ADDRESS: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Customers said to be one person. A row is never deleted but by an erasure; revoking it is what un-merging is.
identity_links: Final = sa.Table(
    "identity_links",
    METADATA,
    # The sequence of the log at which it was made.
    sa.Column("id", _ROW_ADDRESS, primary_key=True, autoincrement=False),
    sa.Column("a", NAME, nullable=False),
    sa.Column("b", NAME, nullable=False),
    # Sequences of their first events: the lowest of a person gives him his name.
    sa.Column("rank_a", sa.BigInteger, nullable=False),
    sa.Column("rank_b", sa.BigInteger, nullable=False),
    sa.Column("weight", sa.Float(53), nullable=False),
    # A LinkSource of the contract.
    sa.Column("source", sa.SmallInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("valid_from", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("revoked_by", sa.Text),
    # The sequence of its last change: what another process follows.
    sa.Column("changed", sa.BigInteger, nullable=False),
)
sa.Index("identity_links_of_a", identity_links.c.a)
sa.Index("identity_links_of_b", identity_links.c.b)
sa.Index("identity_links_changed", identity_links.c.changed)

# Pairs that a person decides on, and pairs that were decided; `a` is before `b` by name.
identity_reviews: Final = sa.Table(
    "identity_reviews",
    METADATA,
    sa.Column("id", _ROW_ADDRESS, primary_key=True, autoincrement=False),
    sa.Column("a", NAME, nullable=False),
    sa.Column("b", NAME, nullable=False),
    sa.Column("probability", sa.Float(53), nullable=False),
    # Codes, one space between two.
    sa.Column("reasons", sa.Text, nullable=False),
    # A ReviewState of the contract.
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("decided_at", sa.BigInteger),
    sa.Column("decided_by", sa.Text),
)
sa.Index("identity_reviews_once", identity_reviews.c.a, identity_reviews.c.b, unique=True)
sa.Index("identity_reviews_of_b", identity_reviews.c.b)
sa.Index("identity_reviews_by_state", identity_reviews.c.state, identity_reviews.c.id)

# Where each customer's records stand in the log.
identity_records: Final = sa.Table(
    "identity_records",
    METADATA,
    sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
    sa.Column("customer", NAME, nullable=False),
)
sa.Index("identity_records_of_customer", identity_records.c.customer, identity_records.c.sequence)

# Keys two records of one person probably share, and values whose frequency counts: 64 bits of their keyed digests.
identity_keys: Final = sa.Table(
    "identity_keys",
    METADATA,
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("customer", NAME, primary_key=True),
    # 0: a key; else 1 and the number of the field whose value it is.
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("identity_keys_of_customer", identity_keys.c.customer)

# Records that were not looked up yet; written with the event, deleted with what came of it.
identity_waiting: Final = sa.Table(
    "identity_waiting",
    METADATA,
    sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
    sa.Column("customer", NAME, nullable=False),
    # Business time at which the record was known.
    sa.Column("at", sa.BigInteger, nullable=False),
)
sa.Index("identity_waiting_of_customer", identity_waiting.c.customer)
