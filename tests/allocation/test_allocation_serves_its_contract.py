"""Every call of AllocationService over a real socket: what is stored, repeated, refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2
from google.type import latlng_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.type.v1 import provenance_pb2
from fieldwise_allocation import store_prices
from fieldwise_allocation.__main__ import PACKAGE
from fieldwise_allocation.core.terms import Window
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import from_status
from tests.allocation.allocation_servers import (
    NOW,
    WEEK,
    Allocation,
    allocation,
    candidate,
    fault_of,
    moment,
    no_worker_is_left,
    plan_of,
    plan_request,
    stream,
    week,
    workers,
)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Allocation]:
    async with allocation(tmp_path) as running:
        yield running


def terms(*customers: str, at: int = NOW) -> service_pb2.LookUpTermsRequest:
    return service_pb2.LookUpTermsRequest(customers=customers, decision_time=moment(at))


async def email_slots(served: Allocation, capacity: float, request_id: str = "slots") -> None:
    budget = price_pb2.Budget(resource="email-slots", unit="1", capacity=capacity)
    await served.calls.SetBudgets(service_pb2.SetBudgetsRequest(budgets=[budget], request_id=request_id))


async def test_a_rep_is_created_once_and_comes_back_whole(served: Allocation) -> None:
    rep = rep_pb2.Rep(
        name="reps/wang",
        display_name="Wang",
        hours_per_week=32,
        skills=["cold", "wine"],
        home=latlng_pb2.LatLng(latitude=30.5, longitude=-114.25),
    )
    request = service_pb2.CreateRepRequest(rep=rep, request_id="1")
    assert await served.calls.CreateRep(request) == rep
    assert await served.calls.CreateRep(request) == rep
    assert await served.calls.GetRep(service_pb2.GetRepRequest(name="reps/wang")) == rep


async def test_a_taken_name_and_a_reused_request_id_are_told_apart(served: Allocation) -> None:
    await served.hire("reps/a")
    other = rep_pb2.Rep(name="reps/a", hours_per_week=10)
    taken = await fault_of(served.calls.CreateRep(service_pb2.CreateRepRequest(rep=other, request_id="new")))
    assert (taken.code, taken.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REP_EXISTS")
    reused = await fault_of(
        served.calls.CreateRep(service_pb2.CreateRepRequest(rep=other, request_id="hire reps/a"))
    )
    assert (reused.code, reused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_reps_are_listed_by_name_page_by_page(served: Allocation) -> None:
    await served.hire("reps/c", "reps/a", "reps/b")
    first = await served.calls.ListReps(service_pb2.ListRepsRequest(page_size=2))
    assert [rep.name for rep in first.reps] == ["reps/a", "reps/b"]
    rest = service_pb2.ListRepsRequest(page_size=2, page_token=first.next_page_token)
    second = await served.calls.ListReps(rest)
    assert [rep.name for rep in second.reps] == ["reps/c"]
    assert second.next_page_token == ""


async def test_an_unknown_rep_is_not_found(served: Allocation) -> None:
    for call in (
        served.calls.GetRep(service_pb2.GetRepRequest(name="reps/x")),
        served.calls.DeleteRep(service_pb2.DeleteRepRequest(name="reps/x")),
    ):
        fault = await fault_of(call)
        assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "REP_NOT_FOUND")
        assert "reps/x" in fault.message


async def test_a_plan_is_made_kept_applied_and_answers_terms(served: Allocation) -> None:
    await served.hire("reps/a", "reps/b")
    operation = await served.plan(plan_request())
    plan = plan_of(operation)
    assert plan.gap == 0
    assert plan.outside_band == 0
    assert len(plan.assignments) == 12
    assert plan.create_time == moment()
    assert not plan.applied
    assert await served.calls.GetPlan(service_pb2.GetPlanRequest(name=plan.name)) == plan
    assert list((await served.calls.LookUpTerms(terms("customers/0"))).reps) == [""]
    apply = service_pb2.ApplyPlanRequest(name=plan.name, request_id="apply")
    assert (await served.calls.ApplyPlan(apply)).applied
    assert (await served.calls.ApplyPlan(apply)).applied
    found = await served.calls.LookUpTerms(terms(*[a.account for a in plan.assignments], "customers/new"))
    assert list(found.reps) == [*[a.rep for a in plan.assignments], ""]


async def test_progress_names_the_moment_and_ends_with_the_last_step(served: Allocation) -> None:
    await served.hire("reps/a", "reps/b")
    operation = await served.plan(plan_request())
    told = plan_pb2.PlanTerritoriesMetadata()
    assert operation.metadata.Unpack(told)
    assert told.decision_time == moment()
    assert told.step == "finishing"
    assert told.gap == 0


async def test_the_same_plan_request_gives_the_same_operation(served: Allocation) -> None:
    await served.hire("reps/a")
    first = await served.plan(plan_request())
    assert (await served.calls.PlanTerritories(plan_request())).name == first.name
    other = await fault_of(served.calls.PlanTerritories(plan_request(accounts=3)))
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_a_derived_plan_is_the_same_request_by_the_fingerprint_of_its_caller(
    served: Allocation,
) -> None:
    def derived(accounts: int, asked: str) -> service_pb2.PlanTerritoriesRequest:
        request = plan_request(accounts)
        request.fingerprint = asked
        return request

    await served.hire("reps/a")
    first = await served.plan(derived(12, "one question"))
    assert (await served.calls.PlanTerritories(derived(3, "one question"))).name == first.name
    other = await fault_of(served.calls.PlanTerritories(derived(12, "another question")))
    assert other.reason == "REQUEST_ID_REUSED"


async def test_prices_tell_the_budgets_and_the_plan_that_they_rest_on(served: Allocation) -> None:
    await served.hire("reps/a")
    await email_slots(served, 2)
    plan = plan_of(await served.plan(plan_request()))
    await served.calls.ApplyPlan(service_pb2.ApplyPlanRequest(name=plan.name, request_id="apply"))
    prices = await served.calls.SolvePrices(stream(week()))
    stated = await served.calls.ListBudgets(service_pb2.ListBudgetsRequest())
    assert {price.resource: price.capacity for price in prices.prices} == {
        budget.resource: budget.capacity for budget in stated.budgets
    }
    assert prices.plan == stated.plan == plan.name


async def test_a_rep_who_leaves_leaves_his_customers_without_one(served: Allocation) -> None:
    await served.hire("reps/a", "reps/b")
    plan = plan_of(await served.plan(plan_request()))
    await served.calls.ApplyPlan(service_pb2.ApplyPlanRequest(name=plan.name, request_id="apply"))
    await served.calls.DeleteRep(service_pb2.DeleteRepRequest(name="reps/a"))
    found = await served.calls.LookUpTerms(terms(*[a.account for a in plan.assignments]))
    assert set(found.reps) == {"", "reps/b"}


async def test_a_plan_for_reps_who_are_not_stored_cannot_be_applied(served: Allocation) -> None:
    plan = plan_of(await served.plan(plan_request(reps=[rep_pb2.Rep(name="reps/idea", hours_per_week=40)])))
    apply = service_pb2.ApplyPlanRequest(name=plan.name, request_id="apply")
    fault = await fault_of(served.calls.ApplyPlan(apply))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UNKNOWN_REPS")
    assert "reps/idea" in fault.message
    assert "CreateRep" in fault.message


async def test_every_fault_of_a_plan_request_is_named_at_once(served: Allocation) -> None:
    request = plan_request(3, reps=[rep_pb2.Rep(name="reps/a", hours_per_week=40)] * 2)
    request.accounts[0].place.latitude = 91
    request.accounts[1].name = "customers/0"
    request.accounts[2].locked = True
    fault = await fault_of(served.calls.PlanTerritories(request))
    assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert {v.field for v in fault.violations} == {
        "accounts[0].place.latitude",
        "accounts[1].name",
        "accounts[2].incumbent",
        "reps[1].name",
        "accounts[1].place",
        "accounts[2].place",
    }
    assert all(v.value and v.remedy for v in fault.violations)


async def test_numbers_out_of_range_are_refused_by_the_field_rules(served: Allocation) -> None:
    request = plan_request(2)
    request.accounts[0].workload_hours = -1
    request.rules.workload_band = 2
    fault = await fault_of(served.calls.PlanTerritories(request))
    assert {v.field for v in fault.violations} == {"accounts[0].workload_hours", "rules.workload_band"}


async def test_another_currency_a_negative_value_and_half_a_second_are_refused(served: Allocation) -> None:
    await served.hire("reps/a")
    foreign = plan_request(2)
    foreign.accounts[1].value.currency_code = "EUR"
    fault = await fault_of(served.calls.PlanTerritories(foreign))
    assert fault.reason == "FOREIGN_CURRENCY"
    assert fault.violations[0].field == "accounts[1].value.currency_code"
    wrong = plan_request(2)
    wrong.accounts[0].value.micros = -5
    wrong.rules.time_limit_seconds = 0.5
    fault = await fault_of(served.calls.PlanTerritories(wrong))
    assert [v.field for v in fault.violations] == ["accounts[0].value.micros", "rules.time_limit_seconds"]


async def test_a_plan_without_any_rep_says_how_to_get_one(served: Allocation) -> None:
    fault = await fault_of(served.calls.PlanTerritories(plan_request()))
    assert fault.violations[0].field == "reps"
    assert "CreateRep" in fault.violations[0].remedy


async def test_an_infeasible_plan_ends_with_the_rules_in_conflict(served: Allocation) -> None:
    await served.hire("reps/a", "reps/b")
    request = plan_request()
    request.accounts[3].needs_skills.append("cold")
    operation = await served.plan(request)
    fault = from_status(operation.error)
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INFEASIBLE_PLAN")
    assert "'cold'" in fault.message
    assert "0 of 2 reps" in fault.message
    assert fault.metadata["rules"] == "skill:cold"


async def running_worker(served: Allocation) -> operations_pb2.Operation:
    """A plan whose worker process is at work."""
    await served.hire(*[f"reps/{i}" for i in range(30)])
    request = plan_request(3000)
    for j, account in enumerate(request.accounts):
        account.incumbent = f"reps/{j % 29}"
        account.workload_hours = 0.1 + (j * 7919 % 1000) / 500
    operation = await served.calls.PlanTerritories(request)
    end = time.perf_counter() + 20
    while not workers() and time.perf_counter() < end:  # noqa: ASYNC110  # a process, which sets no event
        await asyncio.sleep(0.02)
    return operation


async def test_a_solver_killed_by_the_system_fails_its_own_request_only(served: Allocation) -> None:
    operation = await running_worker(served)
    for worker in workers():
        worker.kill()
    ended = await served.finished(operation)
    assert from_status(ended.error).reason == "WORKER_DIED"
    assert plan_of(await served.plan(plan_request(300, request_id="after"))).gap == 0


async def test_a_cancelled_plan_ends_at_once_and_leaves_no_process(served: Allocation) -> None:
    operation = await running_worker(served)
    start = time.perf_counter()
    await served.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
    ended = await served.finished(operation)
    assert time.perf_counter() - start < 2
    assert from_status(ended.error).code == grpc.StatusCode.CANCELLED
    assert await no_worker_is_left()


async def test_minutes_follow_from_hours_unless_a_budget_says_otherwise(served: Allocation) -> None:
    await served.hire("reps/a", "reps/b", hours=40)
    mine = price_pb2.Budget(resource="reps/a/minutes", unit="min", capacity=60)
    money = price_pb2.Budget(resource="coupon-money", unit="{currency}", capacity=500)
    request = service_pb2.SetBudgetsRequest(budgets=[mine, money], request_id="b")
    answered = await served.calls.SetBudgets(request)
    listed = await served.calls.ListBudgets(service_pb2.ListBudgetsRequest())
    assert list(listed.budgets) == list(answered.budgets)
    assert {b.resource: b.capacity for b in listed.budgets} == {
        "coupon-money": 500,
        "reps/a/minutes": 60,
        "reps/b/minutes": 2400,
    }


async def test_a_budget_given_twice_or_in_a_strange_unit_is_refused(served: Allocation) -> None:
    budgets = [
        price_pb2.Budget(resource="email-slots", unit="1", capacity=1),
        price_pb2.Budget(resource="email-slots", unit="kg", capacity=1),
        price_pb2.Budget(resource="reps/a/minutes", unit="1", capacity=1),
    ]
    request = service_pb2.SetBudgetsRequest(budgets=budgets, request_id="b")
    fault = await fault_of(served.calls.SetBudgets(request))
    assert [v.field for v in fault.violations] == [
        "budgets[1].resource",
        "budgets[1].unit",
        "budgets[2].unit",
    ]


async def test_prices_are_published_with_versions_and_hold_for_their_period(served: Allocation) -> None:
    await email_slots(served, 2)
    offers = service_pb2.SolvePricesRequest(
        candidates=[candidate(f"customers/{i}", 1_000_000 * (i + 1)) for i in range(4)]
    )
    first = await served.calls.SolvePrices(stream(week("w1"), offers))
    second = await served.calls.SolvePrices(stream(week("w2", NOW + WEEK), offers))
    assert [first.name, second.name] == ["priceSets/1", "priceSets/2"]
    (price,) = first.prices
    # Two slots go to the customers worth 4 and 3; the third-best would pay 2 for one more.
    assert 2_000_000 - 1 <= price.micros_per_unit <= 3_000_000 + 1
    assert (price.capacity, price.used, first.value.micros) == (2, 2, 7_000_000)
    assert first.bound.micros >= first.value.micros
    assert (first.customers, first.candidates) == (4, 4)
    at = {NOW: first, NOW + WEEK - 1: first, NOW + WEEK: second}
    for seconds, expected in at.items():
        request = service_pb2.GetPricesRequest(decision_time=moment(seconds))
        assert await served.calls.GetPrices(request) == expected


async def test_only_the_newest_price_sets_are_read_and_they_keep_their_order(
    sqlite_database_url: str,
) -> None:
    migrations.migrate(sqlite_database_url, PACKAGE)
    database = Database.open(sqlite_database_url)
    for version in range(1, 101):
        window = Window(version, version, version + 1, b"")
        await database.write(partial(store_prices.add_price_set, window=window))
    read = await database.read(store_prices.price_sets)
    await database.close()
    assert [window.version for window in read] == list(range(101 - store_prices.PRICE_SETS_READ, 101))


async def test_prices_that_ran_out_still_answer_and_say_so(served: Allocation) -> None:
    none = (await served.calls.LookUpTerms(terms("customers/1"))).part
    assert none.state == provenance_pb2.PART_STATE_MISSING
    await email_slots(served, 2)
    solved = await served.calls.SolvePrices(stream(week()))
    fresh = await served.calls.LookUpTerms(terms("customers/1", at=NOW + 60))
    assert (fresh.part.state, fresh.part.version) == (provenance_pb2.PART_STATE_FRESH, "priceSets/1")
    assert fresh.part.age.seconds == 60
    late = await served.calls.LookUpTerms(terms("customers/1", at=NOW + 2 * WEEK))
    assert late.part.state == provenance_pb2.PART_STATE_LAST_VALID
    assert late.price_set == solved
    assert late.part.detail
    request = service_pb2.GetPricesRequest(decision_time=moment(NOW + 2 * WEEK))
    fault = await fault_of(served.calls.GetPrices(request))
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "NO_PRICES")


async def test_the_same_solve_sent_again_gives_the_set_already_solved(served: Allocation) -> None:
    await email_slots(served, 2)
    first = await served.calls.SolvePrices(stream(week()))
    assert await served.calls.SolvePrices(stream(week())) == first
    fault = await fault_of(served.calls.SolvePrices(stream(week(start=NOW + WEEK))))
    assert fault.reason == "REQUEST_ID_REUSED"


async def test_every_fault_of_a_price_solve_is_named(served: Allocation) -> None:
    await email_slots(served, 2)
    one = service_pb2.SolvePricesRequest(candidates=[candidate("customers/1", 5, "samples")])
    again = service_pb2.SolvePricesRequest(candidates=[candidate("customers/1", 5)])
    fault = await fault_of(served.calls.SolvePrices(stream(week(), one, again)))
    assert [v.field for v in fault.violations] == ["candidates[0].uses[0].resource", "candidates[0].customer"]
    assert "'samples'" in fault.message
    assert "SetBudgets" in fault.message


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "period"),
        ([service_pb2.SolvePricesRequest(candidates=[candidate("customers/1", 5)])], "period"),
        ([week(), week()], "period"),
    ],
)
async def test_a_price_solve_has_one_frame_and_it_comes_first(
    served: Allocation, messages: list[service_pb2.SolvePricesRequest], field: str
) -> None:
    await email_slots(served, 1)
    fault = await fault_of(served.calls.SolvePrices(stream(*messages)))
    assert fault.violations[0].field == field


async def test_a_period_that_ends_before_it_begins_is_refused(served: Allocation) -> None:
    backwards = week()
    backwards.period.valid_until.seconds = NOW - 1
    fault = await fault_of(served.calls.SolvePrices(stream(backwards)))
    assert fault.violations[0].field == "period.valid_until"


async def test_halving_the_coupon_budget_raises_its_price(served: Allocation) -> None:
    offers = service_pb2.SolvePricesRequest(
        candidates=[candidate(f"customers/{i}", 1_000_000 * (i + 1)) for i in range(40)]
    )
    prices = []
    for capacity in (20.0, 10.0):
        await email_slots(served, capacity, f"slots {capacity}")
        solved = await served.calls.SolvePrices(stream(week(f"{capacity}"), offers))
        prices.append(solved.prices[0])
    assert prices[1].micros_per_unit > prices[0].micros_per_unit > 0
    assert prices[1].used < prices[0].used


async def test_what_was_solved_and_applied_survives_a_restart(tmp_path: Path) -> None:
    async with allocation(tmp_path) as served:
        await served.hire("reps/a", "reps/b")
        await email_slots(served, 1)
        plan = plan_of(await served.plan(plan_request()))
        await served.calls.ApplyPlan(service_pb2.ApplyPlanRequest(name=plan.name, request_id="apply"))
        await served.calls.SolvePrices(stream(week()))
        before = await served.calls.LookUpTerms(terms("customers/3", "customers/4"))
    async with allocation(tmp_path) as served:
        assert await served.calls.LookUpTerms(terms("customers/3", "customers/4")) == before


async def test_a_change_by_another_replica_is_seen_within_seconds(tmp_path: Path) -> None:
    async with allocation(tmp_path) as one, allocation(tmp_path) as other:
        await email_slots(one, 1)
        await one.calls.SolvePrices(stream(week()))
        end = time.perf_counter() + 5
        while (await other.calls.LookUpTerms(terms("customers/1"))).part.version != "priceSets/1":
            assert time.perf_counter() < end
            await asyncio.sleep(0.1)
