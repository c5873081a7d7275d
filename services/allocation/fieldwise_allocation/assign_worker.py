"""An assignment inside a worker process: stopwatch, progress, check; knows no database.

The request comes as bytes: half a million pairs take seconds to pickle, and the process that serves would be held up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from fieldwise.allocation.v1 import task_service_pb2 as task_pb2
from fieldwise_allocation.assignment_wire import question_from
from fieldwise_allocation.core.assignment import check
from fieldwise_allocation.core.assignment.outcome import Found, Infeasible, NoPlanFound, Watch
from fieldwise_allocation.core.assignment.plan import Compiled, Plan
from fieldwise_allocation.core.assignment.problem import Problem
from fieldwise_allocation.core.assignment.question import Question
from fieldwise_runtime.errors import FailedPrecondition, InternalFault
from fieldwise_runtime.worker_process import report

SHOWN = 20


@dataclass(frozen=True)
class Step:
    """How far a solve is; costs are profits where profits are asked for; None before the first."""

    name: str
    objective: float | None = None
    bound: float | None = None


@dataclass(frozen=True)
class Assigned:
    """A plan and the seconds it took; the last one of a search is checked, those on the way are not."""

    plan: Plan
    seconds: float


def assign_checked(body: bytes, lane: int) -> Assigned:
    """The plan of a question, checked without the solver before it is handed out.

    Args:
        body: AssignTasksRequest without faults.
        lane: Searches of different lanes take different ways.
    Raises:
        FailedPrecondition: Reason INFEASIBLE_TASKS, or NO_TASK_PLAN_FOUND.
        InternalFault: Reason FAULTY_PLAN, the check found the plan wrong.
    """
    # Late: the serving process imports this module too, and needs neither a solver nor a compiler.
    from fieldwise_allocation.core.assignment.solve import solve

    start = time.perf_counter()
    question = question_from(task_pb2.AssignTasksRequest.FromString(body))
    compiled = Compiled.of(question)
    sign = -1.0 if question.profit else 1.0

    sent = np.inf

    def told(step: str, best: Found | None, bound: float | None) -> None:
        nonlocal sent
        cost = None if best is None else best.objective
        signed = (None if x is None else sign * x for x in (cost, bound))
        if best is not None and best.objective < sent:
            # Before its figures: who has read those may cancel, and is to get the plan.
            sent = best.objective
            report(Assigned(_plan(compiled, best), time.perf_counter() - start))
        report(Step(step, *signed))

    watch = Watch(question.seconds, lambda: question.seconds - (time.perf_counter() - start), told)
    try:
        found = solve(compiled.problem, watch, lane=lane)
    except Infeasible as proof:
        raise _infeasible(question, compiled, str(proof)) from None
    except NoPlanFound:
        raise _not_found(question.seconds) from None
    plan = _plan(compiled, found)
    demand_faultless(question, plan)
    return Assigned(plan, time.perf_counter() - start)


def _plan(compiled: Compiled, found: Found) -> Plan:
    return compiled.plan(found.agent_of, bound=found.bound, unit=found.unit, item=found.item)


def _infeasible(question: Question, compiled: Compiled, proof: str) -> FailedPrecondition:
    problem = compiled.problem
    stuck = np.flatnonzero(~np.isfinite(problem.cost).any(axis=1))
    names = [question.items[j].name for j in compiled.items[stuck].tolist()]
    if names:
        shown = ", ".join(names[:SHOWN])
        message = f"{len(names)} items fit no agent: {shown}; allow more pairs, raise capacity, or set their leave_out"
        return FailedPrecondition("INFEASIBLE_TASKS", message, metadata={"items": shown})
    message = f"not all items fit: {_shortage(problem) or proof}; raise capacity or most_items, or set leave_out of items"
    return FailedPrecondition("INFEASIBLE_TASKS", message)


def _shortage(problem: Problem) -> str:
    """What is short in all, where sums alone show it; empty otherwise."""
    least = np.where(np.isfinite(problem.cost), problem.use, np.inf).min(axis=1).sum()
    if least > problem.limit.sum():
        return f"together they need at least {least:g} and the agents have {problem.capacity.sum():g}"
    if problem.items > problem.most.sum():
        return f"there are {problem.items} and the agents may have {problem.most.sum():g} by number"
    return ""


def _not_found(limit: float) -> FailedPrecondition:
    message = (
        f"time_limit_seconds: got {limit:g}; no plan was found in this time and none was proven impossible; "
        "allow more time, raise capacities, or set leave_out of items"
    )
    return FailedPrecondition("NO_TASK_PLAN_FOUND", message)


def demand_faultless(question: Question, plan: Plan) -> None:
    """Checks a plan without the solver.

    Raises:
        InternalFault: Reason FAULTY_PLAN.
    """
    faults = check.faults(question, plan)
    if faults:
        message = f"the solver's plan is wrong in {len(faults)} places and is not given out: {faults[0]}"
        raise InternalFault("FAULTY_PLAN", message)
