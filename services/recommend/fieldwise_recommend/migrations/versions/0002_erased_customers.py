"""Customers who were erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("erased_customers", sa.Column("customer", sa.Text, primary_key=True))


def downgrade() -> None:
    op.drop_table("erased_customers")
