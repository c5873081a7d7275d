"""Learned policies and which of them is in force, in SQL; knows no learning."""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from fieldwise_runtime.database import Database

_metadata: Final = sa.MetaData()

versions: Final = sa.Table(
    "policy_versions",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("body", sa.LargeBinary, nullable=False),  # fieldwise.recommend.v1.PolicyVersion
    sa.Column("effects", sa.Text, nullable=False),  # core.policy_learning.effect_table
)
# The last one says what is in force; version 0 stands for the stated effects.
releases: Final = sa.Table(
    "policy_releases",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("released_at", sa.BigInteger, nullable=False),  # microseconds
    sa.Column("override_reason", sa.Text, nullable=False),  # empty where the verdict allowed it
)

STATED: Final = 0


class Kept(NamedTuple):
    """A version as it is stored."""

    number: int
    body: bytes
    effects: str


class Release(NamedTuple):
    """What is in force: the number of a version, STATED when none is, and why against its verdict."""

    number: int
    override_reason: str = ""


class PolicyStore:
    """Statements about policy versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, body: bytes, effects: str) -> int:
        """Stores a version; its number."""
        statement = sa.insert(versions).values(body=body, effects=effects).returning(versions.c.number)
        return await self._database.write(lambda connection: int(connection.execute(statement).scalar_one()))

    async def get(self, number: int) -> Kept | None:
        query = sa.select(versions).where(versions.c.number == number)

        def work(connection: sa.Connection) -> Kept | None:
            found = connection.execute(query).first()
            return None if found is None else Kept(*found)

        return await self._database.read(work)

    async def before(self, number: int | None, most: int) -> list[Kept]:
        """Versions, the newest first, below a number."""
        query = sa.select(versions).order_by(versions.c.number.desc()).limit(most)
        if number is not None:
            query = query.where(versions.c.number < number)
        return await self._database.read(lambda connection: [Kept(*row) for row in connection.execute(query)])

    async def in_force(self) -> Release:
        """The last release."""
        query = sa.select(releases.c.version, releases.c.override_reason)
        query = query.order_by(releases.c.number.desc()).limit(1)

        def work(connection: sa.Connection) -> Release:
            found = connection.execute(query).first()
            return Release(STATED) if found is None else Release(*found)

        return await self._database.read(work)

    async def release(self, release: Release, moment: int) -> None:
        """Puts a version in force."""
        statement = sa.insert(releases).values(
            version=release.number, released_at=moment, override_reason=release.override_reason
        )
        await self._database.write(lambda connection: connection.execute(statement))
