"""Learning curves measured last, by model."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "returns",
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("time_micros", sa.BigInteger, nullable=False),
        # JSON of core/returns/measured.py.
        sa.Column("measured", sa.Text, nullable=False),
    )
