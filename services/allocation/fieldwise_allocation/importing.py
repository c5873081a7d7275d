"""An earlier practice brought in as a plan: measured by the rules of a kept question, nothing refused; knows no solver."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import measuring, overriding, plan_records, scenarios
from fieldwise_allocation.measuring import BY_HAND, Bench
from fieldwise_allocation.plan_records import Origin
from fieldwise_runtime.database import Database
from fieldwise_runtime.fingerprints import fingerprint


async def bring_in(
    db: Database, request: plans_pb2.ImportPlanRequest, currency: str
) -> plan_pb2.TerritoryPlan:
    """Keep who had what before as a child of a plan, in the same measures.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason NO_QUESTION.
        InvalidRequest: Every account or rep that the parent does not know.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    parent = await db.read(lambda connection: plan_records.figures(connection, request.parent))
    asked = await db.read(lambda connection: plan_records.question_with_accounts(connection, request.parent))
    plan = await asyncio.to_thread(_measured, request, asked, parent, currency)
    origin = Origin(
        parent=request.parent,
        kind=plan_life_pb2.PLAN_ORIGIN_IMPORTED,
        display_name=request.display_name,
        actor=request.actor,
    )

    def keep(connection: sa.Connection) -> str:
        scenarios.as_new(plan, request.decision_time)
        question = plan_records.found(connection, request.parent).question
        plan_records.keep_under(connection, plan, question, origin)
        return plan.name

    asked_for = await asyncio.to_thread(fingerprint, request)
    return await scenarios.made_once(db, "ImportPlan", request.request_id, asked_for, keep)


def _measured(
    request: plans_pb2.ImportPlanRequest,
    asked: service_pb2.PlanTerritoriesRequest,
    parent: plan_pb2.TerritoryPlan,
    currency: str,
) -> plan_pb2.TerritoryPlan:
    bench = Bench.of(asked, currency, parent)
    overriding.demand_known(bench.question, request.assignments, allow_nobody=True)
    seats = bench.seats({each.account: each.rep for each in request.assignments})
    audit = bench.audit(seats)
    plan = plan_pb2.TerritoryPlan()
    plan.loads.extend(parent.loads)  # homes that the parent chose stay where they are
    # The bound is the question's, whoever answers it.
    plan.bound = parent.bound
    measuring.fill(plan, bench, seats, audit)
    reasons = [BY_HAND if seat != measuring.NOBODY else "" for seat in seats.tolist()]
    plan_records.append(plan.assignments, measuring.assignments(bench, seats, audit, reasons))
    for name in ("incumbent", "nearest_rep", "k_means"):
        if parent.HasField(name):
            getattr(plan, name).CopyFrom(getattr(parent, name))
    return plan
