"""A territory solve inside a worker process: stopwatch, progress, verification; knows no database.

What looks at a plan once more after a cut (`finished`) also runs in the serving process: no solver is imported on its way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation import territory_wire, uploading
from fieldwise_allocation.core import checks
from fieldwise_allocation.core.question import Account, Place, Question, Rep
from fieldwise_allocation.core.territory import verify
from fieldwise_allocation.core.territory.comparisons import compared
from fieldwise_allocation.core.territory.describe import Prepared, prepared
from fieldwise_allocation.core.territory.found import Found, Impossible, NoPlanFound, Watch
from fieldwise_allocation.core.territory.plan import Compared
from fieldwise_allocation.core.territory.problem import NOBODY, Floats, Ints
from fieldwise_allocation.crew import hired
from fieldwise_allocation.plan_task import Made, Start, Step, Task, last_look_seconds
from fieldwise_allocation.stages import Kept, Stages
from fieldwise_runtime import tracing
from fieldwise_runtime.errors import FailedPrecondition, InternalFault, InvalidRequest
from fieldwise_runtime.worker_process import report

# What stands beside a plan may take this share of its time; measured: half a microsecond for each account and rep.
BESIDE_SHARE = 0.2
BESIDE_SECONDS_PER_PAIR = 0.5e-6


def prepare() -> None:
    """What a process does before its work comes: imports, and a small plan, which loads the compiled code."""
    from fieldwise_allocation.core.territory.replan import replan
    from fieldwise_allocation.core.territory.solve import solve

    accounts = tuple(Account(f"{j}", 1.0, 1.0, Place(j % 7, j % 5)) for j in range(24))
    question = Question(accounts, tuple(Rep(f"{i}", 40.0, Place(i, i)) for i in range(3)))
    problem, watch = prepared(question).compiled.problem, Watch(lambda: 5.0)
    replan(problem, watch, solve(problem, watch).rep_of, np.zeros(3))


def make(task: Task) -> Made:
    """The plan of a task, checked without the solver before it is handed out; better and better ones are reported.

    Reports `Step`, `Found` (in the problem's order) and `Compared`.

    Raises:
        InvalidRequest: Every fault of a question that was not checked before.
        FailedPrecondition: Reason INFEASIBLE_PLAN with the conflicting rules, or PLAN_NOT_FOUND.
        InternalFault: Reason FAULTY_PLAN, the check found the plan wrong.
    """
    stages = Kept(report)
    try:
        return _made(task, stages.stage)
    finally:
        stages.record()


def _made(task: Task, stage: Stages) -> Made:
    began = time.perf_counter()
    report(Step("bounding"))
    with stage("read question"):
        question = question_of(task)
        wrong = checks.faults(question)
    if wrong:
        raise InvalidRequest(wrong)
    left = question.rules.seconds - task.spent - last_look_seconds(task.accounts)
    with stage("compile"):
        frame = prepared(question)
    search = _Search(task, frame, began + left, stage)
    found = search.found()
    # The rest of a run that was cut by the clock would be another plan on a faster machine.
    stopped = (
        plan_pb2.PLAN_STOPPED_TIME_LIMIT if search.seconds_left() <= 0 else plan_pb2.PLAN_STOPPED_FINISHED
    )
    report(Step("finishing", found.objective, found.bound))
    plan = finished(search.frame, found, search.beside, task.currency, stage)
    return Made(plan, stopped, time.perf_counter() - began)


def question_of(task: Task) -> Question:
    """The question that a task asks."""
    request = service_pb2.PlanTerritoriesRequest.FromString(task.request)
    request.accounts.extend(uploading.unpacked(task.chunks))
    return territory_wire.question_from(request, (), task.currency)


def finish(task: Task, found: Found, beside: Compared) -> bytes:
    """`finished` for a search that was cut, in a process of its own."""
    return finished(prepared(question_of(task)), found, beside, task.currency)


def finished(
    frame: Prepared, found: Found, beside: Compared, currency: str, stage: Stages = tracing.step
) -> bytes:
    """TerritoryPlan of what was found, described and checked.

    Raises:
        InternalFault: Reason FAULTY_PLAN.
    """
    with stage("describe"):
        plan = frame.described(found, beside)
    with stage("verify"):
        wrong = verify.faults(frame.question, plan, frame.ledger)
    if wrong:
        message = f"the solver's plan is wrong in {len(wrong)} places and is not given out: {wrong[0]}"
        raise InternalFault("FAULTY_PLAN", message)
    with stage("write plan"):
        return territory_wire.plan_message(frame.question, plan, currency).SerializeToString()


@dataclass
class _Search:
    """One search and what it tells.

    Args:
        ends: When to stop, on the clock of `time.perf_counter`.
    """

    task: Task
    frame: Prepared
    ends: float
    stage: Stages
    beside: Compared = field(default_factory=Compared)
    _told: bool = False

    def seconds_left(self) -> float:
        return self.ends - time.perf_counter()

    def found(self) -> Found:
        """The best plan found in the time.

        Raises:
            FailedPrecondition: Reason INFEASIBLE_PLAN or PLAN_NOT_FOUND.
        """
        try:
            return self._found()
        except Impossible:
            with self.stage("explain"):
                raise _infeasible(self.frame.question) from None
        except NoPlanFound:
            raise not_found(self.frame.question.rules.seconds) from None

    def _found(self) -> Found:
        # Imported here: the serving process imports this module, and solves nothing.
        from fieldwise_allocation.core.territory.homes import choose_homes
        from fieldwise_allocation.core.territory.possible import impossible
        from fieldwise_allocation.core.territory.replan import filled, replan
        from fieldwise_allocation.core.territory.solve import solve

        watch, free = Watch(self.seconds_left, self._tell, self.stage), self.frame.compiled.free
        problem = self.frame.compiled.problem
        with self.stage("choose homes"):
            problem = replace(problem, home=choose_homes(problem, free))
        before = self.task.start
        if before is not None and self.task.quick:
            return replan(problem, watch, self._start(before), self._hour_prices(before))
        with self.stage("prove possible"):
            none = impossible(problem)
        if none:
            raise Impossible
        begin = None if before is None else filled(problem, self._start(before))
        with hired(self.task.hands, problem.accounts) as crew:
            return solve(problem, watch, begin, crew=crew)

    def _start(self, start: Start) -> Ints:
        """The plan to start from in the problem's order, NOBODY where it says nothing."""
        question = self.frame.question
        seat = {rep.name: i for i, rep in enumerate(question.reps)}
        rep_of = [seat.get(start.rep_of.get(account.name, ""), NOBODY) for account in question.accounts]
        return self.frame.compiled.solved(np.array(rep_of, dtype=np.int32))

    def _hour_prices(self, start: Start) -> Floats:
        """The prices of the plan to start from in the problem's order, NaN for reps whom it did not know."""
        names = [rep.name for rep in self.frame.question.reps]
        seats = self.frame.compiled.seats.tolist()
        return np.array([start.hour_prices.get(names[i], np.nan) for i in seats])

    def _tell(self, found: Found) -> None:
        """Reports a plan, and beside the first one what there is to compare it with."""
        report(found)
        if not self._told:
            self._told = True
            self._compare()

    def _compare(self) -> None:
        question = self.frame.question
        seconds = BESIDE_SECONDS_PER_PAIR * len(question.accounts) * len(question.reps)
        if self.task.quick:
            return
        if seconds <= BESIDE_SHARE * question.rules.seconds:
            with self.stage("compare with practice"):
                self.beside = compared(self.frame.ledger)
        report(self.beside)


def not_found(limit: float) -> FailedPrecondition:
    """The answer when the time was over before there was a plan."""
    message = (
        f"rules.time_limit_seconds: got {limit:g}; no plan was found in this time and none was proven impossible; "
        "allow more time or widen rules.workload_band"
    )
    return FailedPrecondition("PLAN_NOT_FOUND", message)


def _infeasible(question: Question) -> FailedPrecondition:
    # Imported here: the serving process imports this module, and solves nothing.
    from fieldwise_allocation.explaining import refusal

    report(Step("explaining"))
    return refusal(question)
