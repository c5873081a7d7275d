"""Files of users' own rows, and which training gave which version."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "tables",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.String(64), nullable=False),
        # The whole file has arrived and is what its checksum says.
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("create_micros", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "table_trainings",
        sa.Column("id", sa.String(40), primary_key=True),
        # Of the file's bytes and of what was asked.
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        # fieldwise.forecast.v1.TableReport without its version, serialised.
        sa.Column("report", sa.LargeBinary, nullable=False),
    )
