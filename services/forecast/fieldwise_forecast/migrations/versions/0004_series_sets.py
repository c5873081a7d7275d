"""Sets of series with their observations and the inputs known in advance."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "series_sets",
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("definition", sa.Text, nullable=False),
        # Rises with every change of the content, so that what was computed from it can be kept.
        sa.Column("revision", sa.BigInteger, nullable=False),
        # Content is kept in memory by place: SQLite would give the place of a deleted set to the next one.
        sqlite_autoincrement=True,
    )
    op.create_table(
        "series_members",
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("set_place", sa.Integer, nullable=False),
        # JSON list of the values, one per level.
        sa.Column("key", sa.Text, nullable=False),
        sa.UniqueConstraint("set_place", "key", name="series_members_by_key"),
    )
    op.create_table(
        "series_observations",
        sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("period", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("set_place", sa.Integer, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
    )
    op.create_index("series_observations_by_set", "series_observations", ["set_place", "period"])
    op.create_table(
        "series_inputs",
        sa.Column("set_place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("input", sa.String(64), primary_key=True),
        # 0: of every series.
        sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("period", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Double, nullable=False),
    )
