"""What customers are called in traces: a random number for each, which says nothing without the table that erasure takes it from.

No leg and no key is needed for a decision: all numbers are in memory, and new ones are written a moment later. The table holds a
hash of the customer's name, so that a copy of the file does not list names.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from fieldwise_gateway.store import metadata
from fieldwise_runtime.database import Database, upsert
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

PREFIX: Final = "pseudonyms/"
_BYTES: Final = 12
# In memory some 200 bytes each. Customers beyond have no name in traces.
_MOST: Final = 500_000
_WRITE_SECONDS: Final = 0.5
_PARAMETERS: Final = 500

table = sa.Table(
    "pseudonyms",
    metadata,
    sa.Column("customer", sa.LargeBinary(16), primary_key=True, comment="hash of customers/{id}"),
    sa.Column("pseudonym", sa.LargeBinary(_BYTES), nullable=False, unique=True),
)


class Pseudonyms:
    """The pseudonym of each customer who was decided about."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, bytes] = {}
        self._new: dict[bytes, bytes] = {}

    async def load(self) -> None:
        """Read those that were given before."""

        def work(connection: sa.Connection) -> dict[bytes, bytes]:
            rows = connection.execute(sa.select(table).limit(_MOST))
            return {bytes(row.customer): bytes(row.pseudonym) for row in rows}

        self._known = await self._database.read(work)

    def of(self, customer: str) -> str:
        """``pseudonyms/{24 hex digits}`` of ``customers/{id}``, made when he has none; empty when there is no room."""
        key = _key(customer)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST:
                return ""
            found = self._known[key] = self._new[key] = secrets.token_bytes(_BYTES)
        return PREFIX + found.hex()

    async def find(self, customer: str) -> str:
        """The pseudonym of a customer who has one, by whichever gateway gave it; empty for everybody else."""
        key = _key(customer)
        wanted = sa.select(table.c.pseudonym).where(table.c.customer == key)
        found = await self._database.read(lambda connection: connection.execute(wanted).scalar())
        known = self._known.get(key) if found is None else bytes(found)
        return PREFIX + known.hex() if known else ""

    async def forget(self, customers: Sequence[str]) -> int:
        """Nobody can tell from now on whose traces theirs are; how many had one."""
        keys = [_key(customer) for customer in customers]
        here = sum(self._known.pop(key, None) is not None for key in keys)
        for key in keys:
            self._new.pop(key, None)

        def work(connection: sa.Connection) -> int:
            return sum(
                connection.execute(
                    table.delete().where(table.c.customer.in_(keys[first : first + _PARAMETERS]))
                ).rowcount
                for first in range(0, len(keys), _PARAMETERS)
            )

        return max(here, await self._database.write(work))

    async def write_always(self) -> None:
        """Write new ones until cancelled."""
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            try:
                await self.write()
            except FieldwiseError as error:
                log.warning("pseudonyms not written", reason=error.reason)

    async def write(self) -> None:
        """Write the new ones; where another gateway was first, his stand."""
        new = dict(self._new)
        if not new:
            return
        rows = [{"customer": key, "pseudonym": value} for key, value in new.items()]
        statement = upsert(table, self._database.dialect).on_conflict_do_nothing()

        def work(connection: sa.Connection) -> dict[bytes, bytes]:
            connection.execute(statement, rows)
            keys = list(new)
            found: dict[bytes, bytes] = {}
            for first in range(0, len(keys), _PARAMETERS):
                some = sa.select(table).where(table.c.customer.in_(keys[first : first + _PARAMETERS]))
                found |= {bytes(row.customer): bytes(row.pseudonym) for row in connection.execute(some)}
            return found

        stands = await self._database.write(work)
        gone = [key for key in new if key not in self._new]
        for key in new:
            self._new.pop(key, None)
        self._known |= {key: value for key, value in stands.items() if key in self._known}
        if gone:
            # Erased while they were being written.
            await self._database.write(lambda connection: _deleted(connection, gone))


def _deleted(connection: sa.Connection, keys: Sequence[bytes]) -> None:
    for first in range(0, len(keys), _PARAMETERS):
        connection.execute(table.delete().where(table.c.customer.in_(keys[first : first + _PARAMETERS])))


def _key(customer: str) -> bytes:
    return hashlib.blake2b(customer.encode(), digest_size=16).digest()
