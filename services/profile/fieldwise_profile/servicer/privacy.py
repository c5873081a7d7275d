"""The wire of PrivacyService: requests into core values and answers back; no rules of the trade, no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_service_pb2
from fieldwise.profile.v1 import privacy_service_pb2 as wire
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceServicer
from fieldwise_profile.auditing import Auditing
from fieldwise_profile.consenting import SOURCE, Consenting, Said, event_id_of
from fieldwise_profile.core import receipt as receipts
from fieldwise_profile.core import signing
from fieldwise_profile.core.audit_chain import Entry, Head
from fieldwise_profile.core.consent import Word, refused_channels, together, withdraws
from fieldwise_profile.core.event import SECOND
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.core.purposes import Purpose, opens
from fieldwise_profile.core.receipt import Part, Receipt
from fieldwise_profile.erasing import Erasing
from fieldwise_profile.exporting import Exporting, Record
from fieldwise_profile.ingest import Ingest
from fieldwise_profile.reading import Reader, erased_rejections
from fieldwise_profile.retention import Retention
from fieldwise_profile.rotating import Rotating
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_PAGE: Final = 100
_LARGEST_PAGE: Final = 1_000
_IDLE_DAYS: Final = 90
_LINES_AT_ONCE: Final = 500

# grpc.aio and grpc have contexts of different types; no method here uses its own.
_Context = Any


@dataclass(frozen=True)
class Parts:
    """The use cases that the servicer calls."""

    reader: Reader
    ingest: Ingest
    consenting: Consenting
    exporting: Exporting
    erasing: Erasing
    auditing: Auditing
    retention: Retention
    rotating: Rotating


class Privacy(PrivacyServiceServicer):
    """fieldwise.profile.v1.PrivacyService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def SetConsent(self, request: wire.SetConsentRequest, context: _Context) -> wire.ConsentState:
        batch = self._parts.reader.read(_consent_batch(request))
        refused = list(batch.rejected)
        if not refused:
            appended = await self._parts.ingest.store(batch.events)
            refused = erased_rejections(batch, appended.erased)
        if refused:
            raise InvalidRequest([_fault(each) for each in refused[0].details.field_violations])
        await self._parts.auditing.note(
            "CONSENT_SET",
            moment(request.decision_time),
            customers=[request.name],
            details={"granted": request.granted, "subject": request.channel or Purpose(request.purpose).name},
        )
        return await self._state(request.name)

    async def ListConsents(
        self, request: wire.ListConsentsRequest, context: _Context
    ) -> wire.ListConsentsResponse:
        customers = await self._parts.exporting.people(request.name)
        opening = opens(request.purpose)
        at = moment(request.decision_time)
        if opening:
            await self._parts.auditing.note("CONSENTS_READ", at, customers=customers, purpose=request.purpose)
            self._parts.auditing.seen(["consent.proof"], request.purpose, at)
        history = await self._parts.consenting.history(customers, opening=opening)
        return wire.ListConsentsResponse(
            state=await self._state(request.name), history=[_word_said(each) for each in history]
        )

    async def _state(self, name: str) -> wire.ConsentState:
        customers = await self._parts.exporting.people(name)
        said = together((await self._parts.consenting.words(customers)).values())
        return wire.ConsentState(
            name=name,
            holding=[_word_held(subject, each) for subject, each in sorted(said.items())],
            refused_channels=refused_channels(said),
            refused_purposes=[
                consent_pb2.Purpose.ValueType(each) for each in self._parts.consenting.refused_purposes(said)
            ],
        )

    async def GetPersonalData(
        self, request: wire.GetPersonalDataRequest, context: _Context
    ) -> wire.PersonalData:
        at = moment(request.decision_time)
        members, records = await self._parts.exporting.personal_data(request.name, request.purpose, at)
        return wire.PersonalData(
            name=request.name, members=members, records=[_record(each) for each in records]
        )

    async def ExportCustomer(
        self, request: wire.ExportCustomerRequest, context: _Context
    ) -> AsyncIterator[wire.ExportCustomerResponse]:
        async for lines in self._parts.exporting.export(request.name, moment(request.decision_time)):
            for start in range(0, len(lines), _LINES_AT_ONCE):
                yield wire.ExportCustomerResponse(lines=lines[start : start + _LINES_AT_ONCE])

    async def EraseCustomer(
        self, request: wire.EraseCustomerRequest, context: _Context
    ) -> wire.ErasureReceipt:
        at = moment(request.decision_time)
        return self._receipt(await self._parts.erasing.erase(request.name, request.request_id, at))

    async def ConfirmErasure(
        self, request: wire.ConfirmErasureRequest, context: _Context
    ) -> wire.ErasureReceipt:
        part = request.part
        done_at = moment(part.done_time) if part.HasField("done_time") else moment(request.decision_time)
        told = Part(part.place, dict(part.counts), done_at, tuple(part.model_versions), part.remains)
        return self._receipt(await self._parts.erasing.confirm(request.request_id, told))

    async def ListErasures(
        self, request: wire.ListErasuresRequest, context: _Context
    ) -> wire.ListErasuresResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        scope = "erasures " + " ".join(sorted(request.missing))
        cursor = cursor_of(request.page_token, scope)
        time, _, last = cursor.partition(" ")
        found, more = await self._parts.erasing.page((int(time or -1), last), size, list(request.missing))
        token = page_token(f"{found[-1].erased_at} {found[-1].request_id}", scope) if more else ""
        return wire.ListErasuresResponse(
            receipts=[self._receipt(each) for each in found], next_page_token=token
        )

    async def VerifyReceipt(
        self, request: wire.VerifyReceiptRequest, context: _Context
    ) -> wire.VerifyReceiptResponse:
        public = self._parts.erasing.public_key
        fault = self._receipt_fault(request.receipt)
        return wire.VerifyReceiptResponse(valid=not fault, fault=fault, public_key=public)

    def _receipt_fault(self, shown: wire.ErasureReceipt) -> str:
        if not signing.is_signed(self._parts.erasing.public_key, shown.statement.encode(), shown.signature):
            return "the signature is not this installation's for this statement"
        try:
            stated = self._receipt(receipts.read(shown.statement))
        except ValueError as fault:
            return str(fault)
        bare = wire.ErasureReceipt(statement=shown.statement, signature=shown.signature)
        stated.public_key = shown.public_key
        bare.public_key = shown.public_key
        return "" if shown in (stated, bare) else "its fields do not say what was signed"

    def _receipt(self, made: Receipt) -> wire.ErasureReceipt:
        return wire.ErasureReceipt(
            request_id=made.request_id,
            customers=made.customers,
            erase_time=timestamp(made.erased_at),
            parts=[
                wire.ErasedPart(
                    place=part.place,
                    counts=part.counts,
                    model_versions=part.model_versions,
                    remains=part.remains,
                    done_time=timestamp(part.done_at),
                )
                for part in made.parts
            ],
            statement=made.statement(),
            signature=self._parts.erasing.signature(made),
            public_key=self._parts.erasing.public_key,
        )

    async def ListFields(self, request: wire.ListFieldsRequest, context: _Context) -> wire.ListFieldsResponse:
        return wire.ListFieldsResponse(
            fields=[
                wire.PersonalField(
                    field=each.name,
                    sealed=each.sealed,
                    purposes=[consent_pb2.Purpose.ValueType(purpose) for purpose in each.purposes],
                    retention_days=each.days,
                    reason=each.reason,
                )
                for each in self._parts.retention.fields()
            ]
        )

    async def ReportMinimisation(
        self, request: wire.ReportMinimisationRequest, context: _Context
    ) -> wire.ReportMinimisationResponse:
        now = moment(request.decision_time)
        uses = await self._parts.retention.uses(now, request.days or _IDLE_DAYS)
        return wire.ReportMinimisationResponse(
            fields=[
                wire.FieldUse(
                    field=each.field,
                    collected=each.collected,
                    unused=each.unused,
                    reads=[
                        wire.FieldRead(purpose=_purpose(name), last_time=timestamp(at))
                        for name, at in sorted(each.reads.items())
                    ],
                )
                for each in uses
            ]
        )

    async def ListAuditEntries(
        self, request: wire.ListAuditEntriesRequest, context: _Context
    ) -> wire.ListAuditEntriesResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        scope = f"audit {request.name}"
        after = int(cursor_of(request.page_token, scope) or 0)
        customers = [request.name] if request.name else None
        found, head = await self._parts.auditing.page(after, size + 1, customers)
        token = page_token(str(found[size - 1][0].sequence), scope) if len(found) > size else ""
        return wire.ListAuditEntriesResponse(
            entries=[_entry(*each) for each in found[:size]],
            next_page_token=token,
            head=wire.AuditHead(sequence=head.sequence, link=head.link, signature=head.signature),
        )

    async def VerifyAudit(
        self, request: wire.VerifyAuditRequest, context: _Context
    ) -> wire.VerifyAuditResponse:
        kept = request.head
        told = Head(kept.sequence, kept.link, kept.signature) if request.HasField("head") else None
        verdict = await self._parts.auditing.verify(told)
        return wire.VerifyAuditResponse(
            entries=verdict.entries,
            valid=not verdict.fault,
            first_fault=verdict.first_fault,
            fault=verdict.fault,
        )

    async def RotateKeys(
        self, request: wire.RotateKeysRequest, context: _Context
    ) -> AsyncIterator[wire.RotateKeysResponse]:
        async for each in self._parts.rotating.rotate(moment(request.decision_time)):
            yield wire.RotateKeysResponse(
                done=each.done, total=each.total, version=each.version, retired=each.retired
            )

    async def ApplyRetention(
        self, request: wire.ApplyRetentionRequest, context: _Context
    ) -> wire.ApplyRetentionResponse:
        now = moment(request.decision_time)
        removed = await self._parts.retention.apply(now, dry_run=request.dry_run)
        return wire.ApplyRetentionResponse(removed=removed)


def moment(time: Timestamp) -> int:
    """Microseconds since 1970."""
    return moment_of(time.seconds, time.nanos)


def timestamp(at: int) -> Timestamp:
    """Microseconds since 1970 as a Timestamp."""
    return Timestamp(seconds=at // SECOND, nanos=at % SECOND * 1000)


def _purpose(name: str) -> consent_pb2.Purpose.ValueType:
    return consent_pb2.Purpose.ValueType(Purpose[name])


def _consent_batch(request: wire.SetConsentRequest) -> profile_service_pb2.IngestEventsRequest:
    """The word as an event, so that it is checked as one that a source sends."""
    said = request.said_time if request.HasField("said_time") else request.decision_time
    event = event_pb2.Event(
        event_id=event_id_of(request.request_id),
        source=SOURCE,
        customer=request.name,
        event_time=said,
        consent=event_pb2.Consent(
            purpose=request.purpose,
            channel=request.channel,
            granted=request.granted,
            policy_version=request.policy_version,
            proof=request.proof,
        ),
    )
    return profile_service_pb2.IngestEventsRequest(events=[event], decision_time=request.decision_time)


def _fault(told: Any) -> Violation:
    value, _, remedy = told.description.removeprefix("got ").partition("; ")
    return Violation(told.field.removeprefix("consent."), value, remedy)


def _word_held(subject: str, said: Word) -> wire.ConsentWord:
    return wire.ConsentWord(subject=subject, granted=not withdraws(said), said_time=timestamp(said // 2))


def _word_said(said: Said) -> wire.ConsentWord:
    return wire.ConsentWord(
        subject=said.subject,
        granted=said.granted,
        said_time=timestamp(said.said_at),
        known_at=timestamp(said.known_at),
        policy_version=said.policy_version,
        proof=said.proof,
        source=said.source,
        event_id=said.event_id,
        customer=said.customer,
    )


def _record(each: Record) -> wire.PersonalRecord:
    return wire.PersonalRecord(
        customer=each.customer,
        source=each.source,
        event_id=each.event_id,
        event_time=timestamp(each.event_time),
        fields=each.fields,
    )


def _entry(entry: Entry, link: bytes) -> wire.AuditEntry:
    return wire.AuditEntry(
        sequence=entry.sequence,
        time=timestamp(entry.at),
        action=entry.action,
        subject=entry.subject,
        purpose=_purpose(entry.purpose) if entry.purpose else consent_pb2.PURPOSE_UNSPECIFIED,
        details=entry.details,
        link=link,
    )
