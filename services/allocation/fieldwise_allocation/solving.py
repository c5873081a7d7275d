"""One solve in its process: what it has told so far, its time limit, and what is left when it is cut; knows no database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.plan import Compared
from fieldwise_allocation.plan_task import Made, Step, Task, last_look_seconds
from fieldwise_allocation.plan_worker import make, not_found
from fieldwise_allocation.stages import Kept, Stage
from fieldwise_executor.executor import Executor
from fieldwise_runtime.errors import DeadlineExceeded, ResourceExhausted
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.workers import WorkerDied, WorkerFailed

log = get_logger(__name__)

# Looking for the smallest conflict takes half as long at most.
EXPLAIN_SECONDS = 60.0
# For a process to start and read its task on a busy machine; the time limit counts from there.
START_SECONDS = 60.0
# A limit is kept within this share of it, the last look at the plan included.
OVERRUN = 0.05
# The least that may be left of a limit for the search itself.
LEAST_SHARE = 0.75

# Makes TerritoryPlan of the best plan so far and of what stands beside it.
Finish = Callable[[Found, Compared], Awaitable[bytes]]


@dataclass
class Known:
    """What a solve has told so far. Objectives only fall and bounds only rise, whatever it tells in which order.

    Args:
        tell: Gets each piece of news.
    """

    tell: Callable[[Step], None]
    step: Step = field(default_factory=lambda: Step("queued"))
    best: Found | None = None
    beside: Compared = field(default_factory=Compared)
    stages: Kept = field(default_factory=Kept)

    def hear(self, news: Step | Found | Compared | Stage) -> None:
        """Takes a message of the worker."""
        if isinstance(news, Stage):
            self.stages.hear(news)
        elif isinstance(news, Compared):
            self.beside = news
        elif isinstance(news, Step):
            self._go_on(news)
        else:
            if self.best is None or news.objective < self.best.objective:
                self.best = news
            self._go_on(Step("improving", news.objective, news.bound))

    def _go_on(self, step: Step) -> None:
        objective = min(_stated(self.step.objective, step.objective), default=None)
        bound = max(_stated(self.step.bound, step.bound), default=None)
        self.step = Step(step.name, objective, bound)
        self.tell(self.step)

    def cut(self) -> Found | None:
        """The best plan so far, with the best bound so far."""
        if self.best is None:
            return None
        return replace(self.best, bound=max(_stated(self.best.bound, self.step.bound)))


async def solved(
    executor: Executor, task: Task, seconds: float, tell: Callable[[Step], None], finish: Finish
) -> Made:
    """The plan of a task; cut at any time it is the best so far.

    Args:
        seconds: The limit of the search, kept within 5 % by the end of its process.
        finish: Looks at the plan of a search that was cut.
    Raises:
        CancelledError: Cancelled before there was a plan.
        FailedPrecondition: Reason PLAN_NOT_FOUND, the time was over before there was a plan; INFEASIBLE_PLAN.
        WorkerDied, WorkerFailed, ResourceExhausted: The process ended before there was a plan.
    """
    known, loop, began = Known(tell), asyncio.get_running_loop(), asyncio.get_running_loop().time()
    clock = asyncio.timeout(START_SECONDS)

    def hear(news: Any) -> None:
        nonlocal began
        if isinstance(news, Step) and news.name == "bounding":
            began = loop.time()
            clock.reschedule(began + _search_seconds(seconds, task.accounts) - task.spent)
        elif isinstance(news, Step) and news.name == "explaining":
            clock.reschedule(loop.time() + EXPLAIN_SECONDS)
        known.hear(news)

    fault: BaseException
    most = START_SECONDS + seconds + EXPLAIN_SECONDS
    try:
        async with clock:
            made: Made = await executor.run(make, task, timeout=most, on_message=hear)
            return made
    except (TimeoutError, DeadlineExceeded):
        stopped, fault = plan_pb2.PLAN_STOPPED_TIME_LIMIT, not_found(seconds)
    except asyncio.CancelledError as cancelled:
        stopped = plan_pb2.PLAN_STOPPED_SERVER_STOPPED if cancelled.args else plan_pb2.PLAN_STOPPED_CANCELLED
        fault = cancelled
    except (WorkerDied, WorkerFailed, ResourceExhausted) as death:
        log.warning("solver lost", reason=death.reason, accounts=task.accounts, kept=known.best is not None)
        stopped, fault = plan_pb2.PLAN_STOPPED_WORKER_DIED, death
    if not isinstance(fault, (WorkerFailed, ResourceExhausted)):
        # The process that would have recorded them did not come to its end.
        known.stages.record()
    best = known.cut()
    if best is None:
        raise fault
    known.hear(Step("finishing"))
    plan = await _to_its_end(finish(best, known.beside))
    return Made(plan, stopped, loop.time() - began)


async def _to_its_end(work: Awaitable[bytes]) -> bytes:
    """Cancelled once more, it still ends: there is little left to do, and much to lose."""
    finishing = asyncio.ensure_future(work)
    while not finishing.done():
        try:
            await asyncio.shield(finishing)
        except asyncio.CancelledError:
            if finishing.cancelled():
                raise
    return finishing.result()


def _search_seconds(seconds: float, accounts: int) -> float:
    """When to cut, so that the plan is there by the limit."""
    return max((1 + OVERRUN) * seconds - last_look_seconds(accounts), LEAST_SHARE * seconds)


def _stated(*values: float | None) -> list[float]:
    return [value for value in values if value is not None]
