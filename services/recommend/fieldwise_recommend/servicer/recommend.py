"""RecommendService on the wire; knows no rule and no SQL."""

from __future__ import annotations

from typing import Any

from fieldwise.allocation.v1 import price_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as wire
from fieldwise.recommend.v1 import result_pb2
from fieldwise.recommend.v1.decision_pb2 import Decision
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceServicer
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.decide import Decider
from fieldwise_recommend.erasing import Eraser
from fieldwise_recommend.listing import listed
from fieldwise_recommend.replay import Archive
from fieldwise_recommend.results import Results
from fieldwise_recommend.valuing import Valuer

# grpc.aio and grpc have contexts of different types; no method here uses its own.
Context = Any


class Recommend(RecommendServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(
        self,
        decider: Decider,
        valuer: Valuer,
        archive: Archive,
        eraser: Eraser,
        in_force: InForce,
        currency: str,
        results: Results,
    ) -> None:
        self._decider = decider
        self._results = results
        self._eraser = eraser
        self._valuer = valuer
        self._archive = archive
        self._in_force = in_force
        self._currency = currency

    async def BatchRecommendActions(
        self, request: wire.BatchRecommendActionsRequest, context: Context
    ) -> wire.BatchRecommendActionsResponse:
        return await self._decider.batch(request)

    async def ValueActions(
        self, request: wire.ValueActionsRequest, context: Context
    ) -> wire.ValueActionsResponse:
        return await self._valuer.values(request)

    async def GetCommitments(
        self, request: wire.GetCommitmentsRequest, context: Context
    ) -> wire.GetCommitmentsResponse:
        committed = await self._decider.committed(request.valid_until)
        uses = [price_pb2.Use(resource=name, amount=amount) for name, amount in committed.items()]
        return wire.GetCommitmentsResponse(uses=uses)

    async def GetDecision(self, request: wire.GetDecisionRequest, context: Context) -> Decision:
        return await self._archive.get(request.name, explained=request.explain)

    async def ReplayDecision(
        self, request: wire.ReplayDecisionRequest, context: Context
    ) -> wire.ReplayDecisionResponse:
        return await self._archive.replay(request)

    async def RecordOutcomes(
        self, request: wire.RecordOutcomesRequest, context: Context
    ) -> wire.RecordOutcomesResponse:
        return await self._archive.record(request.events)

    async def ListDueResults(
        self, request: result_pb2.ListDueResultsRequest, context: Context
    ) -> result_pb2.ListDueResultsResponse:
        return await self._results.due(request)

    async def RecordResults(
        self, request: result_pb2.RecordResultsRequest, context: Context
    ) -> result_pb2.RecordResultsResponse:
        return await self._results.record(request)

    async def EraseCustomers(
        self, request: wire.EraseCustomersRequest, context: Context
    ) -> wire.EraseCustomersResponse:
        return wire.EraseCustomersResponse(counts=await self._eraser.erase(request.names))

    async def ListActions(
        self, request: wire.ListActionsRequest, context: Context
    ) -> wire.ListActionsResponse:
        return listed(self._in_force.catalogue, request, self._currency)
