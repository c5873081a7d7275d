"""What customers are called in traces: a random number beside a hash of the name, gone with his erasure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "pseudonyms",
        sa.Column("customer", sa.LargeBinary(16), primary_key=True),
        sa.Column("pseudonym", sa.LargeBinary(12), nullable=False, unique=True),
    )


def downgrade() -> None:
    op.drop_table("pseudonyms")
