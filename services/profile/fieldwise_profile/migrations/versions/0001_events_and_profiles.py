"""Events, profiles and the log's position; knows only the tables as they were at this revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger()
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_ADDRESS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("customer", _NAME, nullable=False),
        sa.Column("event_time", _BIG, nullable=False),
        sa.Column("known_at", _BIG, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("product", sa.Text),
        sa.Column("category", sa.Text),
        sa.Column("quantity", _BIG),
        sa.Column("amount", _BIG),
        sa.Column("discount", _BIG),
        sa.Column("basket", sa.Text),
        sa.Column("campaign", sa.Text),
        sa.Column("coupon", sa.Text),
        sa.Column("channel", sa.Text),
        sa.Column("rep", sa.Text),
        sa.Column("decision", sa.Text),
        sa.Column("outcome", sa.SmallInteger),
        sa.Column("reporter", sa.Text),
    )
    op.create_index("events_once", "events", ["source", "event_id"], unique=True)
    op.create_index("events_of_customer", "events", ["customer", "sequence"])
    op.create_index("events_by_time", "events", ["event_time"])
    outcomes = sa.text("kind = 5")
    op.create_index(
        "outcome_events", "events", ["sequence"], sqlite_where=outcomes, postgresql_where=outcomes
    )
    op.create_table(
        "profiles",
        sa.Column("customer", _NAME, primary_key=True),
        sa.Column("position", _BIG, nullable=False, server_default="0"),
        sa.Column("state", sa.LargeBinary),
    )
    log = op.create_table(
        "log",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("customers", _BIG, nullable=False),
    )
    op.bulk_insert(log, [{"id": 1, "position": 0, "customers": 0}])


def downgrade() -> None:
    for table in ("log", "profiles", "events"):
        op.drop_table(table)
