"""The tables of fitted segments and lifecycle reports; knows no statement. They hold figures of many customers, never of one."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from fieldwise_profile.store.schema import METADATA

# Every fit of segments; the one of the highest version holds.
segment_fits: Final = sa.Table(
    "segment_fits",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model", sa.Text, nullable=False),
    # Customers by age and gender, as JSON.
    sa.Column("statics", sa.Text, nullable=False),
)

# Every count of moves between stages; the one of the highest number holds.
lifecycle_reports: Final = sa.Table(
    "lifecycle_reports",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("report", sa.Text, nullable=False),
)
