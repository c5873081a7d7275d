"""How complete and valid the fields are that sources state of a customer; opens what is sealed and shows none of it; knows no wire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from fieldwise_profile.core.event import Event, Kind
from fieldwise_profile.core.field_quality import FieldQuality, field_qualities
from fieldwise_profile.store import personal_events
from fieldwise_profile.store.histories import Opener
from fieldwise_runtime.database import Database

_KINDS = (int(Kind.IDENTIFICATION),)


class FieldQualities:
    """Judges the fields of several persons at once."""

    def __init__(self, database: Database, opener: Opener) -> None:
        self._database = database
        self._opener = opener

    async def of(
        self, persons: Mapping[str, Sequence[str]], until: int
    ) -> dict[str, tuple[FieldQuality, ...]]:
        """By the name of each person; those of whom no source states anything by ``until`` are left out.

        Args:
            persons: All names of each.
        """
        return await self._database.read(lambda connection: self._judged(connection, persons, until))

    def _judged(
        self, connection: sa.Connection, persons: Mapping[str, Sequence[str]], until: int
    ) -> dict[str, tuple[FieldQuality, ...]]:
        names = sorted({name for members in persons.values() for name in members})
        stated = [
            each
            for each in personal_events.of(connection, names, _KINDS)
            if each.personal is not None and each.event_time < until and each.known_at <= until
        ]
        records = self._records(connection, stated)
        return {
            name: tuple(field_qualities([record for member in members for record in records.get(member, ())]))
            for name, members in persons.items()
            if any(member in records for member in members)
        }

    def _records(self, connection: sa.Connection, stated: Sequence[Event]) -> dict[str, list[dict[str, str]]]:
        sealed = [(each.customer, each.source, each.event_id, each.personal or b"") for each in stated]
        found: dict[str, list[dict[str, str]]] = {}
        for each, plain in zip(stated, self._opener.opened(connection, sealed), strict=True):
            if plain is not None:
                found.setdefault(each.customer, []).append(json.loads(plain))
        return found
