"""Kinds of models, challengers with the gate's verdicts, how champions really did, settings, what was trained."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    added = (
        sa.Column("kind", sa.String(32), nullable=False, server_default="probability"),
        sa.Column("parent", sa.Integer, nullable=False, server_default="0"),
        sa.Column("verdict", sa.Text, nullable=False, server_default=""),
        sa.Column("asked_by", sa.String(16), nullable=False, server_default="request"),
        sa.Column("cpu_seconds", sa.Float, nullable=False, server_default="0"),
    )
    for column in added:
        op.add_column("model_versions", column)
    op.execute("UPDATE model_versions SET kind = 'weekly-sales' WHERE model = 'weekly-sales'")
    only = sa.text("role = 'challenger'")
    op.create_index(
        "one_challenger", "model_versions", ["model"], unique=True, sqlite_where=only, postgresql_where=only
    )
    op.create_table(
        "realised",
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("begin_micros", sa.BigInteger, primary_key=True),
        # The version that was champion when the period came.
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
    )
    op.create_table(
        "model_settings",
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
    )
    op.create_table(
        "trainings",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("model", sa.String(64), nullable=False, index=True),
        sa.Column("time_micros", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
