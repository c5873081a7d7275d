"""Spans as they came, and the decisions they name."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "spans",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("trace_id", sa.LargeBinary(16), nullable=False),
        sa.Column("span_id", sa.LargeBinary(8), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("spans_by_trace", "spans", ["trace_id", "span_id"], unique=True)
    op.create_table(
        "decisions",
        sa.Column("decision", sa.Text(), primary_key=True),
        sa.Column("trace_id", sa.LargeBinary(16), primary_key=True),
    )
    op.create_index("decisions_by_trace", "decisions", ["trace_id"])


def downgrade() -> None:
    op.drop_table("decisions")
    op.drop_table("spans")
