"""Tables of what is bought next, in SQL; knows no statistics."""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from dataclasses import replace
from typing import Final, NamedTuple

import sqlalchemy as sa

from fieldwise_recommend.core.next_purchase.shortlist import Popularity, Tables
from fieldwise_runtime.database import Database

_metadata: Final = sa.MetaData()

next_purchase_tables: Final = sa.Table(
    "next_purchase_tables",
    _metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(12), nullable=False),
    sa.Column(
        "body", sa.LargeBinary, nullable=False
    ),  # JSON: words, popularity, weights, how they were learned
    sa.Column("pairs", sa.LargeBinary, nullable=False),  # float32 of this machine's order, deflated
)


class Learned(NamedTuple):
    """Tables and how they were learned: from how many customers, and the mean log losses beside those of base rates, nats."""

    tables: Tables = Tables()
    customers: int = 0
    losses: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


class NextStore:
    """Statements about these tables: only the newest are kept. A decision keeps with its inputs what it took from them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> Learned:
        """Those in force; empty ones before any were learned."""
        query = sa.select(next_purchase_tables).order_by(next_purchase_tables.c.number.desc()).limit(1)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return Learned() if row is None else _read(row.version, row.body, row.pairs)

    async def replace(self, learned: Learned) -> Learned:
        """Puts others in their place; they get their version."""
        body, pairs = _written(learned)
        version = hashlib.sha256(body + pairs).hexdigest()[:12]
        row = {"version": version, "body": body, "pairs": zlib.compress(pairs, 1)}

        def work(connection: sa.Connection) -> None:
            last = connection.execute(sa.select(sa.func.max(next_purchase_tables.c.number))).scalar()
            connection.execute(sa.delete(next_purchase_tables))
            connection.execute(sa.insert(next_purchase_tables), row | {"number": (last or 0) + 1})

        await self._database.write(work)
        return learned._replace(tables=replace(learned.tables, version=version))


def _written(learned: Learned) -> tuple[bytes, bytes]:
    tables = learned.tables
    said = {
        "words": tables.words,
        "popularity": tables.popularity,
        "repeat": tables.repeat,
        "discovery": tables.discovery,
        "customers": learned.customers,
        "losses": learned.losses,
    }
    return json.dumps(said, ensure_ascii=False).encode(), b"".join(each.tobytes() for each in tables.pairs)


def _read(version: str, body: bytes, packed: bytes) -> Learned:
    said = json.loads(body)
    words = tuple(said["words"])
    pairs = zlib.decompress(packed)
    size = 4 * len(words) ** 2
    tables = Tables(
        words,
        tuple(Popularity(*each) for each in said["popularity"]),
        tuple(array("f", pairs[start : start + size]) for start in range(0, len(pairs), size)),
        tuple(said["repeat"]),
        tuple(said["discovery"]),
        version,
    )
    return Learned(tables, said["customers"], tuple(said["losses"]))
