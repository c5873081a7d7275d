"""Assignments of items to agents: made in worker processes, answered by an operation; knows nothing of how they are solved."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from google.longrunning import operations_pb2
from google.protobuf import timestamp_pb2

from fieldwise.allocation.v1 import task_service_pb2 as task_pb2
from fieldwise_allocation import assignment_wire as wire
from fieldwise_allocation.assign_worker import Assigned, Step, assign_checked, demand_faultless
from fieldwise_allocation.core.assignment import question as asked
from fieldwise_allocation.core.assignment.question import Question
from fieldwise_allocation.turns import Turns
from fieldwise_executor.executor import Executor
from fieldwise_runtime.errors import DeadlineExceeded, InvalidRequest, ResourceExhausted
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.operations import Operations, Progress
from fieldwise_runtime.workers import WorkerDied

log = get_logger(__name__)

PREFIX = "allocation"
# Beyond the solver's own limit: start of the process, compiled loops read from disk, the check.
SPARE_SECONDS = 60.0
# Below this many pairs a second search finds nothing that the first one has not.
PAIRS_FOR_TWO = 1_000


@dataclass(frozen=True)
class Assigning:
    """What the verb of TaskService works with."""

    operations: Operations
    executor: Executor
    turns: Turns

    async def start(self, request: task_pb2.AssignTasksRequest) -> operations_pb2.Operation:
        """Start an assignment, or find the one that this request started before.

        Raises:
            InvalidRequest: Every fault of the question at once.
            AlreadyExists: Reason REQUEST_ID_REUSED.
        """
        question = await asyncio.to_thread(wire.question_from, request)
        wrong = await asyncio.to_thread(asked.faults, question)
        if wrong:
            raise InvalidRequest(wrong)
        moment = timestamp_pb2.Timestamp()
        moment.CopyFrom(request.decision_time)
        return await self.operations.start(
            PREFIX,
            request.request_id,
            await asyncio.to_thread(fingerprint, request),
            lambda progress: self._make(request, question, moment, progress),
            _metadata(Step("queued"), moment),
        )

    async def _make(
        self,
        request: task_pb2.AssignTasksRequest,
        question: Question,
        moment: timestamp_pb2.Timestamp,
        progress: Progress,
    ) -> task_pb2.TaskPlan:
        best = _Best(question.profit)

        def told(news: Step | Assigned) -> None:
            if isinstance(news, Assigned):
                best.keep(news)
            else:
                progress.update(_metadata(best.of(news), moment))

        async with self.turns:
            body = await asyncio.to_thread(request.SerializeToString)
            try:
                assigned = await self._searched(body, question, told)
            except asyncio.CancelledError as cancelled:
                # With words in it the server is stopping: the work is then recorded as interrupted.
                if cancelled.args or best.plan is None:
                    raise
                assigned = await asyncio.to_thread(best.cut, question)
            except (DeadlineExceeded, ResourceExhausted, WorkerDied) as fault:
                if best.plan is None:
                    raise
                log.warning("searches of an assignment lost", reason=fault.reason)
                assigned = await asyncio.to_thread(best.cut, question)
        plan = await asyncio.to_thread(wire.plan_message, question, assigned.plan)
        plan.solve_seconds = assigned.seconds
        plan.decision_time.CopyFrom(moment)
        log.info(
            "tasks assigned",
            items=len(question.items),
            agents=len(question.agents),
            gap=plan.gap,
            solver_seconds=plan.solve_seconds,
        )
        return plan

    async def _searched(
        self, body: bytes, question: Question, told: Callable[[Step | Assigned], None]
    ) -> Assigned:
        """The better of two searches that take different ways, each in a process of its own."""
        lanes = 2 if len(question.items) * len(question.agents) >= PAIRS_FOR_TWO else 1
        searches = [
            asyncio.create_task(
                self.executor.run(
                    assign_checked,
                    body,
                    lane,
                    timeout=question.seconds + SPARE_SECONDS,
                    on_message=told,
                )
            )
            for lane in range(lanes)
        ]
        try:
            return await _best_of(searches, profit=question.profit)
        finally:
            for search in searches:
                search.cancel()
            await asyncio.wait(searches)


async def _best_of(searches: list[asyncio.Task[Assigned]], *, profit: bool) -> Assigned:
    """The best plan of all, or the first one's as soon as it is proven best.

    A proof by another than the first is waited on no less: which process is quicker must not choose the plan.
    """
    await asyncio.wait(searches[:1])
    first = searches[0]
    if first.exception() is None and first.result().plan.gap == 0:
        return first.result()
    ended = await asyncio.gather(*searches, return_exceptions=True)
    found = [each for each in ended if isinstance(each, Assigned)]
    if found:
        return _better(found, profit=profit)
    raise next(each for each in ended if isinstance(each, BaseException))


class _Best:
    """Progress of several searches as that of one: the best objective and the best bound so far."""

    def __init__(self, profit: bool) -> None:
        self._sign = -1.0 if profit else 1.0
        self._cost: float | None = None
        self._bound: float | None = None
        self.plan: Assigned | None = None

    def keep(self, met: Assigned) -> None:
        """A plan on the way, if it is better than those before."""
        if self.plan is None or self._sign * met.plan.objective < self._sign * self.plan.plan.objective:
            self.plan = met

    def cut(self, question: Question) -> Assigned:
        """The best plan so far with the best bound so far, checked, where the searches were broken off.

        Raises:
            InternalFault: Reason FAULTY_PLAN.
        """
        assert self.plan is not None
        plan = self.plan.plan
        bound = max(self._sign * plan.bound, -math.inf if self._bound is None else self._bound)
        plan = replace(plan, bound=self._sign * min(bound, self._sign * plan.objective))
        demand_faultless(question, plan)
        return replace(self.plan, plan=plan)

    def of(self, step: Step) -> Step:
        """The step with what is known from all searches."""
        if step.objective is not None:
            cost = self._sign * step.objective
            self._cost = cost if self._cost is None else min(self._cost, cost)
        if step.bound is not None:
            bound = self._sign * step.bound
            self._bound = bound if self._bound is None else max(self._bound, bound)
        signed = (None if x is None else self._sign * x for x in (self._cost, self._bound))
        return Step(step.name, *signed)


def _better(found: list[Assigned], *, profit: bool) -> Assigned:
    """The plan of the first search that has the best objective, with the best bound and prices of that plan."""
    sign = -1.0 if profit else 1.0
    best = min(found, key=lambda each: sign * each.plan.objective)
    bound = sign * max(sign * each.plan.bound for each in found)
    return replace(best, plan=replace(best.plan, bound=bound), seconds=max(each.seconds for each in found))


def _metadata(step: Step, moment: timestamp_pb2.Timestamp) -> task_pb2.AssignTasksMetadata:
    return task_pb2.AssignTasksMetadata(
        step=step.name, objective=step.objective, bound=step.bound, decision_time=moment
    )
