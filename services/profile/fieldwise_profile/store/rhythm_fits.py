"""How customers pause and leave, written once each time it is learned and read at start; knows no learning."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.waiting import WaitingParams
from fieldwise_profile.store.schema import METADATA

# Figures of many customers, never of one; the row of the highest version holds.
rhythm_fits: Final = sa.Table(
    "rhythm_fits",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("params", sa.Text, nullable=False),
)


def latest_version(connection: sa.Connection) -> int:
    """0 for none."""
    return connection.execute(sa.select(sa.func.max(rhythm_fits.c.version))).scalar_one() or 0


def keep(connection: sa.Connection, params: WaitingParams) -> int:
    """Stores what was learned; returns its version."""
    version = latest_version(connection) + 1
    connection.execute(sa.insert(rhythm_fits).values(version=version, params=json.dumps(asdict(params))))
    return version


def latest(connection: sa.Connection) -> tuple[int, WaitingParams] | None:
    """The last version and what it says."""
    statement = sa.select(rhythm_fits).order_by(rhythm_fits.c.version.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else (row.version, WaitingParams(**json.loads(row.params)))
