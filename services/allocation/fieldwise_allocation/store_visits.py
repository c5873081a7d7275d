"""Plans of visits in the allocation database: each as bytes, its days as rows; looks into neither.

Functions take the connection of the transaction they belong to; they neither begin nor commit one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

_metadata: Final = sa.MetaData()
_plans: Final = sa.Table(
    "visit_plans",
    _metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary),
)
_days: Final = sa.Table(
    "visit_days",
    _metadata,
    sa.Column("plan", sa.String(64), primary_key=True),
    # From 0, by rep and day.
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary),
)


def add_plan(connection: sa.Connection, name: str, body: bytes, days: Sequence[bytes]) -> None:
    connection.execute(sa.insert(_plans).values(name=name, body=body))
    if days:
        rows = [{"plan": name, "position": i, "body": day} for i, day in enumerate(days)]
        connection.execute(sa.insert(_days), rows)


def plan(connection: sa.Connection, name: str) -> bytes | None:
    return connection.execute(sa.select(_plans.c.body).where(_plans.c.name == name)).scalar()


def days(connection: sa.Connection, name: str, *, first: int, most: int) -> tuple[bytes, ...]:
    """Days of a plan from position ``first`` on."""
    wanted = sa.and_(_days.c.plan == name, _days.c.position >= first)
    statement = sa.select(_days.c.body).where(wanted).order_by(_days.c.position).limit(most)
    return tuple(row.body for row in connection.execute(statement))


def bodies(connection: sa.Connection, name: str) -> tuple[bytes, ...]:
    """All that is kept of a plan: its body and its days."""
    own = sa.select(_plans.c.body).where(_plans.c.name == name)
    of_days = sa.select(_days.c.body).where(_days.c.plan == name)
    return (*connection.execute(own).scalars(), *connection.execute(of_days).scalars())


def names(connection: sa.Connection) -> tuple[str, ...]:
    """All plans of visits."""
    return tuple(connection.execute(sa.select(_plans.c.name)).scalars())


def remove(connection: sa.Connection, name: str) -> None:
    """Takes a plan and its days away."""
    connection.execute(sa.delete(_days).where(_days.c.plan == name))
    connection.execute(sa.delete(_plans).where(_plans.c.name == name))
