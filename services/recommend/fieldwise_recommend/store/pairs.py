"""Rules of what is bought together, in SQL; knows no statistics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from fieldwise_recommend.core.pair_rules.book import Rule, RuleBook
from fieldwise_runtime.database import Database

_metadata: Final = sa.MetaData()

pair_rules: Final = sa.Table(
    "pair_rules",
    _metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(12), nullable=False),
    sa.Column("window_days", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # JSON: rules as lists
)


class PairStore:
    """Statements about pair rules: only the newest are kept. A decision keeps with its inputs what it took from them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> RuleBook:
        """The rules in force; an empty book before any were learned."""
        query = sa.select(pair_rules).order_by(pair_rules.c.number.desc()).limit(1)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            return RuleBook()
        return RuleBook([Rule(*each) for each in json.loads(row.body)], row.window_days, row.version)

    async def replace(self, rules: Sequence[Rule], window_days: int) -> RuleBook:
        """Puts others in their place."""
        body = json.dumps([window_days, rules], ensure_ascii=False).encode()
        book = RuleBook(rules, window_days, hashlib.sha256(body).hexdigest()[:12])
        row = {"version": book.version, "window_days": window_days, "body": json.dumps(list(rules)).encode()}

        def work(connection: sa.Connection) -> None:
            last = connection.execute(sa.select(sa.func.max(pair_rules.c.number))).scalar()
            connection.execute(sa.delete(pair_rules))
            connection.execute(sa.insert(pair_rules), row | {"number": (last or 0) + 1})

        await self._database.write(work)
        return book
