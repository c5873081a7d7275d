"""The calls about plans and prices, of both clients: each reaches its method with a request that the gateway will take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.type import date_pb2

from fieldwise.allocation.v1.plan_change_pb2 import PlanChange
from fieldwise.allocation.v1.plan_pb2 import Account
from fieldwise.allocation.v1.resource_pb2 import EffortCell, Judgement, ScarceResource
from fieldwise.allocation.v1.resource_service_pb2 import EffortQuestion
from fieldwise.allocation.v1.task_service_pb2 import Agent, Item
from fieldwise.allocation.v1.visit_pb2 import VisitingRep, VisitShift, VisitStop
from fieldwise.allocation.v1.visit_service_pb2 import OutreachCandidate, OutreachCapacity
from fieldwise.type.v1 import money_pb2
from fieldwise_client.aio_allocation_calls import AsyncAllocationCalls
from fieldwise_client.allocation_calls import AllocationCalls
from fieldwise_client.decision import Money
from fieldwise_runtime.rules import violations
from tests.client.both_clients import Ask, asking
from tests.client.fake_services import FakeServices, serving

# What the gateway fills in.
FILLED = {"decision_time", "as_of"}

SEGMENT = EffortCell(name="segments/1", judgement=Judgement(level_now=1, now=2, saturation=3))
MEANS = EffortQuestion(cells=[SEGMENT], resources=[ScarceResource(name="hours", capacity=9)])

MONDAY = date_pb2.Date(year=2026, month=11, day=23)
STOP = VisitStop(name="customers/7")
VISITING = VisitingRep(name="reps/ann", shifts=[VisitShift(date=MONDAY, starts_minute=480, ends_minute=1020)])
WORTH = money_pb2.Money(currency_code="USD", micros=9_000_000)
CANDIDATE = OutreachCandidate(customer="customers/7", value=WORTH, minutes=15, rep="reps/ann")
MINUTES = OutreachCapacity(rep="reps/ann", date=MONDAY, minutes=60)

ID = "0190a5b0-0000-7000-8000-000000000001"

# Call, its arguments, and the method that it has to reach.
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("upload_accounts", ([],), {}, "CreateAccountSet"),
    ("account_set", (ID,), {}, "GetAccountSet"),
    ("account_sets", (), {}, "ListAccountSets"),
    ("delete_account_set", (ID,), {}, "DeleteAccountSet"),
    ("plan_uploaded", (ID,), {"start_from": ID}, "PlanTerritories"),
    ("watch_plan", (f"operations/allocation/{ID}",), {}, "WatchPlan"),
    ("assignments", (ID,), {}, "ListAssignments"),
    ("plans", (), {"parent": ID}, "ListPlans"),
    ("plan_question", (ID,), {}, "GetPlanQuestion"),
    ("plan_accounts", (ID,), {}, "ListPlanAccounts"),
    ("copy_plan", (ID,), {"display_name": "Spring"}, "CopyPlan"),
    ("import_plan", (ID, {"7": "ann", "8": ""}), {"display_name": "2023"}, "ImportPlan"),
    ("replan", (ID, [PlanChange(rep_leaves="reps/ann")]), {"whole": True}, "ReplanTerritories"),
    ("compare_plans", (ID,), {"most_moves": 5}, "ComparePlans"),
    ("override_plan", (ID, {"7": "ann"}), {"validate_only": True, "note": "asked for"}, "OverridePlan"),
    ("approve_plan", (ID,), {"actor": "Eve"}, "ApprovePlan"),
    ("roll_back_plan", (), {"in_force": ID}, "RollbackPlan"),
    ("delete_plan", (ID,), {"with_children": True}, "DeletePlan"),
    ("plan_events", (), {}, "ListPlanEvents"),
    ("assignment", ("customers/7",), {}, "GetAssignment"),
    ("explain_infeasibility", ([Account(name="a", workload_hours=1)],), {}, "ExplainInfeasibility"),
    ("price_set", (3,), {}, "GetPriceSet"),
    ("price_history", (), {"since": datetime(2018, 1, 1, tzinfo=UTC)}, "ListPriceSets"),
    ("fit_curves", ([SEGMENT],), {}, "FitCurves"),
    ("allocate_budget", (MEANS,), {"frontier_shares": [1.0]}, "AllocateBudget"),
    ("watch_budget", (MEANS,), {"frontier_shares": [1.0]}, "WatchBudget"),
    ("size_force", (MEANS, "hours", 40.0, Money(9_000_000, "USD")), {"fewest": 2}, "SizeForce"),
    ("assign_tasks", ([Item(name="a")], [Agent(name="b")]), {"most_profit": True}, "AssignTasks"),
    ("reach_target", (MEANS, Money(9_000_000, "USD")), {"probability": 0.8}, "ReachTarget"),
    ("plan_visits", ([STOP], [VISITING]), {}, "PlanVisits"),
    ("visit_plan", (ID,), {}, "GetVisitPlan"),
    ("day_visits", (ID,), {}, "ListDayVisits"),
    ("delete_visit_plan", (ID,), {}, "DeleteVisitPlan"),
    ("rank_outreach", ([CANDIDATE], [MINUTES]), {}, "RankOutreach"),
]


@pytest.fixture
def allocation() -> FakeServices:
    return FakeServices("fieldwise.allocation.v1")


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, allocation: FakeServices) -> Iterator[Ask]:
    with serving(allocation) as address:
        yield asking(request.param, address)


@pytest.mark.parametrize(("method", "args", "more", "reached"), CALLS, ids=lambda value: str(value)[:24])
def test_a_call_reaches_its_method_with_a_request_that_obeys_the_contract(
    ask: Ask, allocation: FakeServices, method: str, args: tuple[Any, ...], more: dict[str, Any], reached: str
) -> None:
    ask(method, *args, **more)
    assert reached in [name for name, _ in allocation.asked]
    for _, request in allocation.asked:
        assert [fault for fault in violations(request) if fault.field not in FILLED] == []


def test_every_call_about_plans_is_tried_here() -> None:
    for kind in (AllocationCalls, AsyncAllocationCalls):
        own = {name for name, each in vars(kind).items() if callable(each) and not name.startswith("_")}
        assert own == {method for method, *_ in CALLS}
