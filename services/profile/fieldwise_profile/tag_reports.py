"""Reports on the worth of tags, read back; knows no wire and no figure in them."""

from __future__ import annotations

from collections.abc import Sequence

from fieldwise_profile.core.tags.worth import TagReport
from fieldwise_profile.store import tags as stored
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import NotFound


class TagReports:
    """The reports that were kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, number: int) -> tuple[int, TagReport]:
        """A report with its number; the last one for 0.

        Raises:
            NotFound: Reason TAG_REPORT_NOT_FOUND.
        """
        found = await self._database.read(lambda connection: stored.report(connection, number))
        if found is None:
            name = f"tagReports/{number or 'latest'}"
            raise NotFound(name, "EvaluateTags makes reports", reason="TAG_REPORT_NOT_FOUND")
        return found

    async def several(self, below: int, most: int) -> Sequence[tuple[int, TagReport]]:
        """Reports, newest first, those below a number only; 0 for all."""
        return await self._database.read(lambda connection: stored.reports(connection, below, most))
