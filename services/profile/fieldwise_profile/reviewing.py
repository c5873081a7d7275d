"""Reviewing what sources stated of customers: better values beside the stored ones; knows no wire and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from fieldwise_profile.auditing import Auditing
from fieldwise_profile.core.cleaning.records import Cleaned, Suggestion, cleaned
from fieldwise_profile.core.event import Kind
from fieldwise_profile.core.field_quality import FieldQuality, completeness, field_qualities
from fieldwise_profile.core.purposes import Purpose, opens
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import erasures, personal_events
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition


@dataclass(frozen=True)
class Stated:
    """One record: where it comes from and what it says."""

    customer: str
    source: str
    event_id: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Advice:
    """A suggestion for one record."""

    record: Stated
    suggestion: Suggestion


@dataclass(frozen=True)
class Review:
    """What is to be said of one person's records."""

    name: str
    records: int
    advice: Sequence[Advice]
    fields: Sequence[FieldQuality]
    completeness: float


class Reviewing:
    """Reviews records of customers."""

    def __init__(
        self,
        database: Database,
        sealing: Sealing,
        auditing: Auditing,
        members: Callable[[str], Sequence[str]],
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._auditing = auditing
        self._members = members

    async def review(self, names: Sequence[str], purpose: int, at: int) -> tuple[list[Review], list[str]]:
        """Reviews in the order asked, and the names that are not known or were erased.

        Values are left out for a purpose that shows no content to a person.

        Raises:
            FailedPrecondition: Reason PURPOSE_CANNOT_OPEN.
        """
        if not opens(purpose) and purpose != Purpose.UPKEEP:
            message = (
                f"purpose {Purpose(purpose).name} may not read what is sealed; SERVICE and RIGHTS may, and UPKEEP "
                "without the values"
            )
            raise FailedPrecondition("PURPOSE_CANNOT_OPEN", message)
        people = {name: sorted({name, *self._members(name)}) for name in names}
        everybody = sorted({member for members in people.values() for member in members})
        known = await self._database.read(lambda connection: erasures.known(connection, everybody))
        living = [name for name in people if known.get(name) is False]
        if living:
            asked = sorted(
                {member for name in living for member in people[name] if known.get(member) is False}
            )
            await self._auditing.note("RECORDS_REVIEWED", at, customers=asked, purpose=purpose)
        found = await self._database.read(
            lambda connection: self._reviews(connection, {name: people[name] for name in living})
        )
        shown = found if opens(purpose) else [_without_values(review) for review in found]
        return shown, [name for name in people if name not in living]

    def _reviews(self, connection: sa.Connection, people: Mapping[str, Sequence[str]]) -> list[Review]:
        everybody = sorted({member for members in people.values() for member in members})
        stated = self._stated(connection, everybody)
        persons = {member: index for index, members in enumerate(people.values()) for member in members}
        owners = [persons[each.customer] for each in stated]
        judged = list(zip(stated, cleaned([each.fields for each in stated], same=owners), strict=True))
        return [
            _review(name, [pair for pair in judged if pair[0].customer in members])
            for name, members in people.items()
        ]

    def _stated(self, connection: sa.Connection, customers: Sequence[str]) -> list[Stated]:
        found = personal_events.of(connection, customers, (int(Kind.IDENTIFICATION),))
        sealed = [
            (each.customer, each.source, each.event_id, each.personal)
            for each in found
            if each.personal is not None
        ]
        texts = self._sealing.opened(connection, sealed)
        return [
            Stated(customer, source, event_id, json.loads(text))
            for (customer, source, event_id, _), text in zip(sealed, texts, strict=True)
            if text is not None
        ]


def _review(name: str, judged: Sequence[tuple[Stated, Cleaned]]) -> Review:
    advice = [
        Advice(record, suggestion)
        for record, result in judged
        for suggestion in result.suggestions
        # What another record states is known already; only what is stated can be wrong.
        if suggestion.reason != "FILLED"
    ]
    advice.sort(key=lambda each: (-each.suggestion.confidence, each.record.event_id, each.suggestion.field))
    qualities = field_qualities([record.fields for record, _ in judged])
    return Review(name, len(judged), advice, qualities, completeness(qualities))


def _without_values(review: Review) -> Review:
    hidden = [
        replace(each, suggestion=replace(each.suggestion, stated="", suggested="")) for each in review.advice
    ]
    return replace(review, advice=hidden)
