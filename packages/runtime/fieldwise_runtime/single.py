"""One process per database, for services that keep in memory what two would have to share; knows no service's rules.

On PostgreSQL the process holds an advisory lock for as long as it lives; the lock goes with its connection, however the
process ends. A standby is a second process that waits for it, and takes over when the first one ends, or hands over. On
SQLite there is nothing to hold: a file has one machine's one supervisor before it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import sqlalchemy as sa

from fieldwise_runtime import engines
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.place_holder import PlaceHolder

log = get_logger(__name__)

# A process that was just killed may still have its connection: PostgreSQL notices within moments.
_PATIENCE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.25
# A standby looks this often: calls wait meanwhile.
_STANDBY_PAUSE_SECONDS: Final = 0.03
# By schema too: several installations may share a database.
_KEY: Final = "hashtextextended(current_schema() || '/' || :name, 0)"
_CLAIM: Final = sa.text(f"SELECT pg_try_advisory_lock({_KEY})")
_HOLD: Final = sa.text(f"SELECT pg_advisory_lock({_KEY})")
_RELEASE: Final = sa.text(f"SELECT pg_advisory_unlock({_KEY})")
# Held by whoever waits, and by whoever answers calls: how a process that goes knows that another comes, and has come.
_WAITS: Final = "/standby"
_SERVES: Final = "/serving"


class Single:
    """The claim to be the only process of a service on its database."""

    def __init__(self, engine: sa.Engine | None, name: str, beside: sa.Engine | None = None) -> None:
        self._engine = engine
        # For what is asked and held beside the claim.
        self._beside = beside
        self._name = name
        self._connection: sa.Connection | None = None
        self._place: PlaceHolder | None = None
        self._one_asks = asyncio.Lock()

    @classmethod
    async def claim(
        cls, url: str, name: str, *, patience: float = _PATIENCE_SECONDS, standby_at: str = ""
    ) -> Single:
        """Claims, waiting ``patience`` seconds for a process that is going.

        Args:
            standby_at: host:port where it will serve: it waits for as long as it takes, and says there meanwhile that it
                does not serve. Empty: it ends when its patience does.

        Raises:
            FailedPrecondition: Reason ALREADY_SERVED; another process serves on this database.
        """
        if engines.parsed(url).drivername == "sqlite":
            return cls(None, name)
        beside = engines.reading(url, connections=1)
        single = cls(engines.writing(url, survives_power_loss=True), name, beside)
        if standby_at:
            await single._wait_in_line(standby_at)
            return single
        end = time.monotonic() + patience
        while not await asyncio.to_thread(single._claimed):
            if time.monotonic() >= end:
                await single.close()
                raise FailedPrecondition(
                    "ALREADY_SERVED",
                    f"another process of {name} serves on this database, and what it keeps in memory cannot be shared; "
                    f"stop it, or give this one a database of its own",
                )
            await asyncio.sleep(_PAUSE_SECONDS)
        return single

    async def _wait_in_line(self, listen: str) -> None:
        if await asyncio.to_thread(self._claimed):
            return
        self._place = await PlaceHolder.open(listen)
        log.info("standing by", service=self._name)
        waiting = await asyncio.to_thread(self._locking, _WAITS)
        try:
            while not await asyncio.to_thread(self._claimed):  # noqa: ASYNC110  # another connection's lock
                await asyncio.sleep(_STANDBY_PAUSE_SECONDS)
        finally:
            await asyncio.to_thread(_dropped, waiting)
        log.info("taking over", service=self._name)

    async def leave_place(self) -> None:
        """Frees the address for the server itself."""
        place, self._place = self._place, None
        if place is not None:
            await place.leave()

    async def serves(self) -> None:
        """Tells the process that hands over that this one answers calls."""
        if self._connection is not None:
            async with self._one_asks:
                await asyncio.to_thread(self._connection.execute, _HOLD, {"name": self._name + _SERVES})

    async def has_standby(self) -> bool:
        """Whether another process waits to take over."""
        if self._connection is None:
            return False
        try:
            return not await asyncio.to_thread(self._is_free, _WAITS)
        except sa.exc.SQLAlchemyError:  # a database that is away has nobody in line
            return False

    async def succeeded(self, seconds: float) -> bool:
        """Whether another process answers calls within so many seconds; asked after `close`."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                if not await asyncio.to_thread(self._is_free, _SERVES):
                    return True
                await asyncio.sleep(_STANDBY_PAUSE_SECONDS)
        finally:
            if self._beside is not None:
                self._beside.dispose()
        return False

    def _is_free(self, what: str) -> bool:
        assert self._beside is not None
        with self._beside.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            name = {"name": self._name + what}
            free = bool(connection.execute(_CLAIM, name).scalar_one())
            if free:
                connection.execute(_RELEASE, name)
        return free

    def _locking(self, what: str) -> sa.Connection:
        assert self._beside is not None
        connection = self._beside.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(_HOLD, {"name": self._name + what})
        return connection

    async def held(self) -> bool:
        """Whether the claim still stands; one lost with its connection is made again when nobody else has it."""
        if self._engine is None:
            return True
        async with self._one_asks:
            return await asyncio.to_thread(self._stands)

    async def close(self) -> None:
        """Gives the claim up."""
        async with self._one_asks:
            await asyncio.to_thread(self._let_go)
            for engine in (self._engine, self._beside):
                if engine is not None:
                    engine.dispose()

    def _stands(self) -> bool:
        try:
            if self._connection is not None:
                self._connection.execute(sa.text("SELECT 1"))
                return True
            return self._claimed()
        except sa.exc.SQLAlchemyError as error:
            log.warning("claim lost", service=self._name, error=type(error).__name__)
            self._let_go()
            return False

    def _claimed(self) -> bool:
        assert self._engine is not None
        # No transaction stays open on it: one that did would keep PostgreSQL from cleaning up.
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            if connection.execute(_CLAIM, {"name": self._name}).scalar_one():
                self._connection = connection
        finally:
            if self._connection is None:
                connection.close()
        return self._connection is not None

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _dropped(connection)


def _dropped(connection: sa.Connection) -> None:
    # Not back to the pool, where the lock would live on.
    connection.invalidate()
    connection.close()
