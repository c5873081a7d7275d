"""What is known of a person, opened for him or for whoever serves him; knows no wire.

Everything shown is written to the audit log before it is shown.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_profile import dead_letters
from fieldwise_profile.auditing import Auditing
from fieldwise_profile.core.event import Event, Kind
from fieldwise_profile.core.purposes import Purpose, opens
from fieldwise_profile.core.register import KIND_NAMES, field_name
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import consents, erasures, personal_events
from fieldwise_profile.store import dead_letters as letters
from fieldwise_profile.store.dead_letters import Wanted
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, NotFound

_EVENTS_AT_ONCE: Final = 2_000
_MOST_LETTERS: Final = 10_000

# More lines of an export, of data that others own.
Exporter = Callable[[sa.Connection, Sequence[str]], Iterable[Mapping[str, object]]]


@dataclass(frozen=True)
class Record:
    """What a source stated of a person at one time (microseconds); fields as somebody typed them."""

    customer: str
    source: str
    event_id: str
    event_time: int
    fields: Mapping[str, str]


class Exporting:
    """Shows what is sealed, to those who may see it."""

    def __init__(
        self,
        database: Database,
        sealing: Sealing,
        auditing: Auditing,
        members: Callable[[str], Sequence[str]],
        exporters: Sequence[Exporter] = (),
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._auditing = auditing
        self._members = members
        self._exporters = exporters

    async def people(self, name: str) -> list[str]:
        """Everybody who is the same person, ascending.

        Raises:
            NotFound: Reason CUSTOMER_NOT_FOUND; nobody is, or he was erased.
        """
        customers = sorted({name, *self._members(name)})
        known = await self._database.read(lambda c: erasures.known(c, customers))
        if known.get(name) is False:
            return [each for each in customers if known.get(each) is False]
        remedy = "he was erased" if name in known else "ingest an event of his, or correct the name"
        raise NotFound(name, remedy, reason="CUSTOMER_NOT_FOUND")

    async def personal_data(self, name: str, purpose: int, at: int) -> tuple[list[str], list[Record]]:
        """Everybody who is the person, and what each source stated of him, newest first.

        Raises:
            NotFound: Reason CUSTOMER_NOT_FOUND.
            FailedPrecondition: Reason PURPOSE_CANNOT_OPEN.
        """
        if not opens(purpose):
            message = (
                f"purpose {Purpose(purpose).name} may not see what is sealed; SERVICE and RIGHTS may, "
                "when that is what it is for"
            )
            raise FailedPrecondition("PURPOSE_CANNOT_OPEN", message)
        customers = await self.people(name)
        await self._auditing.note("PERSONAL_DATA_READ", at, customers=customers, purpose=purpose)
        found = await self._database.read(lambda c: self._records(c, customers))
        fields = {f"identification.{field}" for record in found for field in record.fields}
        self._auditing.seen(fields, purpose, at)
        return customers, sorted(found, key=lambda each: (-each.event_time, each.source, each.event_id))

    async def export(self, name: str, at: int) -> AsyncIterator[list[str]]:
        """Everything of a person as lines of JSON, some at a time.

        Raises:
            NotFound: Reason CUSTOMER_NOT_FOUND.
        """
        customers = await self.people(name)
        await self._auditing.note("CUSTOMER_EXPORTED", at, customers=customers, purpose=Purpose.RIGHTS)
        yield [_line({"type": "customer", "name": name, "members": customers, "exported_at": at})]
        after = 0
        while found := await self._database.read(lambda c: self._events(c, customers, after)):  # noqa: B023  # awaited before the next
            after = found[-1][0]
            self._auditing.seen(_personal_fields(event for _, event in found), Purpose.RIGHTS, at)
            yield [_event_line(event) for _, event in found]
        yield await self._database.read(lambda c: self._rest(c, customers))

    def _records(self, connection: sa.Connection, customers: Sequence[str]) -> list[Record]:
        found = self._opened(
            connection, personal_events.of(connection, customers, (int(Kind.IDENTIFICATION),))
        )
        return [
            Record(each.customer, each.source, each.event_id, each.event_time, _texts(each.personal))
            for each in found
        ]

    def _events(
        self, connection: sa.Connection, customers: Sequence[str], after: int
    ) -> list[tuple[int, Event]]:
        found = personal_events.after(connection, customers, after, _EVENTS_AT_ONCE)
        opened = self._opened(connection, [event for _, event in found])
        return [(sequence, event) for (sequence, _), event in zip(found, opened, strict=True)]

    def _opened(self, connection: sa.Connection, found: Sequence[Event]) -> list[Event]:
        sealed = [
            (each.customer, each.source, each.event_id, each.personal)
            for each in found
            if each.personal is not None
        ]
        texts = iter(self._sealing.opened(connection, sealed))
        return [each if each.personal is None else each._replace(personal=next(texts)) for each in found]

    def _rest(self, connection: sa.Connection, customers: Sequence[str]) -> list[str]:
        lines = [
            _line(
                {
                    "type": "consent",
                    "customer": name,
                    "subject": subject,
                    "granted": not held % 2,
                    "said_at": held // 2,
                }
            )
            for name, said in sorted(consents.of(connection, customers).items())
            for subject, held in sorted(said.items())
        ]
        for name in customers:
            rows = letters.page(connection, Wanted(customer=name), (-1, ""), _MOST_LETTERS)
            lines += [_letter_line(each) for each in dead_letters.opened(connection, rows, self._sealing)]
        for exporter in self._exporters:
            lines += [_line(each) for each in exporter(connection, customers)]
        return lines


def _texts(personal: bytes | None) -> dict[str, str]:
    return {} if personal is None else {key: str(value) for key, value in json.loads(personal).items()}


def _personal_fields(found: Iterable[Event]) -> set[str]:
    return {
        field_name(event.kind, event.target, key)
        for event in found
        if event.personal is not None
        for key in json.loads(event.personal)
    }


def _event_line(event: Event) -> str:
    told: dict[str, Any] = {key: value for key, value in event._asdict().items() if value is not None}
    told["kind"] = KIND_NAMES[event.kind]
    for key in ("details", "personal"):
        if key in told:
            told[key] = json.loads(told[key])
    return _line({"type": "event", **told})


def _letter_line(opened: dead_letters.Opened) -> str:
    told = {
        "type": "dead_letter",
        "received_at": opened.row.received_at,
        "faults": [list(each) for each in opened.faults],
    }
    if opened.event is not None:
        told["event"] = str(opened.event)
    return _line(told)


def _line(facts: Mapping[str, object]) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True)
