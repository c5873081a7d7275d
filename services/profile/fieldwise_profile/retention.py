"""Deleting what is older than it may be kept, and saying what is collected and never read; knows no wire.

Of an event only what is personal goes: what it counts in the profile stays, and so does its id, which keeps a late copy out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.auditing import Auditing
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.register import DEAD_LETTERS, KIND_NUMBERS, Field, field_name, register
from fieldwise_profile.core.schemas import Schemas
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import dead_letters, field_uses, personal_events
from fieldwise_runtime import scrubbing
from fieldwise_runtime.database import Database

# Events emptied in one transaction: the writer stays free for others.
AT_ONCE: Final = 500
# Events looked at for what is collected.
LOOKED_AT: Final = 10_000


@dataclass(frozen=True)
class Use:
    """How a personal field is used: how often it is collected, its last read by purpose (microseconds), and whether it is idle."""

    field: str
    collected: int
    reads: Mapping[str, int]
    unused: bool


class Retention:
    """Keeps the register, and what is stored in line with it.

    Args:
        days: Days each kind is kept, as `register.days_told`.
        forget: Drops states from memory that may hold words no longer kept.
    """

    def __init__(
        self,
        database: Database,
        sealing: Sealing,
        auditing: Auditing,
        days: Mapping[str, int],
        schemas: Schemas,
        forget: Callable[[Sequence[str]], object],
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._auditing = auditing
        self._days = days
        self._schemas = schemas
        self._forget = forget

    def fields(self) -> list[Field]:
        """The register."""
        return register(self._schemas.values(), self._days)

    async def apply(self, now: int, *, dry_run: bool) -> dict[str, int]:
        """Deletes what is too old; how many, by kind.

        Args:
            dry_run: Counts only.
        """
        removed: Counter[str] = Counter()
        for kind, days in self._days.items():
            if days:
                before = now - days * DAY
                removed[kind] += await (
                    self._counted(kind, before) if dry_run else self._removed(kind, before)
                )
        found = {kind: count for kind, count in removed.items() if count}
        if not dry_run:
            await self._auditing.flush()
            await self._auditing.note("RETENTION_APPLIED", now, details=found)
        return found

    async def _counted(self, kind: str, before: int) -> int:
        if kind == DEAD_LETTERS:
            return await self._database.read(lambda c: dead_letters.count_before(c, before))
        return await self._database.read(lambda c: personal_events.count_old(c, KIND_NUMBERS[kind], before))

    async def _removed(self, kind: str, before: int) -> int:
        if kind == DEAD_LETTERS:
            return await self._database.write(lambda c: _letters_deleted(c, before))
        removed = 0
        while customers := await self._database.write(lambda c: _emptied(c, KIND_NUMBERS[kind], before)):
            removed += len(customers)
            self._forget(sorted(set(customers)))
        return removed

    async def uses(self, now: int, days: int) -> list[Use]:
        """Every personal field of the register, with how it was used in the last ``days``."""
        await self._auditing.flush()
        since = now - days * DAY
        reads = await self._database.read(field_uses.all_reads)
        collected = await self._database.read(lambda c: self._collected(c, since))
        return [_use(each, collected[each.name], reads.get(each.name, {}), since) for each in self.fields()]

    def _collected(self, connection: sa.Connection, since: int) -> Counter[str]:
        found = field_uses.newest_with_personal(connection, since, LOOKED_AT)
        opened = self._sealing.opened(connection, [row[2:] for row in found])
        return Counter(
            field_name(kind, target, key)
            for (kind, target, *_), text in zip(found, opened, strict=True)
            if text is not None
            for key in json.loads(text)
        )


def _letters_deleted(connection: sa.Connection, before: int) -> int:
    with scrubbing.zeroing(connection):
        return dead_letters.delete_before(connection, before)


def _emptied(connection: sa.Connection, kind: int, before: int) -> list[str]:
    old = personal_events.old(connection, kind, before, AT_ONCE)
    customers = [customer for _, customer in old]
    if old:
        with scrubbing.zeroing(connection):
            personal_events.empty(connection, [sequence for sequence, _ in old])
            personal_events.drop_checkpoints(connection, sorted(set(customers)))
    return customers


def _use(field: Field, collected: int, reads: Mapping[str, int], since: int) -> Use:
    # Plain fields are read with every profile; what counts is whether what is sealed is ever opened.
    is_read = any(at >= since for at in reads.values()) or not field.sealed
    return Use(field.name, collected, reads, unused=collected > 0 and not is_read)
