"""Traces in one line each, their spans in parts, and exports that are not settled. What was held goes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("spans")
    op.execute(sa.text("DELETE FROM decisions"))
    op.create_table(
        "exports",
        sa.Column("position", _position, primary_key=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "parts",
        sa.Column("position", _position, primary_key=True),
        sa.Column("trace_id", sa.LargeBinary(16), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(8), nullable=False),
        sa.Column("spans", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("parts_by_trace", "parts", ["trace_id", "fingerprint"], unique=True)
    op.create_table(
        "traces",
        sa.Column("trace_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("root_service", sa.Text(), nullable=False),
        sa.Column("is_root", sa.Boolean(), nullable=False),
        sa.Column("root_start_ns", sa.BigInteger(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("spans", sa.Integer(), nullable=False),
        sa.Column("kept_because", sa.Text(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
    )
    op.create_index("traces_by_start", "traces", ["start_ns", "trace_id"])
    # Few are: a search for them looks at nothing else.
    for column in ("error", "degraded"):
        op.create_index(
            f"traces_with_{column}",
            "traces",
            ["start_ns", "trace_id"],
            sqlite_where=sa.column(column).is_(sa.true()),
            postgresql_where=sa.column(column).is_(sa.true()),
        )


def downgrade() -> None:
    op.drop_table("traces")
    op.drop_table("parts")
    op.drop_table("exports")
    op.execute(sa.text("DELETE FROM decisions"))
    op.create_table(
        "spans",
        sa.Column("position", _position, primary_key=True),
        sa.Column("trace_id", sa.LargeBinary(16), nullable=False),
        sa.Column("span_id", sa.LargeBinary(8), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("spans_by_trace", "spans", ["trace_id", "span_id"], unique=True)
