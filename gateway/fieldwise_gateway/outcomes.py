"""RecordOutcome: what came of a decision becomes an event at profile, the only truth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from opentelemetry import trace

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import event_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.store import IdempotencyKeys
from fieldwise_runtime.errors import InvalidRequest, Unavailable, Violation
from fieldwise_runtime.fingerprints import fingerprint

SOURCE = "fieldwise"
# Longest wait for profile's acknowledgement when the caller gave no deadline.
INGEST_SECONDS = 5.0
CLOCKS_DIFFER_SECONDS = 60


async def record_outcome(
    backends: Backends,
    keys: IdempotencyKeys,
    request: gateway_pb.RecordOutcomeRequest,
    now: datetime,
    allowed: Callable[[str], Awaitable[None]],
) -> gateway_pb.RecordOutcomeResponse:
    """Write the outcome as an event of the decision's customer; a repetition changes nothing.

    Args:
        allowed: Raises when the caller may not act for a customer; asked before anything is written.

    Raises:
        NotFound: The decision is not known.
        InvalidRequest: The event is refused, such as an outcome from the future or from before its decision.
        AlreadyExists: The request_id was used with another body.
    """
    decision = await backends.recommend.GetDecision(recommend_pb.GetDecisionRequest(name=request.decision))
    # From here an operator finds the decision's own trace.
    trace.get_current_span().set_attribute("fieldwise.decision_trace", decision.trace_id)
    await allowed(decision.customer)
    _check_order(request, decision)
    asked = fingerprint(request)
    claim = await keys.claim("RecordOutcome", request.request_id, asked, now)
    # The times of the first use: a repetition is the same event, and its answer is what profile holds.
    event = _event(request, decision, claim.at)
    answer = await _ingested(backends, event, max(now, claim.at))
    if answer.rejected:
        if claim.first:
            await keys.release(claim)
        raise refused(answer.rejected[0])
    if answer.accepted and not claim.first:
        # The first use may have been refused and let go of the id after this one had met it.
        await keys.claim("RecordOutcome", request.request_id, asked, claim.at)
    return gateway_pb.RecordOutcomeResponse(event=event, duplicate=bool(answer.duplicates))


def _check_order(request: gateway_pb.RecordOutcomeRequest, decision: decision_pb2.Decision) -> None:
    """What happened before a decision cannot have come of it; a minute is left to clocks that differ."""
    made = decision.decision_time
    if request.HasField("event_time") and request.event_time.seconds + CLOCKS_DIFFER_SECONDS < made.seconds:
        at = request.event_time.ToJsonString()
        remedy = f"send when it happened, after the decision of {made.ToJsonString()}"
        raise InvalidRequest([Violation.of("event_time", at, remedy)], reason="OUTCOME_BEFORE_DECISION")


def _event(
    request: gateway_pb.RecordOutcomeRequest, decision: decision_pb2.Decision, now: datetime
) -> event_pb2.Event:
    outcome = event_pb2.Outcome(decision=request.decision, kind=request.kind, reporter=request.reporter)
    if request.HasField("amount"):
        outcome.amount.CopyFrom(request.amount)
    if request.HasField("score"):
        outcome.score = request.score
    event = event_pb2.Event(
        event_id=request.request_id, source=SOURCE, customer=decision.customer, outcome=outcome
    )
    event.known_at.FromDatetime(now)
    if request.HasField("event_time"):
        event.event_time.CopyFrom(request.event_time)
    else:
        event.event_time.FromDatetime(now)
    return event


async def _ingested(
    backends: Backends, event: event_pb2.Event, now: datetime
) -> profile_pb.IngestEventsResponse:
    batch = profile_pb.IngestEventsRequest(events=[event])
    batch.decision_time.FromDatetime(now)
    call = backends.profile.IngestEvents(_one(batch), timeout=INGEST_SECONDS)
    # To the end, though there is one answer: a call that is left open is cancelled, and looks like a fault in its trace.
    answers = [answer async for answer in call]
    if not answers:
        raise Unavailable(
            "NO_ACKNOWLEDGEMENT", "profile ended the call without an answer; send the same request again"
        )
    return answers[0]


async def _one(batch: profile_pb.IngestEventsRequest) -> AsyncIterator[profile_pb.IngestEventsRequest]:
    yield batch


def refused(rejected: profile_pb.RejectedEvent) -> InvalidRequest:
    """What profile said against an event, as a fault of the request that made it."""
    faults = [
        (each.field, *each.description.removeprefix("got ").partition("; "))
        for each in rejected.details.field_violations
    ]
    return InvalidRequest([Violation(field, value, remedy) for field, value, _, remedy in faults])
