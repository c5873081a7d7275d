"""The wire of profile: requests into core values and answers back; no rules of the trade, no SQL."""

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
from fieldwise_profile.core.event import Event
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.ingest import Ingest
from fieldwise_profile.outcome_events import outcome_event
from fieldwise_profile.picturing import Pictures, feature_set, timestamp
from fieldwise_profile.reading import Batch, Reader
from fieldwise_profile.store import listings
from fieldwise_profile.store.listings import WEEK, WeekOfSales
from fieldwise_profile.training import Training
from fieldwise_profile.viewing import Viewing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_PAGE: Final = 1_000
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
    viewing: Viewing
    pictures: Pictures
    training: Training
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
            yield profile_service_pb2.IngestEventsResponse(
                batch_number=batch.number,
                accepted=stored.accepted,
                duplicates=len(batch.events) - stored.accepted,
                rejected=batch.rejected,
            )

    async def _readings(
        self, requests: AsyncIterator[profile_service_pb2.IngestEventsRequest]
    ) -> AsyncIterator[Callable[[], tuple[Batch, Sequence[Event]]]]:
        async for request in requests:
            yield partial(self._read, request)

    def _read(self, request: profile_service_pb2.IngestEventsRequest) -> tuple[Batch, Sequence[Event]]:
        batch = self._parts.reader.read(request)
        return batch, batch.events

    async def GetProfile(
        self, request: profile_service_pb2.GetProfileRequest, context: _Context
    ) -> profile_pb2.Profile:
        (found,) = await self._profiles([request.name], _moment(request.as_of))
        if found is None:
            remedy = "ingest an event of the customer that was known by as_of, or correct the name"
            raise NotFound(request.name, remedy, reason="CUSTOMER_NOT_FOUND")
        return found

    async def BatchGetProfiles(
        self, request: profile_service_pb2.BatchGetProfilesRequest, context: _Context
    ) -> profile_service_pb2.BatchGetProfilesResponse:
        names = list(request.names)
        found = await self._profiles(names, _moment(request.as_of))
        return profile_service_pb2.BatchGetProfilesResponse(
            profiles=[profile for profile in found if profile is not None],
            not_found=[name for name, profile in zip(names, found, strict=True) if profile is None],
            feature_set=self._feature_set,
        )

    async def _profiles(self, names: Sequence[str], moment: int) -> list[profile_pb2.Profile | None]:
        popular = await self._parts.viewing.popular(moment)
        views = await self._parts.viewing.at(names, moment)
        return [self._parts.pictures.of(view, moment, popular) for view in views]

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
        async for rows in self._parts.training.rows(cutoffs, request.names):
            yield profile_service_pb2.StreamFeaturesResponse(
                cutoff=timestamp(rows.cutoff), names=rows.names, values=rows.values
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
        found = await self._parts.database.read(lambda c: listings.outcomes_after(c, after, size))
        last = found[-1][0] if found else after
        return profile_service_pb2.ListOutcomeEventsResponse(
            events=[outcome_event(event, self._parts.currency) for _, event in found],
            next_page_token=page_token(str(last), "outcomes"),
        )


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
