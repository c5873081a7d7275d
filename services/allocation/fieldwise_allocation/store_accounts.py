"""Uploaded accounts in the allocation database: sets, and their chunks as compressed bytes; looks into no account.

Functions take the connection of the transaction they belong to; they neither begin nor commit one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

_metadata: Final = sa.MetaData()
_sets: Final = sa.Table(
    "account_sets",
    _metadata,
    # Ascending in the order of creation, for lists.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64)),
    sa.Column("created", sa.BigInteger),
    sa.Column("accounts", sa.BigInteger),
    sa.Column("chunks", sa.Integer),
)
_chunks: Final = sa.Table(
    "account_chunks",
    _metadata,
    sa.Column("account_set", sa.String(64), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("body", sa.LargeBinary),
)


@dataclass(frozen=True)
class AccountSet:
    """What is known of a set; ``created`` in seconds of the business clock, ``number`` orders sets by creation."""

    name: str
    created: int
    accounts: int = 0
    chunks: int = 0
    number: int = 0


def add_set(connection: sa.Connection, name: str, created: int) -> None:
    connection.execute(sa.insert(_sets).values(name=name, created=created, accounts=0, chunks=0))


def account_set(connection: sa.Connection, name: str) -> AccountSet | None:
    row = connection.execute(sa.select(_sets).where(_sets.c.name == name)).first()
    return None if row is None else _set(row)


def sets(connection: sa.Connection, *, before: int | None, most: int) -> tuple[AccountSet, ...]:
    """Sets, newest first, those made before number ``before``."""
    statement = sa.select(_sets).order_by(_sets.c.number.desc()).limit(most)
    if before is not None:
        statement = statement.where(_sets.c.number < before)
    return tuple(_set(row) for row in connection.execute(statement))


def remove_sets(connection: sa.Connection, names: Sequence[str]) -> int:
    """Takes sets and their chunks away; how many there were."""
    connection.execute(sa.delete(_chunks).where(_chunks.c.account_set.in_(names)))
    return connection.execute(sa.delete(_sets).where(_sets.c.name.in_(names))).rowcount


def older_sets(connection: sa.Connection, created_before: int) -> tuple[str, ...]:
    """Names of the sets made before a second of the business clock."""
    statement = sa.select(_sets.c.name).where(_sets.c.created < created_before)
    return tuple(connection.execute(statement).scalars())


def add_chunk(
    connection: sa.Connection, grown: AccountSet, accounts: int, fingerprint: str, body: bytes
) -> None:
    """Appends a chunk of so many accounts to a set."""
    values = {
        "account_set": grown.name,
        "sequence": grown.chunks,
        "fingerprint": fingerprint,
        "body": body,
    }
    connection.execute(sa.insert(_chunks).values(values))
    counted = {"accounts": grown.accounts + accounts, "chunks": grown.chunks + 1}
    connection.execute(sa.update(_sets).where(_sets.c.name == grown.name).values(counted))


def chunk_fingerprint(connection: sa.Connection, name: str, sequence: int) -> str:
    """What a chunk was made from; empty when there is none."""
    same = sa.and_(_chunks.c.account_set == name, _chunks.c.sequence == sequence)
    return connection.execute(sa.select(_chunks.c.fingerprint).where(same)).scalar() or ""


def chunks(connection: sa.Connection, name: str) -> tuple[bytes, ...]:
    """The chunks of a set in their order."""
    statement = sa.select(_chunks.c.body).where(_chunks.c.account_set == name).order_by(_chunks.c.sequence)
    return tuple(connection.execute(statement).scalars())


def replace_chunk(connection: sa.Connection, name: str, sequence: int, body: bytes) -> None:
    """Puts other accounts in the place of a chunk's."""
    same = sa.and_(_chunks.c.account_set == name, _chunks.c.sequence == sequence)
    connection.execute(sa.update(_chunks).where(same).values(body=body))


def names(connection: sa.Connection) -> list[str]:
    """All sets."""
    return list(connection.execute(sa.select(_sets.c.name)).scalars())


def _set(row: sa.Row[tuple[object, ...]]) -> AccountSet:
    return AccountSet(row.name, row.created, row.accounts, row.chunks, row.number)
