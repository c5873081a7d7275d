"""A territory solve inside a worker process: stopwatch, progress, verification; knows no database and no wire."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fieldwise_allocation.core import verify
from fieldwise_allocation.core.conflicts import Conflict, explain
from fieldwise_allocation.core.linear import Infeasible
from fieldwise_allocation.core.plan import Plan
from fieldwise_allocation.core.question import Question
from fieldwise_allocation.core.solve import NoPlanFound, Watch, solve
from fieldwise_runtime.errors import FailedPrecondition, InternalFault
from fieldwise_runtime.worker_process import report

# Looking for the smallest conflict stops here; what is known by then is answered.
EXPLAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Step:
    """How far a solve is; None before the first plan or bound."""

    name: str
    objective: float | None = None
    bound: float | None = None


@dataclass(frozen=True)
class Solved:
    """A verified plan and the seconds it took."""

    plan: Plan
    seconds: float


def solve_verified(question: Question) -> Solved:
    """The plan of a question, checked without the solver before it is handed out.

    Raises:
        FailedPrecondition: Reason INFEASIBLE_PLAN with the conflicting rules, or PLAN_NOT_FOUND.
        InternalFault: Reason FAULTY_PLAN, the check found the plan wrong.
    """
    start = time.perf_counter()
    limit = question.rules.seconds
    watch = Watch(
        seconds_left=lambda: limit - (time.perf_counter() - start),
        report=lambda step, objective, bound: report(Step(step, objective, bound)),
    )
    try:
        plan = solve(question, watch)
    except Infeasible:
        raise _infeasible(_explained(question)) from None
    except NoPlanFound:
        raise _not_found(limit) from None
    _demand_faultless(question, plan)
    return Solved(plan, time.perf_counter() - start)


def _explained(question: Question) -> Conflict:
    start = time.perf_counter()
    return explain(question, lambda: time.perf_counter() - start > EXPLAIN_SECONDS)


def _infeasible(conflict: Conflict) -> FailedPrecondition:
    rules = ", ".join(f"{rule.kind} {rule.subject}" for rule in conflict.rules[:20])
    message = "no plan keeps these rules together:\n" + "\n".join(conflict.sentences[:20])
    return FailedPrecondition("INFEASIBLE_PLAN", message, metadata={"rules": rules})


def _not_found(limit: float) -> FailedPrecondition:
    message = (
        f"rules.time_limit_seconds: got {limit:g}; no plan was found in this time and none was proven impossible; "
        "allow more time or widen rules.workload_band"
    )
    return FailedPrecondition("PLAN_NOT_FOUND", message)


def _demand_faultless(question: Question, plan: Plan) -> None:
    faults = verify.faults(question, plan)
    if faults:
        message = f"the solver's plan is wrong in {len(faults)} places and is not given out: {faults[0]}"
        raise InternalFault("FAULTY_PLAN", message)
