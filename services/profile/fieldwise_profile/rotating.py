"""Rotating the wrapping key: every customer's key is wrapped anew, then the old ones go; knows no wire."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.auditing import Auditing
from fieldwise_profile.core.keys import NotOurs, RetiredKey
from fieldwise_profile.key_file import foreign
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import customer_keys
from fieldwise_runtime.database import Database

# Customers' keys wrapped in one transaction: a few milliseconds.
AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Rotated:
    """How far a rotation has come."""

    done: int
    total: int
    version: int
    retired: bool = False


class Rotating:
    """Rotates the wrapping key. One that was cut off left two keys in the file: the next goes on with the newer one."""

    def __init__(self, database: Database, sealing: Sealing, auditing: Auditing) -> None:
        self._database = database
        self._sealing = sealing
        self._auditing = auditing

    async def rotate(self, at: int) -> AsyncIterator[Rotated]:
        """Rotates; tells how far it has come.

        Raises:
            FailedPrecondition: Reason KEYS_UNUSABLE; the keys do not open a customer's key, or their file cannot be written.
        """
        file = self._sealing.file
        if len(file.ring.wrapping) == 1:
            file.replace(file.ring.turned(secrets.token_bytes))
        version = file.ring.newest
        total = await self._database.read(customer_keys.count)
        done = await self._database.read(lambda c: customer_keys.count(c, version))
        yield Rotated(done, total, version)
        retired = False
        while not retired:
            while some := await self._database.write(lambda c: self._wrapped_anew(c, version)):
                done += some
                yield Rotated(done, max(done, total), version)
            retired = await self._database.write(lambda c: self._retired(c, version, at))
        yield Rotated(done, max(done, total), version, retired=True)

    def _wrapped_anew(self, connection: sa.Connection, version: int) -> int:
        ring = self._sealing.ring
        old = customer_keys.not_of_version(connection, version, AT_ONCE)
        if old:
            try:
                anew = {
                    name: ring.wrap(ring.unwrap(wrapped, name), name, secrets.token_bytes)
                    for name, wrapped in old.items()
                }
            except (NotOurs, RetiredKey):
                raise foreign(self._sealing.file.path) from None
            customer_keys.replace(connection, anew)
        return len(old)

    def _retired(self, connection: sa.Connection, version: int, at: int) -> bool:
        """Drops the old keys from the file, unless a customer's key that needs them was made meanwhile."""
        # Nobody stores a key from here to the commit. One that was wrapped with the old version before is unwrapped once more
        # before it is used, which fails then, and with it the transaction that made it.
        customer_keys.lock(connection)
        # Nothing is wrapped here: were this transaction undone, what it wrapped would need a key that is gone.
        if customer_keys.not_of_version(connection, version, 1):
            return False
        self._auditing.note_in(connection, "KEYS_ROTATED", at, details={"version": version})
        self._sealing.file.replace(self._sealing.ring.retired())
        return True
