"""PlanService on the wire: messages in, use cases, messages out; no rules and no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from fieldwise.allocation.v1 import plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise.allocation.v1 import plan_service_pb2_grpc as plans_grpc
from fieldwise_allocation import approving, comparing, importing, overriding, scenarios
from fieldwise_allocation.approving import Act
from fieldwise_allocation.planning import Planning
from fieldwise_allocation.quoting import Quotes
from fieldwise_runtime.database import Database
from fieldwise_runtime.fingerprints import fingerprint


@dataclass(frozen=True)
class PlanServicer(plans_grpc.PlanServiceServicer):
    """The calls of the contract; each says there what it does."""

    db: Database
    planning: Planning
    quotes: Quotes

    async def ListPlans(
        self, request: plans_pb2.ListPlansRequest, context: Any
    ) -> plans_pb2.ListPlansResponse:
        plans, token = await scenarios.page(self.db, request.parent, request.page_size, request.page_token)
        return plans_pb2.ListPlansResponse(plans=plans, next_page_token=token)

    async def GetPlanQuestion(
        self, request: plans_pb2.GetPlanQuestionRequest, context: Any
    ) -> plans_pb2.PlanQuestion:
        return await scenarios.question(self.db, request.name)

    async def ListPlanAccounts(
        self, request: plans_pb2.ListPlanAccountsRequest, context: Any
    ) -> plans_pb2.ListPlanAccountsResponse:
        return await scenarios.accounts(self.db, request.plan, request.page_size, request.page_token)

    async def CopyPlan(self, request: plans_pb2.CopyPlanRequest, context: Any) -> plan_pb2.TerritoryPlan:
        return await scenarios.copy(self.db, request)

    async def ImportPlan(self, request: plans_pb2.ImportPlanRequest, context: Any) -> plan_pb2.TerritoryPlan:
        return await importing.bring_in(self.db, request, self.planning.currency)

    async def ComparePlans(
        self, request: plans_pb2.ComparePlansRequest, context: Any
    ) -> plans_pb2.PlanComparison:
        return await comparing.compare(self.db, request, self.planning.currency)

    async def OverridePlan(
        self, request: plans_pb2.OverridePlanRequest, context: Any
    ) -> plans_pb2.OverridePlanResponse:
        return await overriding.override(self.db, request, self.planning.currency)

    async def ReplanTerritories(
        self, request: plans_pb2.ReplanTerritoriesRequest, context: Any
    ) -> operations_pb2.Operation:
        return await scenarios.replan(self.planning, request)

    async def ApprovePlan(
        self, request: plans_pb2.ApprovePlanRequest, context: Any
    ) -> plan_pb2.TerritoryPlan:
        return await approving.approve(self.db, request.name, _act(request))

    async def RollbackPlan(
        self, request: plans_pb2.RollbackPlanRequest, context: Any
    ) -> plan_pb2.TerritoryPlan:
        plan = await approving.roll_back(self.db, request.in_force, _act(request))
        await self.quotes.refresh()
        return plan

    async def DeletePlan(self, request: plans_pb2.DeletePlanRequest, context: Any) -> empty_pb2.Empty:
        await scenarios.delete(self.db, request)
        return empty_pb2.Empty()

    async def ListPlanEvents(
        self, request: plans_pb2.ListPlanEventsRequest, context: Any
    ) -> plans_pb2.ListPlanEventsResponse:
        events, token = await approving.events(self.db, request.plan, request.page_size, request.page_token)
        return plans_pb2.ListPlanEventsResponse(events=events, next_page_token=token)

    async def GetAssignment(
        self, request: plans_pb2.GetAssignmentRequest, context: Any
    ) -> plans_pb2.GetAssignmentResponse:
        assignment, plan, applied = await approving.serving(self.db, request.account)
        return plans_pb2.GetAssignmentResponse(assignment=assignment, plan=plan, applied=applied)


def _act(request: plans_pb2.ApprovePlanRequest | plans_pb2.RollbackPlanRequest) -> Act:
    return Act(
        request_id=request.request_id,
        fingerprint=fingerprint(request),
        at=approving.moment(request.decision_time),
        actor=request.actor,
        note=request.note,
    )
