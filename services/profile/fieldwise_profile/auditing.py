"""Writing down who did what with personal data, and checking what was written; knows no wire."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core import audit_chain, signing
from fieldwise_profile.core.audit_chain import Check, Entry, Head, Verdict
from fieldwise_profile.core.event import Kind
from fieldwise_profile.core.purposes import Purpose
from fieldwise_profile.core.register import personal_fields
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import audit, field_uses
from fieldwise_profile.store.bulk import Row
from fieldwise_profile.store.schema import EVENT_COLUMNS
from fieldwise_runtime.database import Database

_KIND, _KNOWN_AT = (1 + EVENT_COLUMNS.index(name) for name in ("kind", "known_at"))
_IDENTIFICATION: Final = int(Kind.IDENTIFICATION)
# How often a read of the same field for the same purpose is written down again: the report asks for days.
_USE_EVERY: Final = 3_600_000_000


class Auditing:
    """The audit log, and when each personal field was last read."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing
        self._written: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self._guard = threading.Lock()

    async def note(
        self,
        action: str,
        at: int,
        *,
        customers: Sequence[str] = (),
        purpose: int = 0,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Writes one entry for each customer, one for nobody when there are none; returns once it is durable."""
        await self._database.write(
            lambda connection: self.note_in(
                connection, action, at, customers=customers, purpose=purpose, details=details
            )
        )

    def note_in(
        self,
        connection: sa.Connection,
        action: str,
        at: int,
        *,
        customers: Sequence[str] = (),
        purpose: int = 0,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """The same within a transaction of the caller."""
        told = signing.statement(details or {})
        named = Purpose(purpose).name if purpose else ""
        subjects = self.pseudonyms(connection, customers) if customers else [""]
        entries = [Entry(0, at, action, subject, named, told) for subject in subjects]
        audit.append(connection, entries, self._signed)

    def pseudonyms(
        self, connection: sa.Connection, customers: Sequence[str], *, make: bool = True
    ) -> list[str]:
        """The customers' names in the log; who has no key gets one, so that his name dies with it.

        Args:
            make: Without it, those without a key are left out.
        """
        ciphers = (
            self._sealing.sealer().made(connection, customers)
            if make
            else self._sealing.ciphers(connection, customers)
        )
        return [ciphers[name].pseudonym(name) for name in customers if name in ciphers]

    async def page(
        self, after: int, most: int, customers: Sequence[str] | None = None
    ) -> tuple[list[tuple[Entry, bytes]], Head]:
        """Entries after one, oldest first, and the signed end."""

        def work(connection: sa.Connection) -> tuple[list[tuple[Entry, bytes]], Head]:
            subjects = None if customers is None else self.pseudonyms(connection, customers, make=False)
            return audit.page(connection, after, most, subjects), audit.head(connection)

        return await self._database.read(work)

    async def verify(self, kept: Head | None) -> Verdict:
        """Checks the whole log against its signed end, and against one that was kept elsewhere."""
        check = Check(signing.public_key(self._sealing.ring.receipts), kept)

        def work(connection: sa.Connection) -> Verdict:
            for entries in audit.portions(connection):
                check.take(entries)
            return check.verdict(audit.head(connection))

        return await self._database.read(work)

    def seen(self, fields: Iterable[str], purpose: int, at: int) -> None:
        """Personal fields were read for a purpose; written down with `flush`, the same pair once an hour."""
        with self._guard:
            for field in fields:
                pair = (field, Purpose(purpose).name)
                if at >= self._written.get(pair, -_USE_EVERY) + _USE_EVERY:
                    self._seen[pair] = max(at, self._seen.get(pair, 0))

    def identified(self, _connection: sa.Connection, rows: Sequence[Row]) -> None:
        """What new records state of persons is compared with other records, for UPKEEP; called beside storing them."""
        at = max((row[_KNOWN_AT] for row in rows if row[_KIND] == _IDENTIFICATION), default=0)
        if at:
            self.seen(personal_fields((_IDENTIFICATION,)), Purpose.UPKEEP, at)

    async def flush(self) -> None:
        """Writes down which fields were read."""
        with self._guard:
            seen, self._seen = self._seen, {}
        if seen:
            await self._database.write(lambda connection: field_uses.keep(connection, seen))
            self._written |= seen

    def _signed(self, sequence: int, link: bytes) -> Head:
        return audit_chain.head(self._sealing.ring.receipts, sequence, link)
