"""When a request id was first used, so that a repetition is answered with the times of the first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("requests", sa.Column("claimed_micros", sa.BigInteger, nullable=True))


def downgrade() -> None:
    op.drop_column("requests", "claimed_micros")
