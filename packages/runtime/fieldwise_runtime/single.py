"""One process per database, for services that keep in memory what two would have to share; knows no service's rules.

On PostgreSQL the process holds an advisory lock for as long as it lives; the lock goes with its connection, however the
process ends. On SQLite there is nothing to hold: a file has one machine's one supervisor before it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import sqlalchemy as sa

from fieldwise_runtime import engines
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# A process that was just killed may still have its connection: PostgreSQL notices within moments.
_PATIENCE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.25
# By schema too: several installations may share a database.
_CLAIM: Final = sa.text("SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '/' || :name, 0))")


class Single:
    """The claim to be the only process of a service on its database."""

    def __init__(self, engine: sa.Engine | None, name: str) -> None:
        self._engine = engine
        self._name = name
        self._connection: sa.Connection | None = None
        self._one_asks = asyncio.Lock()

    @classmethod
    async def claim(cls, url: str, name: str, *, patience: float = _PATIENCE_SECONDS) -> Single:
        """Claims, waiting ``patience`` seconds for a process that is going.

        Raises:
            FailedPrecondition: Reason ALREADY_SERVED; another process serves on this database.
        """
        if engines.parsed(url).drivername == "sqlite":
            return cls(None, name)
        single = cls(engines.writing(url, survives_power_loss=True), name)
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
            if self._engine is not None:
                self._engine.dispose()

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
            # Not back to the pool, where the lock would live on.
            connection.invalidate()
            connection.close()
