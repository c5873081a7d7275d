"""Questions about scarce means inside a worker process: stopwatch, faults, check of the plan; knows no database.

Requests and answers pass as bytes: a hundred thousand cells are taken apart here, not in the process that serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fieldwise.allocation.v1 import resource_service_pb2 as service_pb2
from fieldwise_allocation import resource_wire as wire
from fieldwise_allocation.core.resources import check, force, target
from fieldwise_allocation.core.resources.allocation import BudgetPlan, Line, allocate
from fieldwise_allocation.core.resources.compiling import compiled
from fieldwise_allocation.core.resources.conflicts import Conflict, Way, explain
from fieldwise_allocation.core.resources.curves import Curve
from fieldwise_allocation.core.resources.faults import faults
from fieldwise_allocation.core.resources.question import Question
from fieldwise_allocation.core.resources.solving import Found, Infeasible, NotFound
from fieldwise_allocation.wire import demand_currency, money
from fieldwise_runtime.errors import FailedPrecondition, InternalFault, InvalidRequest, Violation
from fieldwise_runtime.worker_process import report

T = TypeVar("T")

DEFAULT_PROBABILITY = 0.9
DEFAULT_COMMON = 0.05
# A curve of more sizes than this takes longer than it tells.
MOST_SIZES = 500
# How long a conflict is looked into, beyond the solver's own limit.
EXPLAIN_SECONDS = 20.0
SHOWN = 10


@dataclass(frozen=True)
class Step:
    """What is done next, and the worth and the ceiling that were found before it; None where there is nothing yet."""

    name: str
    worth: float | None = None
    bound: float | None = None


def fit_curves(body: bytes) -> bytes:
    """FitCurvesRequest to FitCurvesResponse.

    Raises:
        InvalidRequest: A response that makes no curve.
    """
    request = service_pb2.FitCurvesRequest.FromString(body)
    wrong = wire.response_faults("cells", request.cells)
    if wrong:
        raise InvalidRequest(wrong)
    answer = service_pb2.FitCurvesResponse()
    for cell in map(wire.cell_from, request.cells):
        curve = wire.curve_message(cell.response) if isinstance(cell.response, Curve) else None
        answer.curves.add(cell=cell.name, curve=curve)
    return answer.SerializeToString()


def allocate_budget(body: bytes, currency: str) -> bytes:
    """AllocateBudgetRequest to BudgetPlan; reports each `Step`.

    Raises:
        InvalidRequest: Every fault of the question.
        FailedPrecondition: Reason INFEASIBLE_BUDGET or NO_BUDGET_PLAN_FOUND.
        InternalFault: Reason FAULTY_PLAN, the check found the plan wrong.
    """
    report(Step("reading"))
    request = service_pb2.AllocateBudgetRequest.FromString(body)
    question = wire.question_from(request.question, currency, request.frontier_shares)
    _demand_faultless(question)
    plan = _answered(question, lambda watch: allocate(question, watch, _tell))
    report(Step("checking", plan.worth, plan.ceiling))
    _demand_kept(question, plan.lines)
    _demand_kept_nearest(question, plan)
    return wire.plan_message(plan, currency).SerializeToString()


def _tell(step: str, found: Found | None) -> None:
    report(Step(step, found.value, found.ceiling) if found else Step(step))


def size_force(body: bytes, currency: str) -> bytes:
    """SizeForceRequest to SizeForceResponse; raises as `allocate_budget` does."""
    request = service_pb2.SizeForceRequest.FromString(body)
    demand_currency([("cost_per_rep", request.cost_per_rep)], currency)
    question = wire.question_from(request.question, currency)
    _demand_faultless(question, _force_faults(request, question))
    asked = force.Force(
        request.resource,
        request.per_rep,
        wire.amount_of(request.cost_per_rep),
        request.fewest,
        request.most,
    )
    sized = _answered(question, lambda watch: force.size(question, asked, watch))
    _demand_kept(force.with_reps(question, asked, sized.best.reps), sized.plan.lines)
    answer = service_pb2.SizeForceResponse(reps=sized.best.reps, plan=wire.plan_message(sized.plan, currency))
    for one in sized.curve:
        value, profit = money(one.value, currency), money(one.profit, currency)
        answer.curve.add(reps=one.reps, value=value, profit=profit)
    return answer.SerializeToString()


def reach_target(body: bytes, currency: str) -> bytes:
    """ReachTargetRequest to ReachTargetResponse; raises as `allocate_budget` does, and TARGET_OUT_OF_REACH."""
    request = service_pb2.ReachTargetRequest.FromString(body)
    demand_currency([("target", request.target)], currency)
    question = wire.question_from(request.question, currency)
    _demand_faultless(question, _target_faults(request, question))
    asked = target.Target(
        sales=wire.amount_of(request.target),
        probability=request.probability if request.HasField("probability") else DEFAULT_PROBABILITY,
        common=request.common_spread if request.HasField("common_spread") else DEFAULT_COMMON,
    )
    answer = _answered(question, lambda watch: _cheapest(question, asked, watch))
    for plan in (answer.plan, answer.on_average):
        _demand_kept(question, plan.lines)
    plans = (wire.target_message(plan, currency) for plan in (answer.plan, answer.on_average))
    return service_pb2.ReachTargetResponse(plan=next(plans), on_average=next(plans)).SerializeToString()


# ---- faults -------------------------------------------------------------------------------------------------------


def _demand_faultless(question: Question, more: Sequence[Violation] = ()) -> None:
    wrong = [*faults(question), *more]
    if wrong:
        raise InvalidRequest(
            [
                violation
                if violation in more
                else Violation(f"question.{violation.field}", violation.value, violation.remedy)
                for violation in wrong
            ]
        )


def _force_faults(request: service_pb2.SizeForceRequest, question: Question) -> list[Violation]:
    found = []
    names = [resource.name for resource in question.resources]
    if request.resource not in names:
        remedy = f"give one of question.resources: {', '.join(names)}"
        found.append(Violation.of("resource", request.resource, remedy))
    if request.per_rep <= 0:
        found.append(Violation.of("per_rep", request.per_rep, "give what one rep brings, above 0"))
    if not request.fewest <= request.most <= request.fewest + MOST_SIZES:
        remedy = f"give {request.fewest} to {request.fewest + MOST_SIZES}"
        found.append(Violation.of("most", request.most, remedy))
    if request.cost_per_rep.micros < 0:
        found.append(Violation.of("cost_per_rep.micros", request.cost_per_rep.micros, "give 0 or more"))
    return found


def _target_faults(request: service_pb2.ReachTargetRequest, question: Question) -> list[Violation]:
    found = []
    if request.target.micros <= 0:
        found.append(Violation.of("target.micros", request.target.micros, "give sales above 0"))
    if not any(resource.unit_cost > 0 for resource in question.resources):
        remedy = "without a unit_cost every plan is free; give that of one resource at least"
        found.append(Violation.of("question.resources", len(question.resources), remedy))
    return found


# ---- plans --------------------------------------------------------------------------------------------------------


def _answered(question: Question, solve: Callable[[Callable[[], float]], T]) -> T:
    start = time.perf_counter()
    try:
        return solve(lambda: question.seconds - (time.perf_counter() - start))
    except Infeasible:
        end = time.perf_counter() + EXPLAIN_SECONDS
        conflict = explain(compiled(question), lambda: end - time.perf_counter())
        raise _infeasible(conflict) from None
    except NotFound:
        message = (
            f"question.time_limit_seconds: got {question.seconds:g}; no plan that keeps every rule was found and none was "
            "proven impossible; allow more time or widen a limit"
        )
        raise FailedPrecondition("NO_BUDGET_PLAN_FOUND", message) from None


def _infeasible(conflict: Conflict) -> FailedPrecondition:
    rules = ", ".join(way.rule.id for way in conflict.ways[:SHOWN])
    head = "no plan keeps these rules together" + (" in whole levels" if conflict.whole else "")
    lines = [f"{head}:", *map(_way_out, conflict.ways[:SHOWN])]
    return FailedPrecondition("INFEASIBLE_BUDGET", "\n".join(lines), metadata={"rules": rules})


def _way_out(way: Way) -> str:
    end = "at most" if way.rule.at_most else "at least"
    head = f"{way.rule.id}: got {end} {way.rule.stated:g}"
    if way.needed is None:
        return f"{head}; changing it alone does not do"
    return f"{head}; {end} {way.needed:.6g} can be kept with all others"


def _cheapest(question: Question, asked: target.Target, watch: Callable[[], float]) -> target.Answer:
    try:
        return target.cheapest(question, asked, watch)
    except target.OutOfReach as error:
        best = error.best
        message = (
            f"target: {asked.sales:g} is out of reach with probability {asked.probability:g}; the likeliest plan found brings "
            f"{best.mean:.6g} on average and reaches it with probability {best.probability:.4f}; "
            "give more capacity, a lower target or a lower probability"
        )
        facts = {"probability": f"{best.probability:.6f}", "sales": f"{best.mean:.6g}"}
        raise FailedPrecondition("TARGET_OUT_OF_REACH", message, metadata=facts) from None


def _demand_kept(question: Question, lines: Sequence[Line]) -> None:
    _demand(check.faults(question, [line.level for line in lines], [line.value for line in lines]))


def _demand_kept_nearest(question: Question, plan: BudgetPlan) -> None:
    if plan.nearest is not None:
        levels = plan.nearest.levels
        values = [check.value_of(cell, level) for cell, level in zip(question.cells, levels, strict=True)]
        _demand(check.faults(question, levels, values))


def _demand(wrong: Sequence[str]) -> None:
    if wrong:
        message = f"the plan is wrong in {len(wrong)} places and is not given out: {wrong[0]}"
        raise InternalFault("FAULTY_PLAN", message)
