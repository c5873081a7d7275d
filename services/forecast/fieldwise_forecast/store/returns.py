"""The learning curves measured last, in SQL; knows no learner."""

from __future__ import annotations

import json

import sqlalchemy as sa

from fieldwise_runtime.database import upsert

from ..core.returns.measured import Returns, from_plain, to_plain
from . import micros_of, time_of

_metadata = sa.MetaData()
_returns = sa.Table(
    "returns",
    _metadata,
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("time_micros", sa.BigInteger),
    sa.Column("measured", sa.Text),
)


def keep(connection: sa.Connection, dialect: str, returns: Returns) -> None:
    """Keep the curves of a model in place of those before."""
    figures = {"time_micros": micros_of(returns.time), "measured": json.dumps(to_plain(returns))}
    statement = upsert(_returns, dialect).values(model=returns.model, **figures)
    connection.execute(statement.on_conflict_do_update(index_elements=["model"], set_=figures))


def all_measured(connection: sa.Connection) -> dict[str, Returns]:
    """By model."""
    return {row.model: _read(row) for row in connection.execute(sa.select(_returns))}


def of_model(connection: sa.Connection, model: str) -> Returns | None:
    """None before the first measurement."""
    row = connection.execute(sa.select(_returns).where(_returns.c.model == model)).first()
    return None if row is None else _read(row)


def _read(row: sa.Row[tuple[str, int, str]]) -> Returns:
    return from_plain(row.model, time_of(row.time_micros), json.loads(row.measured))
