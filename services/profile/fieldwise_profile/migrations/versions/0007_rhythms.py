"""How customers pause and leave, as learned; knows only the table as it was at this revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "rhythm_fits",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("params", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("rhythm_fits")
