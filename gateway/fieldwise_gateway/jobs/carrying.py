"""carry-outcomes: outcome events from profile to recommend, at least once, in the order in which they became durable."""

from __future__ import annotations

from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.jobs.store import JobStore
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_CURSOR = "outcomes"
_PAGE = 1000


async def carry_outcomes(backends: Backends, store: JobStore) -> int:
    """Carry everything new; gives how many outcomes were joined for the first time.

    The position moves only after recommend has taken a page: a crash in between carries it again, which changes nothing.
    """
    position, recorded = await store.position(_CURSOR), 0
    while True:
        request = profile_pb.ListOutcomeEventsRequest(page_size=_PAGE, page_token=position)
        page = await backends.profile.ListOutcomeEvents(request)
        if not page.events:
            return recorded
        taken = await backends.recommend.RecordOutcomes(
            recommend_pb.RecordOutcomesRequest(events=page.events)
        )
        if taken.unknown_decisions:
            log.warning(
                "outcomes of unknown decisions left out", decisions=list(taken.unknown_decisions)[:10]
            )
        recorded += taken.recorded
        position = page.next_page_token
        await store.move(_CURSOR, position)
