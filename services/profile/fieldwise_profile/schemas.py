"""The schemas of custom events in force: made, listed, followed; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from fieldwise_profile.auditing import Auditing
from fieldwise_profile.core.schemas import EventSchema, SchemaField, Schemas, faults
from fieldwise_profile.store import appending
from fieldwise_profile.store import schemas as store
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest


class Catalogue:
    """Every schema, in memory as in the database."""

    def __init__(self, database: Database, auditing: Auditing) -> None:
        self._database = database
        self._auditing = auditing
        self._known: dict[tuple[str, int], EventSchema] = {}

    @property
    def current(self) -> Schemas:
        """Schemas by name and version; the same mapping for ever, which grows."""
        return self._known

    async def load(self) -> None:
        """Reads them all; called at start and again to follow other processes."""
        if await self._database.read(store.count) == len(self._known):
            return
        found = await self._database.read(store.every)
        self._known.update({(schema.name, schema.version): schema for schema, _ in found})

    async def listed(self) -> list[tuple[EventSchema, int]]:
        """All versions of all schemas, ascending, each with when it was made (microseconds)."""
        return await self._database.read(store.every)

    async def create(self, name: str, fields: Sequence[SchemaField], at: int) -> tuple[EventSchema, int]:
        """A new schema, or its next version; the newest one when it says the same.

        Raises:
            InvalidRequest: A field is wrong or has no purpose, or the version takes something away.
        """
        asked = EventSchema(
            name, 1, tuple(replace(each, purposes=tuple(sorted(each.purposes))) for each in fields)
        )

        def work(connection: sa.Connection) -> tuple[EventSchema, int]:
            # Its lock lets one process at a time give out a version.
            appending.reserve(connection, 0)
            versions = [each for each in store.every(connection) if each[0].name == name]
            previous = versions[-1][0] if versions else None
            found = faults(asked, previous)
            if found:
                raise InvalidRequest(found)
            if previous is not None and previous.fields == asked.fields:
                return versions[-1]
            made = replace(asked, version=len(versions) + 1)
            store.add(connection, made, at)
            told = {"schema": name, "version": made.version}
            self._auditing.note_in(connection, "SCHEMA_CREATED", at, details=told)
            return made, at

        schema, created_at = await self._database.write(work)
        self._known[schema.name, schema.version] = schema
        return schema, created_at
