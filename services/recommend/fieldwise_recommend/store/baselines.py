"""What earlier practices achieved, by customer, in SQL; knows no comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from fieldwise_runtime.database import Database

_metadata: Final = sa.MetaData()

baselines: Final = sa.Table(
    "baselines",
    _metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("request_id", sa.String(64), nullable=False, unique=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # fieldwise.recommend.v1.Baseline
)
rows: Final = sa.Table(
    "baseline_rows",
    _metadata,
    sa.Column("baseline", sa.String(80), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("after", sa.Boolean, nullable=False),
    sa.Column("comparison", sa.Boolean, nullable=False),
    sa.Column("money", sa.BigInteger, nullable=False),  # micros
    sa.Column("hours_to_decision", sa.Float(53), nullable=True),
    sa.Column("score", sa.Float(53), nullable=True),
)


class Kept(NamedTuple):
    """A baseline as it is stored: ``request_id`` and ``fingerprint`` of the import that made it."""

    name: str
    request_id: str
    fingerprint: str
    body: bytes


class BaselineStore:
    """Statements about baselines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, kept: Kept, lines: Sequence[Mapping[str, Any]]) -> Kept | None:
        """Stores a baseline and its rows; returns the one in the way instead, of the same request or of the same name."""
        same = sa.or_(baselines.c.request_id == kept.request_id, baselines.c.name == kept.name)
        # The same request comes first: its name is taken by itself.
        order = sa.case((baselines.c.request_id == kept.request_id, 0), else_=1)

        def work(connection: sa.Connection) -> Kept | None:
            found = connection.execute(sa.select(baselines).where(same).order_by(order)).first()
            if found is not None:
                return Kept(*found)
            connection.execute(sa.insert(baselines), kept._asdict())
            connection.execute(sa.insert(rows), list(lines))
            return None

        return await self._database.write(work)

    async def after(self, name: str, most: int) -> list[Kept]:
        """Baselines by name, from just after one on."""
        query = sa.select(baselines).where(baselines.c.name > name).order_by(baselines.c.name).limit(most)
        return await self._database.read(lambda connection: [Kept(*row) for row in connection.execute(query)])


def lines_of(connection: sa.Connection, name: str) -> list[Any]:
    """Rows of a baseline in their order; none when it does not exist."""
    query = sa.select(rows).where(rows.c.baseline == name).order_by(rows.c.number)
    return list(connection.execute(query))


def forget(connection: sa.Connection, strangers: Mapping[str, str]) -> int:
    """Gives rows of these customers names that lead nowhere; how many."""
    count = 0
    for customer, stranger in strangers.items():
        count += connection.execute(
            sa.update(rows).where(rows.c.customer == customer).values(customer=stranger)
        ).rowcount
    return count
