"""carry-outcomes: outcome events from profile to recommend, at least once, in the order in which they became durable."""

from __future__ import annotations

from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.jobs import measures
from fieldwise_gateway.jobs.store import JobStore
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import tracer, unrecorded

log = get_logger(__name__)

_CURSOR = "outcomes"
_PAGE = 1000


async def carry_outcomes(backends: Backends, store: JobStore) -> int:
    """Carry everything new; gives how many outcomes were joined for the first time.

    The position moves only after recommend has taken a page: a crash in between carries it again, which changes nothing.
    """
    recorded = 0
    while True:
        page = await _next_page(backends, store)
        if not page.events:
            measures.carried(recorded)
            return recorded
        with tracer().start_as_current_span("carry outcomes", attributes={"fieldwise.job": "carry-outcomes"}):
            recorded += await _carry(backends, page)
        await store.move(_CURSOR, page.next_page_token)


async def _next_page(backends: Backends, store: JobStore) -> profile_pb.ListOutcomeEventsResponse:
    position = await store.position(_CURSOR)
    # Asked every second and mostly in vain.
    with unrecorded():
        return await backends.profile.ListOutcomeEvents(
            profile_pb.ListOutcomeEventsRequest(
                page_size=_PAGE, page_token=position, purpose=consent_pb2.PURPOSE_SERVICE
            )
        )


async def _carry(backends: Backends, page: profile_pb.ListOutcomeEventsResponse) -> int:
    taken = await backends.recommend.RecordOutcomes(recommend_pb.RecordOutcomesRequest(events=page.events))
    if taken.unknown_decisions:
        log.warning("outcomes of unknown decisions left out", decisions=list(taken.unknown_decisions)[:10])
    if taken.before_decisions:
        log.warning("outcomes from before their decisions left out", events=list(taken.before_decisions)[:10])
    return taken.recorded
