"""The tables of profile; knows no statement."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.event import Kind

METADATA: Final = sa.MetaData()
# Names are paged through in this order; PostgreSQL's own depends on the machine's language.
NAME: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# The truth, append-only. `sequence` is the order in which events became durable; it has gaps where duplicates stood.
events: Final = sa.Table(
    "events",
    METADATA,
    # On SQLite an INTEGER primary key is the row's own address: the cheapest order there is.
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("customer", NAME, nullable=False),
    sa.Column("event_time", sa.BigInteger, nullable=False),
    sa.Column("known_at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("product", sa.Text),
    sa.Column("category", sa.Text),
    sa.Column("quantity", sa.BigInteger),
    sa.Column("amount", sa.BigInteger),
    sa.Column("discount", sa.BigInteger),
    sa.Column("basket", sa.Text),
    sa.Column("campaign", sa.Text),
    sa.Column("coupon", sa.Text),
    sa.Column("channel", sa.Text),
    sa.Column("rep", sa.Text),
    sa.Column("decision", sa.Text),
    sa.Column("outcome", sa.SmallInteger),
    sa.Column("reporter", sa.Text),
    sa.Column("target", sa.Text),
    sa.Column("measure", sa.BigInteger),
    sa.Column("stage", sa.SmallInteger),
    sa.Column("flags", sa.SmallInteger),
    sa.Column("details", sa.Text),
    sa.Column("personal", sa.LargeBinary),
)  # fmt: skip
sa.Index("events_once", events.c.source, events.c.event_id, unique=True)
sa.Index("events_of_customer", events.c.customer, events.c.sequence)
# For what happened lately with all customers.
sa.Index("events_by_time", events.c.event_time)
_is_outcome = events.c.kind == sa.literal_column(str(int(Kind.OUTCOME)))
sa.Index("outcome_events", events.c.sequence, sqlite_where=_is_outcome, postgresql_where=_is_outcome)

# Every customer, with a checkpoint of his fold: `state` holds his events up to `position`; later ones are folded on reading.
profiles: Final = sa.Table(
    "profiles",
    METADATA,
    sa.Column("customer", NAME, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("state", sa.LargeBinary),
    # Business time of his erasure, microseconds; his name stays, so that late events are refused and not taken for a new customer.
    sa.Column("erased_at", sa.BigInteger),
)

_is_erased = profiles.c.erased_at.is_not(None)
sa.Index("erased_profiles", profiles.c.customer, sqlite_where=_is_erased, postgresql_where=_is_erased)

# Changes that are no events: merges and what undoes them, erasures. Their sequences come from the same log.
changes: Final = sa.Table(
    "changes",
    METADATA,
    sa.Column(
        "sequence",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("customer", NAME, nullable=False),
    # A ChangeKind of the contract.
    sa.Column("kind", sa.SmallInteger, nullable=False),
)

# One row: the last sequence given out. Its lock makes the order of sequences the order of commits.
log: Final = sa.Table(
    "log",
    METADATA,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
)

# The columns of `core.event.Event`, in its order.
EVENT_COLUMNS: Final = tuple(column.name for column in events.columns if column.name != "sequence")
