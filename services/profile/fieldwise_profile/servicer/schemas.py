"""The wire of SchemaService: requests into core values and answers back; no rules of the trade, no SQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from google.rpc.error_details_pb2 import BadRequest

from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import schema_service_pb2 as wire
from fieldwise.profile.v1.schema_service_pb2_grpc import SchemaServiceServicer
from fieldwise_profile.auditing import Auditing
from fieldwise_profile.core.purposes import Purpose, opens
from fieldwise_profile.core.schemas import TYPES, EventSchema, SchemaField
from fieldwise_profile.dead_letters import DeadLetters, Opened
from fieldwise_profile.schemas import Catalogue
from fieldwise_profile.servicer.privacy import moment, timestamp
from fieldwise_profile.store.dead_letters import Wanted
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_PAGE: Final = 100
_LARGEST_PAGE: Final = 1_000
_LETTER: Final = "deadLetters/"

_Context = Any


@dataclass(frozen=True)
class Parts:
    """The use cases that the servicer calls."""

    catalogue: Catalogue
    letters: DeadLetters
    auditing: Auditing


class SchemasAndLetters(SchemaServiceServicer):
    """fieldwise.profile.v1.SchemaService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def CreateEventSchema(
        self, request: wire.CreateEventSchemaRequest, context: _Context
    ) -> wire.EventSchema:
        fields = [_field(each) for each in request.fields]
        schema, at = await self._parts.catalogue.create(request.name, fields, moment(request.decision_time))
        return _schema(schema, at)

    async def ListEventSchemas(
        self, request: wire.ListEventSchemasRequest, context: _Context
    ) -> wire.ListEventSchemasResponse:
        listed = await self._parts.catalogue.listed()
        return wire.ListEventSchemasResponse(schemas=[_schema(*each) for each in listed])

    async def ListDeadLetters(
        self, request: wire.ListDeadLettersRequest, context: _Context
    ) -> wire.ListDeadLettersResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        wanted = _wanted(request.filter)
        scope = f"dead letters {wanted}"
        time, _, last = cursor_of(request.page_token, scope).partition(" ")
        opening = opens(request.purpose)
        if opening:
            await self._parts.auditing.note(
                "DEAD_LETTERS_READ", moment(request.decision_time), purpose=request.purpose
            )
        explained = opening or int(request.purpose) == Purpose.UPKEEP
        found, total = await self._parts.letters.page(
            wanted, (int(time or -1), last), size + 1, opening=explained
        )
        end = found[size - 1].row if len(found) > size else None
        return wire.ListDeadLettersResponse(
            letters=[_letter(each, shown=opening) for each in found[:size]],
            next_page_token="" if end is None else page_token(f"{end.received_at} {end.id}", scope),
            total_size=total,
        )

    async def ReplayDeadLetters(
        self, request: wire.ReplayDeadLettersRequest, context: _Context
    ) -> AsyncIterator[wire.ReplayDeadLettersResponse]:
        wanted = _wanted(request.filter)
        if request.names and wanted.conditions():
            remedy = "leave it out, or leave names out"
            raise InvalidRequest([Violation("filter", "a filter beside names", remedy)])
        now = moment(request.decision_time)
        ids = [name.removeprefix(_LETTER) for name in request.names]
        await self._parts.auditing.note("DEAD_LETTERS_REPLAYED", now, purpose=Purpose.UPKEEP)
        async for each in self._parts.letters.replay(ids, wanted, now):
            yield wire.ReplayDeadLettersResponse(
                done=each.done,
                total=each.total,
                accepted=each.accepted,
                duplicates=each.duplicates,
                still_refused=each.still_refused,
                unreadable=each.unreadable,
            )


def _field(sent: wire.EventSchemaField) -> SchemaField:
    # Numbers that the contract does not know are shown as they are, and refused by the rules of schemas.
    kind = TYPES[sent.type - 1] if 1 <= sent.type <= len(TYPES) else str(sent.type)
    known = {int(purpose): purpose.name for purpose in Purpose}
    purposes = {known.get(each, str(each)) for each in sent.purposes}
    return SchemaField(sent.name, kind, sent.unit, tuple(sorted(purposes)), sent.personal)


def _schema(schema: EventSchema, at: int) -> wire.EventSchema:
    return wire.EventSchema(
        name=schema.name,
        version=schema.version,
        create_time=timestamp(at),
        fields=[
            wire.EventSchemaField(
                name=each.name,
                type=wire.AttributeType.ValueType(TYPES.index(each.type) + 1),
                unit=each.unit,
                purposes=[consent_pb2.Purpose.ValueType(Purpose[name]) for name in each.purposes],
                personal=each.personal,
            )
            for each in schema.fields
        ],
    )


def _wanted(told: wire.DeadLetterFilter) -> Wanted:
    return Wanted(told.customer, told.source, told.kind, told.field)


def _letter(opened: Opened, *, shown: bool) -> wire.DeadLetter:
    row = opened.row
    faults = [
        BadRequest.FieldViolation(field=field, description=description)
        for field, description in opened.faults
    ]
    return wire.DeadLetter(
        name=f"{_LETTER}{row.id}",
        receive_time=timestamp(row.received_at),
        last_receive_time=timestamp(row.last_received_at),
        times=row.times,
        source=row.source or "",
        event_id=row.event_id or "",
        customer=row.customer or "",
        kind=row.kind,
        fields=json.loads(row.fields),
        details=BadRequest(field_violations=faults) if faults else None,
        event=opened.event if shown else None,
    )
