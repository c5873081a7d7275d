"""The tables of tags and of reports on their worth; knows no statement. They hold rules and figures of many customers, never of one."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from fieldwise_profile.store.schema import METADATA

# Every version of every tag, append-only; of each tag the highest version holds.
tag_versions: Final = sa.Table(
    "tag_versions",
    METADATA,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("expression", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    # Numbers of the purposes, ascending, as JSON.
    sa.Column("purposes", sa.Text, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

tag_reports: Final = sa.Table(
    "tag_reports",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("target", sa.SmallInteger, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    # As JSON.
    sa.Column("report", sa.Text, nullable=False),
)
