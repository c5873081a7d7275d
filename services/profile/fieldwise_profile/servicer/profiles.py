"""The wire of ProfileService: requests into core values and answers back; no rules of the trade, no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import profile_pb2, profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceServicer
from fieldwise_profile import measures
from fieldwise_profile.auditing import Auditing
from fieldwise_profile.behaving import Behaving, Span, kinds_of
from fieldwise_profile.consenting import Consenting
from fieldwise_profile.core.event import KIND_NAMES
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.core.noise import WEIGHTS, WHOLE
from fieldwise_profile.core.purposes import opens
from fieldwise_profile.core.register import personal_fields
from fieldwise_profile.dead_letters import letters_of, letters_refused_before
from fieldwise_profile.event_messages import event_message
from fieldwise_profile.ingest import Ingest, Reading
from fieldwise_profile.listing_events import EventLists, Weighed
from fieldwise_profile.listing_outcomes import OutcomeLists
from fieldwise_profile.permitting import permitted_for
from fieldwise_profile.picturing import feature_set, timestamp
from fieldwise_profile.reading import Batch, Reader, erased_rejections
from fieldwise_profile.rebuilding import Rebuilding
from fieldwise_profile.showing import WORDS_FOR, Look, Showing
from fieldwise_profile.store import event_lists, listings
from fieldwise_profile.store.event_lists import Wanted
from fieldwise_profile.store.listings import WEEK, WeekOfSales
from fieldwise_profile.telling_changes import ChangeTelling
from fieldwise_profile.training import Training
from fieldwise_profile.watching import Watching
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_PAGE: Final = 1_000
_EVENTS_PAGE: Final = 100
_LARGEST_EVENTS_PAGE: Final = 1_000
_LARGEST_PAGE: Final = 10_000
_SERIES_AT_ONCE: Final = 50
_EARLIEST_CUTOFF: Final = 946_684_800
_LATEST_CUTOFF: Final = 4_102_444_800

_Context = grpc.aio.ServicerContext[object, object]


@dataclass(frozen=True)
class Parts:
    """The use cases that the servicer calls."""

    database: Database
    reader: Reader
    ingest: Ingest
    showing: Showing
    training: Training
    behaving: Behaving
    consenting: Consenting
    watching: Watching
    changes: ChangeTelling
    event_lists: EventLists
    outcomes: OutcomeLists
    rebuilding: Rebuilding
    auditing: Auditing
    currency: str


class Profiles(ProfileServiceServicer):
    """fieldwise.profile.v1.ProfileService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._feature_set = feature_set(parts.currency)

    async def IngestEvents(
        self, request_iterator: AsyncIterator[profile_service_pb2.IngestEventsRequest], context: _Context
    ) -> AsyncIterator[profile_service_pb2.IngestEventsResponse]:
        async for stored in self._parts.ingest.stored(self._readings(request_iterator)):
            batch = stored.read
            self._parts.watching.saw(batch.moment)
            refused = [*batch.rejected, *erased_rejections(batch, stored.erased)]
            duplicates = len(batch.events) + len(batch.rejected) - stored.accepted - len(refused)
            measures.answered(stored.accepted, duplicates, len(refused))
            measures.arrived(batch.moment, (event.event_time for event in batch.events))
            yield profile_service_pb2.IngestEventsResponse(
                batch_number=batch.number,
                accepted=stored.accepted,
                duplicates=duplicates,
                rejected=sorted(refused, key=lambda rejection: rejection.index),
            )

    async def _readings(
        self, requests: AsyncIterator[profile_service_pb2.IngestEventsRequest]
    ) -> AsyncIterator[Callable[[], Reading[Batch]]]:
        async for request in requests:
            yield partial(self._read, request)

    def _read(self, request: profile_service_pb2.IngestEventsRequest) -> Reading[Batch]:
        batch = self._parts.reader.read(request)
        return batch, batch.events, letters_of(request, batch)

    async def KeepRefusedEvents(
        self, request: profile_service_pb2.KeepRefusedEventsRequest, context: _Context
    ) -> profile_service_pb2.KeepRefusedEventsResponse:
        await self._parts.ingest.store((), letters_refused_before(request))
        return profile_service_pb2.KeepRefusedEventsResponse()

    async def GetProfile(
        self, request: profile_service_pb2.GetProfileRequest, context: _Context
    ) -> profile_pb2.Profile:
        (found,) = await self._profiles([request.name], request)
        if found is None:
            remedy = (
                "ingest an event of his that is known by then, or correct the name; who was erased stays away"
            )
            raise NotFound(request.name, remedy, reason="CUSTOMER_NOT_FOUND")
        return found

    async def BatchGetProfiles(
        self, request: profile_service_pb2.BatchGetProfilesRequest, context: _Context
    ) -> profile_service_pb2.BatchGetProfilesResponse:
        names = list(request.names)
        found = await self._profiles(names, request)
        return profile_service_pb2.BatchGetProfilesResponse(
            profiles=[profile for profile in found if profile is not None],
            not_found=[name for name, profile in zip(names, found, strict=True) if profile is None],
            feature_set=self._feature_set,
        )

    async def _profiles(
        self,
        names: Sequence[str],
        request: profile_service_pb2.GetProfileRequest | profile_service_pb2.BatchGetProfilesRequest,
    ) -> list[profile_pb2.Profile | None]:
        look = Look(_moment(request.as_of), request.purpose, request.view == profile_pb2.PROFILE_VIEW_FULL)
        if look.full and look.purpose in WORDS_FOR:
            self._parts.auditing.seen(("search.query",), look.purpose, look.moment)
        return await self._parts.showing.shown(names, look)

    async def ListCustomers(
        self, request: profile_service_pb2.ListCustomersRequest, context: _Context
    ) -> profile_service_pb2.ListCustomersResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        after = cursor_of(request.page_token, "customers")
        names, total = await self._parts.database.read(
            lambda c: (listings.customers_after(c, after, size + 1), listings.customer_count(c))
        )
        token = page_token(names[size - 1], "customers") if len(names) > size else ""
        return profile_service_pb2.ListCustomersResponse(
            names=names[:size], next_page_token=token, total_size=total
        )

    async def StreamFeatures(
        self, request: profile_service_pb2.StreamFeaturesRequest, context: _Context
    ) -> AsyncIterator[profile_service_pb2.StreamFeaturesResponse]:
        _check_cutoffs(request.cutoffs)
        cutoffs = [_moment(cutoff) for cutoff in request.cutoffs]
        # The set stands in a message of its own: it is there even when there are no rows.
        yield profile_service_pb2.StreamFeaturesResponse(
            feature_set=self._feature_set, cutoff=request.cutoffs[0]
        )
        permitted = permitted_for(self._parts.consenting, request.purpose)
        async for rows in self._parts.training.rows(cutoffs, request.names, permitted):
            yield profile_service_pb2.StreamFeaturesResponse(
                cutoff=timestamp(rows.cutoff), names=rows.names, values=rows.values
            )

    async def StreamBehaviour(
        self, request: profile_service_pb2.StreamBehaviourRequest, context: _Context
    ) -> AsyncIterator[profile_service_pb2.StreamBehaviourResponse]:
        start, until = _moment(request.start), _moment(request.as_of)
        if request.HasField("start") and start >= until:
            violation = Violation("start", f"seconds {request.start.seconds}", "give a time before as_of")
            raise InvalidRequest([violation])
        span = Span(start, until, kinds_of(request.kinds))
        permitted = permitted_for(self._parts.consenting, request.purpose)
        async for columns in self._parts.behaving.columns(span, request.names, permitted):
            yield profile_service_pb2.StreamBehaviourResponse(
                names=columns.names,
                customer=columns.customer,
                time_micros=columns.time,
                kind=columns.kind,
                words=list(columns.words),
                category=columns.category,
                product=columns.product,
                dwell_ms=columns.dwell,
                weight=columns.weight,
            )

    async def StreamWeeklySales(
        self, request: profile_service_pb2.StreamWeeklySalesRequest, context: _Context
    ) -> AsyncIterator[profile_service_pb2.StreamWeeklySalesResponse]:
        start, as_of = _moment(request.start), _moment(request.as_of)
        sales = await self._parts.database.read(lambda c: listings.weekly_sales(c, start, as_of))
        series = list(_series(sales, as_of))
        for first in range(0, len(series), _SERIES_AT_ONCE):
            yield profile_service_pb2.StreamWeeklySalesResponse(
                series=series[first : first + _SERIES_AT_ONCE]
            )

    async def ListOutcomeEvents(
        self, request: profile_service_pb2.ListOutcomeEventsRequest, context: _Context
    ) -> profile_service_pb2.ListOutcomeEventsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        after = int(cursor_of(request.page_token, "outcomes") or 0)
        found, last = await self._parts.outcomes.page(after, size, request.purpose)
        return profile_service_pb2.ListOutcomeEventsResponse(
            events=[event_message(event, self._parts.currency) for event in found],
            next_page_token=page_token(str(last), "outcomes"),
        )

    async def WatchProfiles(
        self, request: profile_service_pb2.WatchProfilesRequest, context: _Context
    ) -> AsyncIterator[profile_pb2.Profile]:
        async for profile in self._parts.watching.watch(list(request.names), _look(request)):
            yield profile

    async def WatchChanges(
        self, request: profile_service_pb2.WatchChangesRequest, context: _Context
    ) -> AsyncIterator[profile_service_pb2.WatchChangesResponse]:
        async for customers, versions in self._parts.changes.follow():
            yield profile_service_pb2.WatchChangesResponse(customers=customers, versions=versions)

    async def ListChanges(
        self, request: profile_service_pb2.ListChangesRequest, context: _Context
    ) -> profile_service_pb2.ListChangesResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        after = int(cursor_of(request.page_token, "changes") or 0)
        if request.from_now and not request.page_token:
            end = await self._parts.database.read(event_lists.position)
            return profile_service_pb2.ListChangesResponse(next_page_token=page_token(str(end), "changes"))
        kinds = frozenset(request.kinds)
        found, end = await self._parts.database.read(
            lambda c: event_lists.changes_after(c, after, size, kinds)
        )
        return profile_service_pb2.ListChangesResponse(
            changes=[
                profile_service_pb2.Change(
                    sequence=each.sequence,
                    customer=each.customer,
                    kind=profile_service_pb2.ChangeKind.ValueType(each.kind),
                )
                for each in found
            ],
            next_page_token=page_token(str(end), "changes"),
        )

    async def ListEvents(
        self, request: profile_service_pb2.ListEventsRequest, context: _Context
    ) -> profile_service_pb2.ListEventsResponse:
        size = clamp_page_size(request.page_size, _EVENTS_PAGE, _LARGEST_EVENTS_PAGE)
        kinds = _kinds(request.kinds)
        until = _moment(request.as_of)
        scope = f"events {request.name} {request.purpose} {kinds}"
        cursor = cursor_of(request.page_token, scope).split()
        before = (int(cursor[0]), int(cursor[1])) if cursor else None
        members = await self._parts.showing.readable(request.name, request.purpose)
        if opens(request.purpose):
            await self._parts.auditing.note("EVENTS_READ", until, customers=members, purpose=request.purpose)
            self._parts.auditing.seen(personal_fields(kinds), request.purpose, until)
        found = await self._parts.event_lists.page(
            Wanted(members, until, kinds, before), size + 1, opening=opens(request.purpose)
        )
        last = found[size - 1] if len(found) > size else None
        return profile_service_pb2.ListEventsResponse(
            events=[self._weighed(each) for each in found[:size]],
            next_page_token=page_token(f"{last.event.event_time} {last.sequence}", scope) if last else "",
        )

    async def RebuildProfiles(
        self, request: profile_service_pb2.RebuildProfilesRequest, context: _Context
    ) -> AsyncIterator[profile_service_pb2.RebuildProfilesResponse]:
        async for progress in self._parts.rebuilding.rebuild(request.names):
            yield profile_service_pb2.RebuildProfilesResponse(
                done=progress.done,
                total=progress.total,
                differing=progress.differing,
                digest=progress.digest,
            )

    def _weighed(self, weighed: Weighed) -> profile_service_pb2.WeighedEvent:
        return profile_service_pb2.WeighedEvent(
            event=event_message(weighed.event, self._parts.currency),
            weight=WEIGHTS[weighed.reason] / WHOLE,
            reason=weighed.reason.name if weighed.reason else "",
        )


def _look(
    request: profile_service_pb2.GetProfileRequest
    | profile_service_pb2.BatchGetProfilesRequest
    | profile_service_pb2.WatchProfilesRequest,
) -> Look:
    full = request.view == profile_pb2.PROFILE_VIEW_FULL
    return Look(_moment(request.as_of) if request.HasField("as_of") else 0, request.purpose, full)


def _kinds(names: Sequence[str]) -> tuple[int, ...]:
    faults = [
        Violation.of(f"kinds[{index}]", name, f"give one of {', '.join(_KINDS)}")
        for index, name in enumerate(names)
        if name not in _KINDS
    ]
    if faults:
        raise InvalidRequest(faults)
    return tuple(sorted({_KINDS[name] for name in names}))


_KINDS: Final = {name: int(kind) for kind, name in KIND_NAMES.items()}


def _moment(time: Timestamp) -> int:
    return moment_of(time.seconds, time.nanos)


def _check_cutoffs(cutoffs: Sequence[Timestamp]) -> None:
    faults = [
        Violation(f"cutoffs[{index}]", f"seconds {cutoff.seconds}", "give a time between 2000 and 2100 (UTC)")
        for index, cutoff in enumerate(cutoffs)
        if not _EARLIEST_CUTOFF <= cutoff.seconds < _LATEST_CUTOFF
    ]
    for index, (earlier, later) in enumerate(pairwise(cutoffs), 1):
        if _moment(later) <= _moment(earlier):
            remedy = f"give a time after cutoffs[{index - 1}]"
            faults.append(Violation(f"cutoffs[{index}]", f"seconds {later.seconds}", remedy))
    if faults:
        raise InvalidRequest(faults)


def _series(sales: Sequence[WeekOfSales], as_of: int) -> Iterator[profile_service_pb2.WeeklySales]:
    """A series for each category, all from the first week with sales of any, to the last whole week."""
    if not sales:
        return
    first = min(each.week for each in sales)
    weeks = (as_of - first) // WEEK
    for category, own in groupby(sales, lambda each: each.category):
        amounts = [0] * weeks
        for each in own:
            amounts[(each.week - first) // WEEK] = each.amount
        yield profile_service_pb2.WeeklySales(
            category=category, first_week=timestamp(first), amount_micros=amounts
        )
