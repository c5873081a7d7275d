"""Every call of ResourceService over a real socket: what is answered, what is refused and how."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from fieldwise.allocation.v1 import resource_pb2
from fieldwise.allocation.v1 import resource_service_pb2 as service_pb2
from fieldwise.allocation.v1 import resource_service_pb2_grpc as service_grpc
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.resourcing_worker import allocate_budget, fit_curves, size_force
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, from_rpc_error
from tests.allocation.allocation_servers import allocation, dollars, fault_of


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[service_grpc.ResourceServiceAsyncStub]:
    async with allocation(tmp_path) as running:
        yield running.resources


def asked(cells: int = 6) -> service_pb2.EffortQuestion:
    """Segments that take hours, packs and money; curves known, judged and observed in turn."""
    question = service_pb2.EffortQuestion()
    for j in range(cells):
        cell = question.cells.add(name=f"segments/{j}", today=2, ceiling=8, step=1)
        cell.labels["channel"] = "visit" if j % 2 else "call"
        if j % 3 == 0:
            cell.curve.family = resource_pb2.ResponseCurve.FAMILY_ADBUDG
            cell.curve.highest, cell.curve.half_level, cell.curve.shape = 100 + 10 * j, 3, 2
        elif j % 3 == 1:
            points = {"zero": 0, "half": 20, "now": 60, "half_more": 80, "saturation": 100}
            cell.judgement.CopyFrom(resource_pb2.Judgement(level_now=2, **points))
        else:
            cell.observations.levels.extend([0, 1, 2, 3, 4, 5])
            cell.observations.values.extend([1, 30, 49, 66, 75, 80])
        cell.quantities.add(measure="hours", per_level=1)
        cell.quantities.add(measure="packs", per_level=2)
        cell.quantities.add(measure="money", per_level=5, once=3)
    question.resources.add(name="hours", unit="h", capacity=16)
    question.resources.add(name="packs", unit="packs", capacity=40)
    question.resources.add(name="money", unit="{currency}", capacity=120, unit_cost=dollars(1_000_000))
    return question


async def test_means_are_shared_out_with_prices_frontier_and_what_is_assumed(
    served: service_grpc.ResourceServiceAsyncStub,
) -> None:
    request = service_pb2.AllocateBudgetRequest(question=asked(), frontier_shares=[0.5, 1.0, 2.0])
    plan = await served.AllocateBudget(request)
    assert [line.cell for line in plan.lines] == [cell.name for cell in request.question.cells]
    assert plan.totals["hours"] <= 16
    assert plan.totals["money"] <= 120
    assert [rule.rule for rule in plan.rules] == [
        "capacity of hours",
        "capacity of packs",
        "capacity of money",
    ]
    assert any(rule.price > 0 for rule in plan.rules)
    assert plan.worth.micros <= plan.bound.micros
    assert [point.share for point in plan.frontier] == [0.5, 1.0, 2.0]
    assert [one.resource for one in plan.break_even] == ["money"]
    assert 0 < plan.assumed_share < 1
    assert plan.cells_beyond_support == sum(line.beyond_support for line in plan.lines)
    assert plan.today.micros < plan.value.micros
    assert plan.nearest.moved <= plan.nearest.best_moved


async def test_a_budget_tells_its_steps_with_what_was_found_and_ends_with_its_plan(
    served: service_grpc.ResourceServiceAsyncStub,
) -> None:
    request = service_pb2.WatchBudgetRequest(question=asked())
    request.question.cells[0].step = 0  # any amount will do
    *news, last = [each async for each in served.WatchBudget(request)]
    steps = [each.step for each in news]
    assert steps[:2] == ["reading", "searching"]
    assert "refining" in steps
    assert steps[-3:] == ["frontier", "nearest", "checking"]
    found = [each for each in news if each.HasField("bound")]
    assert found
    assert all(0 < each.worth.micros <= each.bound.micros for each in found)
    assert last.plan == await served.AllocateBudget(
        service_pb2.AllocateBudgetRequest(question=request.question)
    )
    assert not any(each.HasField("plan") for each in news)
    request.question.limits.add(id="visits", measure="hours", at_least=20)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        [each async for each in served.WatchBudget(request)]
    assert from_rpc_error(refused.value).reason == "INFEASIBLE_BUDGET"


async def test_an_infeasible_budget_names_the_rules_and_the_way_out(
    served: service_grpc.ResourceServiceAsyncStub,
) -> None:
    question = asked()
    question.limits.add(id="visits", measure="hours", at_least=20)
    fault = await fault_of(served.AllocateBudget(service_pb2.AllocateBudgetRequest(question=question)))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INFEASIBLE_BUDGET")
    assert set(fault.metadata["rules"].split(", ")) == {"capacity of hours", "visits at least"}
    assert "at least 16 can be kept" in fault.message


async def test_every_fault_of_a_question_is_named_at_once(
    served: service_grpc.ResourceServiceAsyncStub,
) -> None:
    question = asked()
    question.cells[0].curve.highest = -1
    question.cells[3].name = "segments/0"
    question.cells[4].floor = 9
    question.cells[5].ceiling = 1e6
    question.resources.add(name="trucks", capacity=1)
    question.limits.add(id="odd", measure="goodwill", at_least=1)
    fault = await fault_of(served.AllocateBudget(service_pb2.AllocateBudgetRequest(question=question)))
    assert {violation.field for violation in fault.violations} == {
        "question.cells[0].curve.highest",
        "question.cells[3].name",
        "question.cells[4].ceiling",
        "question.cells[5].step",
        "question.resources[3].name",
        "question.limits[0].measure",
    }
    assert all(violation.value and violation.remedy for violation in fault.violations)


def test_a_falling_judgement_few_levels_and_no_response_are_refused() -> None:
    question = asked()
    question.cells[0].ClearField("curve")
    question.cells[1].judgement.half = 70
    question.cells[2].observations.levels[:] = [1, 1, 2, 2, 2, 2]
    with pytest.raises(InvalidRequest) as refused:
        allocate_budget(service_pb2.AllocateBudgetRequest(question=question).SerializeToString(), "USD")
    assert [violation.field for violation in refused.value.violations] == [
        "question.cells[0].curve",
        "question.cells[1].judgement.now",
        "question.cells[2].observations.levels",
    ]


def test_a_step_too_small_to_be_counted_is_refused() -> None:
    question = asked()
    question.cells[0].step = 5e-324
    with pytest.raises(InvalidRequest) as refused:
        allocate_budget(service_pb2.AllocateBudgetRequest(question=question).SerializeToString(), "USD")
    assert [violation.field for violation in refused.value.violations] == ["question.cells[0].step"]


def test_a_value_too_large_to_be_stated_is_no_fault_of_ours() -> None:
    question = asked(cells=12)
    for cell in question.cells:
        cell.curve.CopyFrom(question.cells[0].curve)
        cell.curve.lowest = cell.curve.highest = 1e12
    with pytest.raises(FailedPrecondition) as refused:
        allocate_budget(service_pb2.AllocateBudgetRequest(question=question).SerializeToString(), "USD")
    assert refused.value.reason == "AMOUNT_TOO_LARGE"


def test_another_currency_is_refused() -> None:
    foreign = asked()
    foreign.resources[2].unit_cost.currency_code = "EUR"
    with pytest.raises(InvalidRequest) as refused:
        allocate_budget(service_pb2.AllocateBudgetRequest(question=foreign).SerializeToString(), "USD")
    assert refused.value.reason == "FOREIGN_CURRENCY"
    assert refused.value.violations[0].field == "question.resources[2].unit_cost.currency_code"


def test_the_same_request_has_the_same_answer() -> None:
    body = service_pb2.AllocateBudgetRequest(question=asked()).SerializeToString()
    assert allocate_budget(body, "USD") == allocate_budget(body, "USD")


async def test_negative_levels_are_refused_before_anything_is_started(
    served: service_grpc.ResourceServiceAsyncStub,
) -> None:
    negative = asked()
    negative.cells[0].floor = -1
    fault = await fault_of(served.AllocateBudget(service_pb2.AllocateBudgetRequest(question=negative)))
    assert [violation.field for violation in fault.violations] == ["question.cells[0].floor"]


async def test_a_force_is_sized_where_one_more_rep_no_longer_pays(
    served: service_grpc.ResourceServiceAsyncStub,
) -> None:
    request = service_pb2.SizeForceRequest(
        question=asked(), resource="hours", per_rep=4, cost_per_rep=dollars(50_000_000), fewest=1, most=8
    )
    request.question.resources[0].capacity = 1  # reps bring hours, whatever there is of them today
    sized = await served.SizeForce(request)
    assert [one.reps for one in sized.curve] == list(range(1, 9))
    assert sized.reps == max(sized.curve, key=lambda one: one.profit.micros).reps
    assert sized.plan.totals["hours"] <= 4 * sized.reps


def test_a_force_of_an_unknown_resource_and_no_numbers_is_refused() -> None:
    request = service_pb2.SizeForceRequest(
        question=asked(), resource="trucks", cost_per_rep=dollars(1_000_000), fewest=1
    )
    with pytest.raises(InvalidRequest) as refused:
        size_force(request.SerializeToString(), "USD")
    assert {violation.field for violation in refused.value.violations} == {"resource", "per_rep", "most"}


async def test_a_target_is_reached_with_the_probability_asked_or_said_to_be_out_of_reach(
    served: service_grpc.ResourceServiceAsyncStub,
) -> None:
    request = service_pb2.ReachTargetRequest(question=asked(), target=dollars(250_000_000), probability=0.8)
    plans = await served.ReachTarget(request)
    assert plans.plan.probability >= 0.8
    assert plans.plan.cost.micros > plans.on_average.cost.micros
    assert plans.plan.bound.micros <= plans.plan.cost.micros
    request.target.CopyFrom(money_pb2.Money(currency_code="USD", micros=10**10))
    fault = await fault_of(served.ReachTarget(request))
    assert fault.reason == "TARGET_OUT_OF_REACH"
    assert float(fault.metadata["probability"]) < 0.5


def test_curves_come_back_with_their_support() -> None:
    body = fit_curves(service_pb2.FitCurvesRequest(cells=asked().cells).SerializeToString())
    fitted = service_pb2.FitCurvesResponse.FromString(body)
    assert [one.curve.assumed for one in fitted.curves[:3]] == [False, True, False]
    assert fitted.curves[2].curve.support.observations == 6
    assert fitted.curves[2].curve.support.highest == 5
