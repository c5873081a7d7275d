"""What is asked of visits: plans and ranked outreach. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from fieldwise.allocation.v1 import visit_pb2
from fieldwise.allocation.v1 import visit_service_pb2 as visits
from fieldwise_client.allocation_requests import of_allocation
from fieldwise_client.names import new_request_id

# Beyond the time that the planner itself may take.
PLAN_SECONDS = 700.0

PLAN = of_allocation("VisitService", "PlanVisits", operations_pb2.Operation)
GET = of_allocation("VisitService", "GetVisitPlan", visit_pb2.VisitPlan)
LIST_DAYS = of_allocation("VisitService", "ListDayVisits", visits.ListDayVisitsResponse)
DELETE = of_allocation("VisitService", "DeleteVisitPlan", Empty)
RANK = of_allocation("VisitService", "RankOutreach", visits.RankOutreachResponse)


def plan_visits(
    stops: Iterable[visit_pb2.VisitStop],
    reps: Iterable[visit_pb2.VisitingRep],
    rules: visit_pb2.VisitRules | None,
    matrix: visit_pb2.TravelMatrix | None,
    request_id: str | None,
) -> visits.PlanVisitsRequest:
    return visits.PlanVisitsRequest(
        request_id=request_id or new_request_id(), stops=stops, reps=reps, rules=rules, matrix=matrix
    )


def visit_plan(name: str) -> visits.GetVisitPlanRequest:
    return visits.GetVisitPlanRequest(name=_named(name))


def day_visits(plan: str) -> visits.ListDayVisitsRequest:
    return visits.ListDayVisitsRequest(parent=_named(plan))


def delete_visit_plan(name: str) -> visits.DeleteVisitPlanRequest:
    return visits.DeleteVisitPlanRequest(name=_named(name))


def rank_outreach(
    candidates: Iterable[visits.OutreachCandidate], capacities: Iterable[visits.OutreachCapacity]
) -> visits.RankOutreachRequest:
    return visits.RankOutreachRequest(candidates=candidates, capacities=capacities)


def _named(plan: str) -> str:
    return plan if "/" in plan else f"visitPlans/{plan}"
