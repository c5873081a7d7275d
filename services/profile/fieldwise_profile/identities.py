"""Who is whom in memory, level with the links that hold; knows no evidence and no wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from fieldwise_profile.core.identity.graph import Graph, Link
from fieldwise_profile.store import appending, links
from fieldwise_profile.store.links import LinkRow
from fieldwise_runtime.database import Database


class Identities:
    """Answers from memory; belongs to one event loop."""

    def __init__(self, graph: Graph, position: int) -> None:
        self._graph = graph
        self._position = position
        # Counts changes of who is whom: what was made of an older one may be wrong.
        self.revision = 0

    @classmethod
    async def load(cls, database: Database) -> Identities:
        """As the database has it now."""
        position, living = await database.read(_living)
        return cls(Graph(living), position)

    def members(self, name: str) -> tuple[str, ...]:
        """All names of the person, the canonical one first; the name alone when it is linked with none."""
        return self._graph.members(name)

    def canonical(self, name: str) -> str:
        """The name under which the person is read: the one whose first event came first."""
        return self._graph.canonical(name)

    def links_of(self, name: str) -> list[Link]:
        """Links that hold among the person's names, oldest first."""
        return self._graph.links_of(name)

    def take(self, rows: Iterable[LinkRow]) -> frozenset[str]:
        """Takes in links made or revoked that are durable now; gives the names whose person changed."""
        touched: set[str] = set()
        for row in rows:
            if row.revoked_at is None:
                touched.update(self._graph.add(row.link))
            else:
                touched.update(self._graph.revoke(row.id))
            self._position = max(self._position, row.changed)
        if touched:
            self.revision += 1
        return frozenset(touched)

    def forget(self, customers: Iterable[str]) -> None:
        """Takes out all links of customers who were erased."""
        for name in customers:
            for link in self.links_of(name):
                if name in (link.a, link.b):
                    self._graph.revoke(link.id)
        self.revision += 1

    async def catch_up(self, database: Database) -> frozenset[str]:
        """Takes in what other processes did; gives the names whose person changed."""
        after = self._position
        found: Sequence[LinkRow] = await database.read(
            lambda connection: links.changed_after(connection, after)
        )
        return self.take(found)


def _living(connection: sa.Connection) -> tuple[int, list[Link]]:
    return appending.position(connection), links.living(connection)
