"""Outcome events of all customers who may be read for a purpose, in the order of the log; knows no request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fieldwise_profile.consenting import Consenting
from fieldwise_profile.core.event import Event
from fieldwise_profile.permitting import permitted_for
from fieldwise_profile.store import listings
from fieldwise_runtime.database import Database


@dataclass(frozen=True)
class OutcomeLists:
    """Lists outcomes.

    Args:
        members: All names of the person of a customer.
    """

    database: Database
    consenting: Consenting
    members: Callable[[str], tuple[str, ...]]

    async def page(self, after: int, most: int, purpose: int) -> tuple[Sequence[Event], int]:
        """Some outcomes after a position of the log, and the position to go on from: those of others are passed over."""
        found = await self.database.read(lambda connection: listings.outcomes_after(connection, after, most))
        last = found[-1][0] if found else after
        persons = {event.customer: self.members(event.customer) for _, event in found}
        permitted = permitted_for(self.consenting, purpose)
        if permitted is not None:
            allowed = frozenset(await permitted(list(dict.fromkeys(persons.values()))))
            return [event for _, event in found if persons[event.customer] in allowed], last
        return [event for _, event in found], last
