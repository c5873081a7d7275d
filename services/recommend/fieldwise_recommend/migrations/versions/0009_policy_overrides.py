"""Why a learned policy was put in force against its verdict."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policy_releases", sa.Column("override_reason", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("policy_releases", "override_reason")
