"""Answers who may be meant by a record; knows no wire and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fieldwise_profile.core.identity.comparing import LEVELS, Field
from fieldwise_profile.core.identity.record import record_of
from fieldwise_profile.identities import Identities
from fieldwise_profile.matching import Candidate, Matching
from fieldwise_runtime.errors import NotFound


@dataclass(frozen=True)
class Evidence:
    """What one field says about a pair, in log-odds."""

    field: Field
    agreement: str
    log_odds: float


@dataclass(frozen=True)
class Duplicate:
    """A person who may be meant, by the name that agrees best."""

    name: str
    canonical: str
    probability: float
    evidence: Sequence[Evidence]
    contradictions: Sequence[str]


class Duplicates:
    """Finds them for a record that is being entered, or for a customer."""

    def __init__(self, matching: Matching, identities: Identities) -> None:
        self._matching = matching
        self._identities = identities

    @property
    def weights_version(self) -> str:
        return self._matching.weights.version

    async def of_record(self, stated: Mapping[str, str], limit: int) -> list[Duplicate] | None:
        """Persons who may be meant, most probable first; None when the record tells nobody from another."""
        record = record_of(stated)
        if record.is_empty:
            return None
        return self._told(await self._matching.of_records([record]), limit)

    async def of_customer(self, name: str, limit: int) -> list[Duplicate] | None:
        """The same for all that is stated of a customer.

        Raises:
            NotFound: There is no record of him.
        """
        records = await self._matching.records_of(name)
        if not records:
            remedy = "ingest an identification of the customer, or correct the name"
            raise NotFound(name, remedy, reason="CUSTOMER_NOT_FOUND")
        if all(record.is_empty for record in records):
            return None
        found = await self._matching.of_records(records, leave_out=self._identities.members(name))
        return self._told(found, limit)

    def _told(self, candidates: Sequence[Candidate], limit: int) -> list[Duplicate]:
        persons: dict[str, Duplicate] = {}
        for each in candidates:
            canonical = self._identities.canonical(each.customer)
            if canonical not in persons:
                persons[canonical] = Duplicate(
                    each.customer,
                    canonical,
                    each.probability,
                    _evidence(each),
                    [each.contradiction] if each.contradiction else [],
                )
        return list(persons.values())[:limit]


def _evidence(candidate: Candidate) -> list[Evidence]:
    found = [
        Evidence(field, LEVELS[field][candidate.levels[field]], log_odds)
        for field, log_odds in candidate.evidence.items()
    ]
    return sorted(found, key=lambda each: -abs(each.log_odds))
