"""Plans' place in the tree, question, assignments in chunks and history; reps' share of full time, and homes to be chosen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# PlanState and PlanEventKind of the contract.
_DRAFT, _APPLIED = 1, 3
_APPLIED_EVENT = 3


def upgrade() -> None:
    op.add_column("reps", sa.Column("share", sa.Float, nullable=False, server_default="1"))
    op.add_column("reps", sa.Column("free_home", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "plan_records",
        # Ascending in the order of making, for lists.
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("parent", sa.String(64), nullable=False, index=True),
        # PlanState of the contract.
        sa.Column("state", sa.Integer, nullable=False),
        # Fingerprint of its question; empty for a plan made before questions were kept.
        sa.Column("question", sa.String(64), nullable=False, index=True),
    )
    op.create_table(
        "plan_questions",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        # PlanTerritoriesRequest, compressed.
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "plan_chunks",
        sa.Column("plan", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        # ListAssignmentsResponse with a stretch of the assignments, compressed.
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "plan_events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("plan", sa.String(64), nullable=False, index=True),
        # PlanEventKind of the contract.
        sa.Column("kind", sa.Integer, nullable=False),
        # Nanoseconds since 1970, UTC, on the business clock.
        sa.Column("event_time", sa.BigInteger, nullable=True),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("note", sa.String(1000), nullable=False),
    )
    _record_plans_of_before()


def _record_plans_of_before() -> None:
    """Plans made before are drafts without a parent, but for the one in force; their bodies hold their assignments."""
    in_force = "(SELECT value FROM state WHERE key = 'applied_plan')"
    state = f"CASE WHEN name = {in_force} THEN {_APPLIED} ELSE {_DRAFT} END"
    op.execute(
        "INSERT INTO plan_records (name, parent, state, question) "
        f"SELECT name, '', {state}, '' FROM plans ORDER BY name"
    )
    op.execute(
        "INSERT INTO plan_events (plan, kind, actor, note) "
        f"SELECT name, {_APPLIED_EVENT}, '', '' FROM plans WHERE name = {in_force}"
    )


def downgrade() -> None:
    for table in ("plan_events", "plan_chunks", "plan_questions", "plan_records"):
        op.drop_table(table)
    for column in ("free_home", "share"):
        op.drop_column("reps", column)
