"""What was set aside when prices were first used, in SQL; knows no factor."""

from __future__ import annotations

import json
from typing import Final

import sqlalchemy as sa

from fieldwise_recommend.core.pacing import Opening
from fieldwise_runtime.database import Database, upsert

_metadata: Final = sa.MetaData()

openings: Final = sa.Table(
    "pacing_openings",
    _metadata,
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("price_key", sa.String(32), primary_key=True),
    sa.Column("moment", sa.BigInteger, nullable=False),  # seconds since 1970
    sa.Column("reserved", sa.Text, nullable=False),  # JSON: amount by resource
)


class OpeningStore:
    """Statements about openings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def opened(self, period: str, price_key: str, now: Opening) -> Opening:
        """The opening of these prices in this period: the one that is known, else the one given, from now on."""
        key = {"period": period, "price_key": price_key}
        row = key | {"moment": now.moment, "reserved": json.dumps(dict(now.reserved))}
        insert = upsert(openings, self._database.dialect).on_conflict_do_nothing()
        mine = sa.and_(openings.c.period == period, openings.c.price_key == price_key)
        query = sa.select(openings.c.moment, openings.c.reserved).where(mine)

        def work(connection: sa.Connection) -> Opening:
            connection.execute(insert, row)
            found = connection.execute(query).one()
            return Opening(found.moment, json.loads(found.reserved))

        return await self._database.write(work)
