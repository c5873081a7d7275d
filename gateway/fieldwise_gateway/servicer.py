"""Wire to use case and back; no rules, no SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC
from typing import Any, Final, cast

from google.longrunning import operations_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry import trace

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_gateway import measures, parts, principal
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.core.wire_fields import delimited
from fieldwise_gateway.decide import Answer, Ask, Decider
from fieldwise_gateway.holding import Holding
from fieldwise_gateway.ingest import Ingestion
from fieldwise_gateway.outcomes import record_outcome
from fieldwise_gateway.planning import plan_territories
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_gateway.replay import get_decision
from fieldwise_gateway.store import IdempotencyKeys
from fieldwise_gateway.territories import Territories
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.tracing import current_trace_id

# Big enough that a batch costs little per decision, small enough that one chunk never blocks a service for long.
_CHUNK = 128
_IN_FLIGHT = 2
_DECISION: Final = gateway_pb.DecideResponse.DECISION_FIELD_NUMBER
_DECISIONS: Final = gateway_pb.BatchDecideResponse.DECISIONS_FIELD_NUMBER


class GatewayServicer(gateway_grpc.GatewayServiceServicer):
    """The only door for apps."""

    def __init__(
        self,
        backends: Backends,
        decider: Decider,
        clock: BusinessClock,
        keys: IdempotencyKeys,
        currency: str,
        holding: Holding,
        territories: Territories,
        pseudonyms: Pseudonyms,
    ) -> None:
        self._backends = backends
        self._holding = holding
        self._territories = territories
        self._pseudonyms = pseudonyms
        self._ingestion = Ingestion(backends, clock.now, holding)
        self._decider = decider
        self._clock = clock
        self._keys = keys
        self._currency = currency

    async def Decide(self, request: gateway_pb.DecideRequest, context: Any) -> gateway_pb.DecideResponse:
        ask = Ask(
            request_id=request.request_id,
            fingerprint=fingerprint(request),
            customer=request.customer,
            channels=tuple(request.context.channels),
            max_actions=request.max_actions,
            require_known=request.require_known,
        )
        (answer,) = await self._decider.decide([ask], current_trace_id())
        _note(answer, self._pseudonyms)
        measures.decided([answer.decision])
        return cast("gateway_pb.DecideResponse", _joined(_DECISION, [answer.decision]))

    async def BatchDecide(
        self, request: gateway_pb.BatchDecideRequest, context: Any
    ) -> gateway_pb.BatchDecideResponse:
        asks = _asks(request)
        gate = asyncio.Semaphore(_IN_FLIGHT)
        trace_id = current_trace_id()

        async def decide(some: list[Ask]) -> list[Answer]:
            async with gate:
                return await self._decider.decide(some, trace_id)

        chunks = [asks[start : start + _CHUNK] for start in range(0, len(asks), _CHUNK)]
        decided = await asyncio.gather(*(decide(chunk) for chunk in chunks))
        decisions = [answer.decision for some in decided for answer in some]
        _note_batch(decisions)
        measures.decided(decisions)
        return cast("gateway_pb.BatchDecideResponse", _joined(_DECISIONS, decisions))

    async def GetDecision(
        self, request: gateway_pb.GetDecisionRequest, context: Any
    ) -> gateway_pb.GetDecisionResponse:
        return await get_decision(self._backends, request)

    async def RecordOutcome(
        self, request: gateway_pb.RecordOutcomeRequest, context: Any
    ) -> gateway_pb.RecordOutcomeResponse:
        answer = await record_outcome(self._backends, self._keys, request, self._clock.now(), self._is_his)
        # Whoever decides for him right after knows of it, an opt-out above all.
        self._holding.drop([answer.event.customer])
        return answer

    async def IngestEvents(
        self, request_iterator: AsyncIterator[gateway_pb.IngestEventsRequest], context: Any
    ) -> AsyncIterator[profile_pb.IngestEventsResponse]:
        async for answer in self._ingestion.relay(request_iterator):
            yield answer

    async def PlanTerritories(
        self, request: gateway_pb.PlanTerritoriesRequest, context: Any
    ) -> operations_pb2.Operation:
        return await plan_territories(self._backends, request, self._clock.now(), self._currency)

    async def GetPlan(self, request: gateway_pb.GetPlanRequest, context: Any) -> plan_pb2.TerritoryPlan:
        return await self._backends.allocation.GetPlan(allocation_pb.GetPlanRequest(name=request.name))

    async def ApplyPlan(self, request: gateway_pb.ApplyPlanRequest, context: Any) -> plan_pb2.TerritoryPlan:
        asked = allocation_pb.ApplyPlanRequest(
            name=request.name,
            request_id=request.request_id,
            decision_time=self._moment(),
            actor=request.actor,
            note=request.note,
        )
        return await self._backends.allocation.ApplyPlan(asked)

    async def ForecastSeries(
        self, request: gateway_pb.ForecastSeriesRequest, context: Any
    ) -> forecast_pb.ForecastSeriesResponse:
        asked = forecast_pb.ForecastSeriesRequest(
            decision_time=self._moment(),
            categories=request.categories,
            horizon_weeks=request.horizon_weeks,
            quantiles=request.quantiles,
        )
        return await self._backends.forecast.ForecastSeries(asked)

    async def ListCustomers(
        self, request: gateway_pb.ListCustomersRequest, context: Any
    ) -> profile_pb.ListCustomersResponse:
        asked = profile_pb.ListCustomersRequest(
            page_size=request.page_size,
            page_token=request.page_token,
            purpose=consent_pb2.PURPOSE_REPORTING,
        )
        return await self._backends.profile.ListCustomers(asked)

    async def CreateRep(self, request: allocation_pb.CreateRepRequest, context: Any) -> rep_pb2.Rep:
        return await self._backends.allocation.CreateRep(request)

    async def ListReps(
        self, request: allocation_pb.ListRepsRequest, context: Any
    ) -> allocation_pb.ListRepsResponse:
        return await self._backends.allocation.ListReps(request)

    async def SetBudgets(
        self, request: allocation_pb.SetBudgetsRequest, context: Any
    ) -> allocation_pb.SetBudgetsResponse:
        return await self._backends.allocation.SetBudgets(request)

    async def GetPrices(self, request: gateway_pb.GetPricesRequest, context: Any) -> price_pb2.PriceSet:
        return await self._backends.allocation.GetPrices(
            allocation_pb.GetPricesRequest(decision_time=self._moment())
        )

    async def ListModelVersions(
        self, request: forecast_pb.ListModelVersionsRequest, context: Any
    ) -> forecast_pb.ListModelVersionsResponse:
        return await self._backends.forecast.ListModelVersions(request)

    async def GetClock(self, request: gateway_pb.GetClockRequest, context: Any) -> gateway_pb.Clock:
        return gateway_pb.Clock(now=self._moment(), recorded=self._clock.recorded)

    async def MoveClock(self, request: gateway_pb.MoveClockRequest, context: Any) -> gateway_pb.Clock:
        await self._clock.move(request.to.ToDatetime(tzinfo=UTC))
        return gateway_pb.Clock(now=self._moment(), recorded=self._clock.recorded)

    async def _is_his(self, customer: str) -> None:
        await self._territories.require_customer(principal.current(), "outcomes.write", customer)

    def _moment(self) -> Timestamp:
        moment = Timestamp()
        moment.FromDatetime(self._clock.now())
        return moment


def _joined(field: int, decisions: Iterable[decision_pb2.Decision]) -> bytes:
    """The answer as bytes: a message would copy every decision, which takes six times as long as writing it."""
    return b"".join(delimited(field, decision.SerializeToString()) for decision in decisions)


def _asks(request: gateway_pb.BatchDecideRequest) -> list[Ask]:
    # One customer's part of the batch is what his decision answers; who else was in the batch does not matter to it.
    asked = fingerprint(request, ignoring=("request_id", "customers"))
    return [
        Ask(
            request_id=f"{request.request_id}/{customer.removeprefix('customers/')}",
            fingerprint=asked,
            customer=customer,
            channels=tuple(request.context.channels),
            max_actions=request.max_actions,
        )
        for customer in request.customers
    ]


def _note(answer: Answer, pseudonyms: Pseudonyms) -> None:
    """Say on the call's span what was decided: what an operator asks for first."""
    span = trace.get_current_span()
    if not span.is_recording():
        return
    decision = answer.decision
    # A decision is found by one trace, the one that made it.
    name = "fieldwise.repeated_decision" if answer.repeated else "fieldwise.decision"
    span.set_attribute(name, decision.name)
    pseudonym = pseudonyms.of(decision.customer)
    if pseudonym:
        span.set_attribute("fieldwise.customer", pseudonym)
    span.set_attribute("fieldwise.verdict", decision_pb2.Verdict.Name(decision.verdict))
    span.set_attribute("fieldwise.action", decision.chosen_action)
    degraded = [part.name for part in decision.parts if parts.is_degraded(part)]
    if degraded:
        span.set_attribute("fieldwise.degraded", degraded)


def _note_batch(decisions: list[decision_pb2.Decision]) -> None:
    span = trace.get_current_span()
    span.set_attribute("fieldwise.decisions", len(decisions))
    degraded = sum(any(parts.is_degraded(part) for part in decision.parts) for decision in decisions)
    span.set_attribute("fieldwise.degraded_decisions", degraded)
