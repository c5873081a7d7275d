"""What if: changes of a question one by one and all their faults, re-planning over a socket, who stood before whom."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_change_pb2, plan_life_pb2, plan_pb2, rep_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation.changes import changed, in_words
from fieldwise_allocation.core.plans.history import Turn, standing
from fieldwise_runtime.errors import InvalidRequest
from tests.allocation.allocation_servers import Allocation, allocation, fault_of, moment, plan_of
from tests.allocation.plan_builders import asked, by_turns, keep, plan_message

PARENT = plan_change_pb2.INCUMBENTS_PARENT
TODAY = plan_change_pb2.INCUMBENTS_TODAY
Change = plan_change_pb2.PlanChange


def after(*changes: Change, incumbents: int = PARENT) -> service_pb2.PlanTerritoriesRequest:
    request = asked()
    kind = plan_change_pb2.Incumbents.ValueType(incumbents)
    return changed(request, changes, by_turns(request), kind)


def account_of(request: service_pb2.PlanTerritoriesRequest, name: str) -> plan_pb2.Account:
    return next(each for each in request.accounts if each.name == name)


def locks(*accounts: str, rep: str = "", free: bool = False) -> Change:
    return Change(locks=plan_change_pb2.LockChange(accounts=accounts, rep=rep, free=free))


def test_the_reps_of_the_parent_plan_are_the_incumbents_unless_todays_are_asked_for() -> None:
    assert {a.name: a.incumbent for a in after().accounts} == by_turns(asked())
    assert [a.incumbent for a in after(incumbents=TODAY).accounts] == [a.incumbent for a in asked().accounts]


def test_a_rep_who_leaves_is_gone_and_his_locks_fall() -> None:
    request = after(locks("customers/0", "customers/1"), Change(rep_leaves="reps/a"))
    assert [rep.name for rep in request.reps] == ["reps/b", "reps/c", "reps/d"]
    assert not account_of(request, "customers/0").locked
    assert account_of(request, "customers/1").locked


def test_a_rep_joins_and_hours_change() -> None:
    new = rep_pb2.Rep(name="reps/new", hours_per_week=20)
    hours = plan_change_pb2.RepHours(rep="reps/a", hours_per_week=10)
    request = after(Change(rep_joins=new), Change(rep_hours=hours))
    assert request.reps[-1] == new
    assert request.reps[0].hours_per_week == 10


def test_demand_grows_for_the_accounts_named_or_for_all() -> None:
    before = asked().accounts
    some = plan_change_pb2.DemandChange(accounts=["customers/3"], workload_factor=2, value_factor=0.5)
    request = after(Change(demand=some))
    assert request.accounts[3].workload_hours == 2 * before[3].workload_hours
    assert request.accounts[3].value.micros == round(before[3].value.micros / 2)
    assert request.accounts[4].workload_hours == before[4].workload_hours
    whole = after(Change(demand=plan_change_pb2.DemandChange(workload_factor=1.1)))
    assert [a.workload_hours for a in whole.accounts] == [a.workload_hours * 1.1 for a in before]


def test_accounts_are_locked_to_whom_they_have_or_to_whom_is_named_and_set_free() -> None:
    request = after(locks("customers/0"), locks("customers/1", rep="reps/d"), incumbents=TODAY)
    assert (account_of(request, "customers/0").locked, account_of(request, "customers/0").incumbent) == (
        True,
        "reps/a",
    )
    assert account_of(request, "customers/1").incumbent == "reps/d"
    assert not account_of(after(locks("customers/0"), locks("customers/0", free=True)), "customers/0").locked


def test_accounts_come_and_go_and_rules_are_replaced() -> None:
    rules = plan_pb2.TerritoryRules(workload_band=0.5)
    request = after(
        Change(account_joins=plan_pb2.Account(name="customers/new", workload_hours=1)),
        Change(account_leaves="customers/0"),
        Change(rules=rules),
    )
    names = [account.name for account in request.accounts]
    assert "customers/0" not in names
    assert names[-1] == "customers/new"
    assert request.rules == rules


def test_the_parents_question_is_left_as_it_was() -> None:
    request = asked()
    changed(request, [Change(rep_leaves="reps/a"), locks("customers/1")], by_turns(request), PARENT)
    assert request == asked()


def test_every_change_that_cannot_be_done_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        after(
            Change(),
            Change(rep_leaves="reps/z"),
            Change(rep_joins=rep_pb2.Rep(name="reps/a", hours_per_week=1)),
            Change(demand=plan_change_pb2.DemandChange(accounts=["customers/99"], workload_factor=2)),
            Change(demand=plan_change_pb2.DemandChange()),
            Change(account_leaves="customers/99"),
            Change(account_joins=plan_pb2.Account(name="customers/0")),
            locks("customers/0", rep="reps/z"),
            Change(rep_hours=plan_change_pb2.RepHours(rep="reps/a")),
            Change(rep_leaves="reps/a"),
            locks("customers/0"),
        )
    assert [violation.field for violation in refused.value.violations] == [
        "changes[0]",
        "changes[1].rep_leaves",
        "changes[2].rep_joins.name",
        "changes[3].demand.accounts[0]",
        "changes[4].demand.workload_factor",
        "changes[5].account_leaves",
        "changes[6].account_joins.name",
        "changes[7].locks.rep",
        "changes[8].rep_hours.hours_per_week",
        "changes[10].locks.accounts",
    ]


def test_changes_are_told_in_words() -> None:
    demand = plan_change_pb2.DemandChange(workload_factor=1.1)
    told = in_words([Change(rep_leaves="reps/a"), Change(demand=demand), locks("customers/0", "customers/1")])
    assert told == (
        "reps/a leaves",
        "all accounts: workload x 1.1",
        "2 accounts locked to whom the plan gives them",
    )


@pytest.mark.parametrize("seed", range(20))
def test_rolling_back_again_and_again_goes_through_the_plans_in_the_reverse_of_their_order(seed: int) -> None:
    rng = random.Random(seed)
    turns: list[tuple[Turn, str]] = []
    stood: list[str] = []
    for _ in range(40):
        plan = rng.choice("abcde")
        if rng.random() < 0.7 and (not stood or stood[-1] != plan):
            turns.append((Turn.APPLIED, plan))
            stood.append(plan)
        elif len(stood) > 1:
            turns.append((Turn.ROLLED_BACK, stood.pop()))
    assert standing(turns) == stood


def test_a_deleted_plan_is_passed_over_by_a_roll_back() -> None:
    turns = [(Turn.APPLIED, "a"), (Turn.APPLIED, "b"), (Turn.APPLIED, "a"), (Turn.DELETED, "b")]
    assert standing(turns) == ["a"]


# ---- over a socket ------------------------------------------------------------------------------------------------


@pytest.fixture
async def served(sqlite_database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Allocation, str]]:
    request = asked()
    plan = plan_message(request, by_turns(request))
    await keep(sqlite_database_url, (request, plan))
    async with allocation(tmp_path, FIELDWISE_ALLOCATION_DATABASE_URL=sqlite_database_url) as running:
        yield running, plan.name


async def test_a_rep_leaves_and_his_accounts_go_to_others_as_a_child_of_the_plan(
    served: tuple[Allocation, str],
) -> None:
    running, parent = served
    request = plans_pb2.ReplanTerritoriesRequest(
        parent=parent,
        request_id="without a",
        decision_time=moment(),
        changes=[locks("customers/1"), Change(rep_leaves="reps/a")],
        display_name="without a",
    )
    operation = await running.plans.ReplanTerritories(request)
    plan = plan_of(await running.finished(operation))
    assert (plan.parent, plan.origin, plan.display_name) == (
        parent,
        plan_life_pb2.PLAN_ORIGIN_REPLANNED,
        "without a",
    )
    assert list(plan.changes) == ["1 account locked to whom the plan gives them", "reps/a leaves"]
    held = {each.account: each.rep for each in plan.assignments}
    assert set(held.values()) == {"reps/b", "reps/c", "reps/d"}
    assert held["customers/1"] == "reps/b"
    again = await running.plans.ReplanTerritories(request)
    assert again.name == operation.name
    question = await running.plans.GetPlanQuestion(plans_pb2.GetPlanQuestionRequest(name=plan.name))
    assert [rep.name for rep in question.reps] == ["reps/b", "reps/c", "reps/d"]
    found = await running.plans.ComparePlans(plans_pb2.ComparePlansRequest(plan=plan.name, base=parent))
    assert found.accounts_moved == plan.moves
    left = next(each for each in found.reps if each.rep == "reps/a")
    assert (left.plan_load.accounts, left.base_load.accounts, left.lost) == (0, 6, 6)


async def test_a_change_that_cannot_be_done_is_refused_before_anything_is_solved(
    served: tuple[Allocation, str],
) -> None:
    running, parent = served
    request = plans_pb2.ReplanTerritoriesRequest(
        parent=parent, request_id="x", decision_time=moment(), changes=[Change(rep_leaves="reps/z")]
    )
    fault = await fault_of(running.plans.ReplanTerritories(request))
    assert (fault.code, fault.violations[0].field) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "changes[0].rep_leaves",
    )
