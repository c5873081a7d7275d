"""How far decide-for-all came was kept with the name of a customer; it is in no file any more."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("DELETE FROM cursors WHERE name = 'decide-for-all'")


def downgrade() -> None:
    """The next run begins with the first customer."""
