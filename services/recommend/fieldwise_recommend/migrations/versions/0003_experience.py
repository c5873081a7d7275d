"""Choices and their results in plain columns, and what an earlier practice achieved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "choices",
        sa.Column("decision_time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("decision", sa.String(64), primary_key=True),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("arm", sa.SmallInteger, nullable=False),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.Column("rep", sa.Text, nullable=False),
        sa.Column("by_rep", sa.SmallInteger, nullable=False),
        sa.Column("p_buy", sa.Float(53), nullable=False),
        sa.Column("p_silent", sa.Float(53), nullable=True),
        sa.Column("baseline", sa.BigInteger, nullable=False),
        sa.Column("effect", sa.BigInteger, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("open", sa.Text, nullable=False),
        sa.Column("campaigns", sa.Text, nullable=False),
        sa.Column("facts", sa.LargeBinary, nullable=False),
        sa.Column("fact_set", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_sets",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("names", sa.Text, nullable=False),
    )
    op.create_table(
        "results",
        sa.Column("decision_time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("decision", sa.String(64), primary_key=True),
        sa.Column("money", sa.BigInteger, nullable=True),
        sa.Column("money_before", sa.BigInteger, nullable=True),
        sa.Column("purchase_days", sa.Integer, nullable=True),
        sa.Column("flags", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    # What outcomes said of decisions whose customers were erased, and the outcomes with them.
    op.create_table(
        "outcome_marks",
        sa.Column("decision", sa.String(64), primary_key=True),
        sa.Column("kinds", sa.Text, nullable=False),
    )
    op.create_table(
        "baselines",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("request_id", sa.String(64), nullable=False, unique=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "baseline_rows",
        sa.Column("baseline", sa.String(80), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("after", sa.Boolean, nullable=False),
        sa.Column("comparison", sa.Boolean, nullable=False),
        sa.Column("money", sa.BigInteger, nullable=False),
        sa.Column("hours_to_decision", sa.Float(53), nullable=True),
        sa.Column("score", sa.Float(53), nullable=True),
    )
    with op.batch_alter_table("outcomes") as outcomes:
        outcomes.add_column(sa.Column("score", sa.SmallInteger, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("outcomes") as outcomes:
        outcomes.drop_column("score")
    for table in ("baseline_rows", "baselines", "outcome_marks", "results", "fact_sets", "choices"):
        op.drop_table(table)
