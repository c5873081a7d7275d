"""The gateway's database: where a recorded clock stands, and which request ids were used. Knows nothing of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from fieldwise_runtime.database import Database, upsert
from fieldwise_runtime.errors import AlreadyExists

metadata = sa.MetaData()

clock_table = sa.Table(
    "clock",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, comment="always 1"),
    sa.Column(
        "now_micros", sa.BigInteger, nullable=False, comment="business time, microseconds since 1970 UTC"
    ),
)

requests_table = sa.Table(
    "requests",
    metadata,
    sa.Column("method", sa.String(64), primary_key=True),
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False, comment="of the body it was first used with"),
    sa.Column("claimed_micros", sa.BigInteger, comment="business time of the first use, since 1970 UTC"),
)


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)


def _read(connection: sa.Connection) -> datetime | None:
    micros = connection.execute(sa.select(clock_table.c.now_micros)).scalar()
    return None if micros is None else _moment(micros)


class ClockStore:
    """Where the recorded clock stands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> datetime | None:
        """The time it stands at; None when it was never set."""
        return await self._database.read(_read)

    async def start_at(self, start: datetime) -> datetime:
        """Set the clock unless it stands somewhere already; gives where it stands."""

        def work(connection: sa.Connection) -> datetime:
            # The gateway and its jobs start at once; whoever comes second takes what the first set.
            row = {"id": 1, "now_micros": _micros(start)}
            statement = upsert(clock_table, self._database.dialect).values(row).on_conflict_do_nothing()
            connection.execute(statement)
            return _read(connection) or start

        return await self._database.write(work)

    async def move(self, to: datetime) -> datetime:
        """Move the clock forward; gives where it stands, which is later than ``to`` if another move went further."""

        def work(connection: sa.Connection) -> datetime:
            stands = _read(connection)
            later = to if stands is None else max(to, stands)
            connection.execute(clock_table.update().values(now_micros=_micros(later)))
            return later

        return await self._database.write(work)


@dataclass(frozen=True, slots=True)
class Claim:
    """A request id and the body it belongs to.

    Attributes:
        at: Business time of its first use.
        first: It was not used before.
    """

    method: str
    request_id: str
    fingerprint: str
    at: datetime
    first: bool


class IdempotencyKeys:
    """Which request ids were used, when first, and with what body."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, method: str, request_id: str, fingerprint: str, now: datetime) -> Claim:
        """Remember the body that the id is used with, and when, unless it was used before.

        Raises:
            AlreadyExists: REQUEST_ID_REUSED; the id was used with another body.
        """
        values = {"method": method, "request_id": request_id, "fingerprint": fingerprint}

        def work(connection: sa.Connection) -> Claim:
            row = {**values, "claimed_micros": _micros(now)}
            inserted = upsert(requests_table, self._database.dialect).values(**row).on_conflict_do_nothing()
            first = connection.execute(inserted).rowcount == 1
            table = requests_table.c
            kept = connection.execute(
                sa.select(table.fingerprint, table.claimed_micros).where(
                    table.method == method, table.request_id == request_id
                )
            ).one()
            # Ids of the first version have no time.
            at = now if kept.claimed_micros is None else _moment(kept.claimed_micros)
            return Claim(method, request_id, kept.fingerprint, at, first)

        claim = await self._database.write(work)
        if claim.fingerprint != fingerprint:
            remedy = "it was used with another body; send a new request_id with a new body"
            raise AlreadyExists(f"request_id {request_id!r}", remedy, reason="REQUEST_ID_REUSED")
        return claim

    async def release(self, claim: Claim) -> None:
        """Forget an id whose request changed nothing, so that it can be used with a mended body."""
        table = requests_table.c
        chosen = requests_table.delete().where(
            table.method == claim.method,
            table.request_id == claim.request_id,
            table.fingerprint == claim.fingerprint,
        )
        await self._database.write(lambda connection: connection.execute(chosen))
