"""What each call about finished plans asks for: scenarios, comparison, override, approval, roll-back. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from fieldwise.allocation.v1 import plan_change_pb2, plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans
from fieldwise_client.allocation_requests import of_allocation
from fieldwise_client.names import new_request_id, resource

_OF = "PlanService"
LIST_PLANS = of_allocation(_OF, "ListPlans", plans.ListPlansResponse)
GET_QUESTION = of_allocation(_OF, "GetPlanQuestion", plans.PlanQuestion)
LIST_ACCOUNTS = of_allocation(_OF, "ListPlanAccounts", plans.ListPlanAccountsResponse)
COPY = of_allocation(_OF, "CopyPlan", plan_pb2.TerritoryPlan)
IMPORT = of_allocation(_OF, "ImportPlan", plan_pb2.TerritoryPlan)
REPLAN = of_allocation(_OF, "ReplanTerritories", operations_pb2.Operation)
COMPARE = of_allocation(_OF, "ComparePlans", plans.PlanComparison)
OVERRIDE = of_allocation(_OF, "OverridePlan", plans.OverridePlanResponse)
APPROVE = of_allocation(_OF, "ApprovePlan", plan_pb2.TerritoryPlan)
ROLL_BACK = of_allocation(_OF, "RollbackPlan", plan_pb2.TerritoryPlan)
DELETE = of_allocation(_OF, "DeletePlan", Empty)
LIST_EVENTS = of_allocation(_OF, "ListPlanEvents", plans.ListPlanEventsResponse)
GET_ASSIGNMENT = of_allocation(_OF, "GetAssignment", plans.GetAssignmentResponse)

# Measuring a hundred thousand accounts takes seconds.
MEASURE_SECONDS = 60.0


def plan_name(plan: str) -> str:
    """A bare uuid or ``plans/{uuid}`` -> ``plans/{uuid}``; empty stays empty."""
    return resource("plans", plan) if plan else ""


def by_hand(rep_of: Mapping[str, str]) -> Iterable[plan_life_pb2.HandAssignment]:
    """Accounts and their reps, ``reps/{id}`` or bare ids; an empty rep is nobody."""
    for account, rep in rep_of.items():
        yield plan_life_pb2.HandAssignment(account=account, rep=resource("reps", rep) if rep else "")


def copy_plan(plan: str, display_name: str, request_id: str | None) -> plans.CopyPlanRequest:
    """Copy a plan."""
    return plans.CopyPlanRequest(
        name=plan_name(plan), request_id=request_id or new_request_id(), display_name=display_name
    )


def import_plan(
    parent: str, rep_of: Mapping[str, str], display_name: str, actor: str, request_id: str | None
) -> plans.ImportPlanRequest:
    """Bring in an earlier practice."""
    return plans.ImportPlanRequest(
        parent=plan_name(parent),
        request_id=request_id or new_request_id(),
        assignments=by_hand(rep_of),
        display_name=display_name,
        actor=actor,
    )


def replan(
    parent: str,
    changes: Iterable[plan_change_pb2.PlanChange],
    *,
    from_today: bool,
    whole: bool,
    display_name: str,
    actor: str,
    request_id: str | None,
) -> plans.ReplanTerritoriesRequest:
    """Plan again after changes."""
    incumbents = plan_change_pb2.INCUMBENTS_TODAY if from_today else plan_change_pb2.INCUMBENTS_PARENT
    return plans.ReplanTerritoriesRequest(
        parent=plan_name(parent),
        request_id=request_id or new_request_id(),
        changes=changes,
        incumbents=incumbents,
        whole=whole,
        display_name=display_name,
        actor=actor,
    )


def compare_plans(plan: str, base: str, most_moves: int) -> plans.ComparePlansRequest:
    """Two plans side by side."""
    return plans.ComparePlansRequest(plan=plan_name(plan), base=plan_name(base), most_moves=most_moves)


def override_plan(
    plan: str,
    rep_of: Mapping[str, str],
    *,
    accept_broken_rules: bool,
    validate_only: bool,
    display_name: str,
    actor: str,
    note: str,
    request_id: str | None,
) -> plans.OverridePlanRequest:
    """Give accounts to reps by hand."""
    return plans.OverridePlanRequest(
        name=plan_name(plan),
        request_id=request_id or new_request_id(),
        assignments=by_hand(rep_of),
        accept_broken_rules=accept_broken_rules,
        validate_only=validate_only,
        display_name=display_name,
        actor=actor,
        note=note,
    )


def approve_plan(plan: str, actor: str, note: str, request_id: str | None) -> plans.ApprovePlanRequest:
    """Approve a draft."""
    return plans.ApprovePlanRequest(
        name=plan_name(plan), request_id=request_id or new_request_id(), actor=actor, note=note
    )


def roll_back_plan(in_force: str, actor: str, note: str, request_id: str | None) -> plans.RollbackPlanRequest:
    """Put the plan before in force again."""
    return plans.RollbackPlanRequest(
        request_id=request_id or new_request_id(), in_force=plan_name(in_force), actor=actor, note=note
    )


def delete_plan(plan: str, actor: str, *, with_children: bool) -> plans.DeletePlanRequest:
    """Remove a plan."""
    return plans.DeletePlanRequest(name=plan_name(plan), with_children=with_children, actor=actor)
