"""AllocationService on the wire: messages in, use cases, messages out; no rules and no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise_allocation import (
    approving,
    assignments,
    budgeting,
    erasing,
    plan_records,
    planning,
    pricing,
    staffing,
    store,
    telling_terms,
    visiting,
    wire,
)
from fieldwise_allocation.planning import Planning
from fieldwise_allocation.quoting import Quotes
from fieldwise_allocation.watching import watch
from fieldwise_executor.executor import Executor
from fieldwise_runtime.database import Database
from fieldwise_runtime.fingerprints import fingerprint


@dataclass(frozen=True)
class AllocationServicer(service_grpc.AllocationServiceServicer):
    """The calls of the contract; each says there what it does."""

    db: Database
    database_url: str
    planning: Planning
    executor: Executor
    quotes: Quotes
    currency: str
    plans_need_approval: bool = False

    async def CreateRep(self, request: service_pb2.CreateRepRequest, context: Any) -> rep_pb2.Rep:
        rep = wire.rep_from(request.rep)
        return wire.rep_message(await staffing.create(self.db, rep, request.request_id, fingerprint(request)))

    async def GetRep(self, request: service_pb2.GetRepRequest, context: Any) -> rep_pb2.Rep:
        return wire.rep_message(await staffing.get(self.db, request.name))

    async def ListReps(
        self, request: service_pb2.ListRepsRequest, context: Any
    ) -> service_pb2.ListRepsResponse:
        reps, token = await staffing.page(self.db, request.page_size, request.page_token)
        return service_pb2.ListRepsResponse(reps=map(wire.rep_message, reps), next_page_token=token)

    async def DeleteRep(self, request: service_pb2.DeleteRepRequest, context: Any) -> empty_pb2.Empty:
        await staffing.remove(self.db, request.name)
        await self.quotes.refresh()
        return empty_pb2.Empty()

    async def PlanTerritories(
        self, request: service_pb2.PlanTerritoriesRequest, context: Any
    ) -> operations_pb2.Operation:
        return await self.planning.start(request)

    async def WatchPlan(
        self, request: service_pb2.WatchPlanRequest, context: Any
    ) -> AsyncIterator[service_pb2.WatchPlanResponse]:
        async for news in watch(self.planning.operations, self.planning.watchers, request.name):
            yield news

    async def ListAssignments(
        self, request: service_pb2.ListAssignmentsRequest, context: Any
    ) -> service_pb2.ListAssignmentsResponse:
        return await assignments.page(self.db, request.plan, request.page_size, request.page_token)

    async def GetPlan(self, request: service_pb2.GetPlanRequest, context: Any) -> plan_pb2.TerritoryPlan:
        return await self.db.read(lambda connection: plan_records.whole(connection, request.name))

    async def ApplyPlan(self, request: service_pb2.ApplyPlanRequest, context: Any) -> plan_pb2.TerritoryPlan:
        act = approving.Act(
            request_id=request.request_id,
            fingerprint=request.name,
            at=approving.moment(request.decision_time),
            actor=request.actor,
            note=request.note,
        )
        plan = await approving.apply(self.db, request.name, act, need_approval=self.plans_need_approval)
        await self.quotes.refresh()
        return plan

    async def SetBudgets(
        self, request: service_pb2.SetBudgetsRequest, context: Any
    ) -> service_pb2.SetBudgetsResponse:
        stated = [wire.budget_from(budget) for budget in request.budgets]
        budgets = await budgeting.replace(self.db, stated, request.request_id, fingerprint(request))
        return service_pb2.SetBudgetsResponse(budgets=map(wire.budget_message, budgets))

    async def ListBudgets(
        self, request: service_pb2.ListBudgetsRequest, context: Any
    ) -> service_pb2.ListBudgetsResponse:
        budgets = await budgeting.in_force(self.db)
        plan = await self.db.read(store.applied_plan)
        return service_pb2.ListBudgetsResponse(budgets=map(wire.budget_message, budgets), plan=plan)

    async def SolvePrices(
        self, request_iterator: AsyncIterator[service_pb2.SolvePricesRequest], context: Any
    ) -> price_pb2.PriceSet:
        prices = await pricing.solve(self.db, self.executor, request_iterator, self.currency)
        await self.quotes.refresh()
        return prices

    async def GetPrices(self, request: service_pb2.GetPricesRequest, context: Any) -> price_pb2.PriceSet:
        return self.quotes.prices(request.decision_time)

    async def EraseCustomers(
        self, request: service_pb2.EraseCustomersRequest, context: Any
    ) -> service_pb2.EraseCustomersResponse:
        prefixes = (planning.PREFIX, visiting.PREFIX)
        found = await erasing.erase(
            self.db, self.database_url, self.planning.operations, prefixes, request.customers
        )
        await self.quotes.refresh()
        return found

    async def LookUpTerms(
        self, request: service_pb2.LookUpTermsRequest, context: Any
    ) -> service_pb2.LookUpTermsResponse:
        return self.quotes.look_up(request.customers, request.decision_time)

    async def WatchTerms(
        self, request: service_pb2.WatchTermsRequest, context: Any
    ) -> AsyncIterator[service_pb2.WatchTermsResponse]:
        async for answer in telling_terms.follow(self.quotes):
            yield answer
