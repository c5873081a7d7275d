"""Lists links and reviews with their history; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from fieldwise_profile.store import links
from fieldwise_profile.store.links import LinkRow, ReviewRow
from fieldwise_runtime.database import Database


class Listing:
    """Reads pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def links(self, name: str, show_revoked: bool, after: int, most: int) -> list[LinkRow]:
        """Links of a person, or of all for an empty name; with the revoked ones of all who ever belonged to him as well."""

        def work(connection: sa.Connection) -> list[LinkRow]:
            names: Sequence[str] = ()
            if name:
                person = links.history_of if show_revoked else links.person_of
                names = sorted(person(connection, name))
            return links.listed(connection, names, show_revoked, after, most)

        return await self._database.read(work)

    async def reviews(self, state: int, after: int, most: int) -> list[ReviewRow]:
        """Reviews in one state."""
        return await self._database.read(lambda connection: links.reviews(connection, state, after, most))
