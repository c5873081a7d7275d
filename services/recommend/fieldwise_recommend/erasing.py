"""Erasing customers: decisions under way end first, then theirs are emptied and the files cleaned; knows no wire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from fieldwise_recommend.decide import Decider
from fieldwise_recommend.store.contacts import ContactStore
from fieldwise_recommend.store.decisions import Store
from fieldwise_recommend.store.experience import ExperienceStore
from fieldwise_runtime.scrubbing import scrub

# Of what scrubbing leaves nothing behind.
TABLES: Final = ("decisions", "outcomes", "reservations", "choices", "results", "baseline_rows", "contacts")


class Eraser:
    """Erases customers from all that was decided.

    Args:
        url: Where the database is, for cleaning its files.
    """

    def __init__(
        self, store: Store, experience: ExperienceStore, contacts: ContactStore, decider: Decider, url: str
    ) -> None:
        self._store = store
        self._contacts = contacts
        self._experience = experience
        self._decider = decider
        self._url = url

    async def erase(self, customers: Sequence[str]) -> dict[str, int]:
        """Rows emptied or deleted, by table; returns when no file holds what they held.

        Raises:
            FailedPrecondition: ERASURE_UNFINISHED; the files could not be cleaned yet.
        """
        await self._decider.forget(customers)
        # First, while the outcomes that they count are there.
        counts = await self._experience.erase(customers)
        counts |= await self._contacts.erase(customers)
        counts |= await self._store.erase(customers)
        await asyncio.to_thread(scrub, self._url, TABLES)
        return counts
