"""Browsing, conversations, consents and personal records as events; changes that are no events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger()
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_ADDRESS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NEW: dict[str, Any] = {
    "target": sa.Text(),
    "measure": _BIG,
    "stage": sa.SmallInteger(),
    "flags": sa.SmallInteger(),
    "details": sa.Text(),
    "personal": sa.LargeBinary(),
}


def upgrade() -> None:
    for name, kind in _NEW.items():
        op.add_column("events", sa.Column(name, kind))
    op.add_column("profiles", sa.Column("erased_at", _BIG))
    erased = sa.text("erased_at IS NOT NULL")
    op.create_index("erased_profiles", "profiles", ["customer"], sqlite_where=erased, postgresql_where=erased)
    op.create_table(
        "changes",
        sa.Column("sequence", _ROW_ADDRESS, primary_key=True, autoincrement=False),
        sa.Column("customer", _NAME, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("changes")
    op.drop_index("erased_profiles")
    op.drop_column("profiles", "erased_at")
    for name in _NEW:
        op.drop_column("events", name)
