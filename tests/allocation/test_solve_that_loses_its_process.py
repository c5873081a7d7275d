"""What is left of a solve whose process ends early, told by an executor that does as the tests say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.plan import Compared
from fieldwise_allocation.plan_task import Made, Step, Task
from fieldwise_allocation.solving import solved
from fieldwise_runtime.errors import FailedPrecondition, ResourceExhausted
from fieldwise_runtime.workers import WorkerDied

TASK = Task(b"", 3, "USD")
FULL = ResourceExhausted("WORKER_OUT_OF_MEMORY", "more than it may take")


def found(objective: float, bound: float) -> Found:
    none = np.zeros((1, 1))
    return Found(np.array([0, 0, 0], dtype=np.int32), objective, bound, none, 0.0, np.zeros((1, 3)))


@dataclass
class Scripted:
    """Tells what it is told to tell, and then ends as it is told to end."""

    messages: list[Any]
    end: BaseException | None = None
    processes: int = 1
    asked: list[Any] = field(default_factory=list)

    async def run(
        self,
        _work: Callable[..., Any],
        *arguments: Any,
        timeout: float,
        on_message: Callable[[Any], None] | None,
    ) -> Any:
        self.asked += arguments
        for message in self.messages:
            assert on_message is not None
            on_message(message)
        if self.end is None:
            await asyncio.sleep(timeout)
        raise self.end or AssertionError("nobody ended it")


def finishing(kept: list[Found]) -> Callable[[Found, Compared], Awaitable[bytes]]:
    async def finish(best: Found, _beside: Compared) -> bytes:
        kept.append(best)
        return b"plan"

    return finish


async def outcome(executor: Scripted, seconds: float = 5.0) -> tuple[Made, Found, list[Step]]:
    kept: list[Found] = []
    steps: list[Step] = []
    made = await solved(executor, TASK, seconds, steps.append, finishing(kept))  # type: ignore[arg-type]  # `run` is all that is used
    return made, kept[0], steps


@pytest.mark.parametrize("end", [FULL, WorkerDied("make", -9)])
async def test_a_process_lost_after_a_plan_leaves_the_best_plan_with_the_best_bound(
    end: BaseException,
) -> None:
    told = [Step("bounding"), found(9.0, 2.0), found(7.0, 1.0), found(8.0, 4.0)]
    made, best, _ = await outcome(Scripted(told, end))
    assert made.stopped == plan_pb2.PLAN_STOPPED_WORKER_DIED
    assert (best.objective, best.bound) == (7.0, 4.0)


@pytest.mark.parametrize("end", [FULL, WorkerDied("make", -9)])
async def test_a_process_lost_before_a_plan_is_the_error(end: BaseException) -> None:
    with pytest.raises(type(end)):
        await outcome(Scripted([Step("bounding")], end))


async def test_the_clock_starts_with_the_search_and_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    began = asyncio.get_running_loop().time()
    made, best, _ = await outcome(Scripted([Step("bounding"), found(9.0, 2.0)]), seconds=1.0)
    took = asyncio.get_running_loop().time() - began
    assert made.stopped == plan_pb2.PLAN_STOPPED_TIME_LIMIT
    assert best.objective == 9.0
    assert 0.9 < took < 1.3
    monkeypatch.setattr("fieldwise_allocation.solving.START_SECONDS", 0.1)
    with pytest.raises(FailedPrecondition) as late:
        await outcome(Scripted([]))
    assert late.value.reason == "PLAN_NOT_FOUND"


async def test_looking_for_a_conflict_may_take_longer_than_the_plan() -> None:
    fault = FailedPrecondition("INFEASIBLE_PLAN", "no")
    executor = Scripted([Step("bounding"), Step("explaining")], fault)
    with pytest.raises(FailedPrecondition, match="no"):
        await outcome(executor, seconds=0.01)


async def test_news_are_monotone_whatever_comes() -> None:
    told = [
        Step("bounding"),
        found(9.0, 2.0),
        Step("improving", 11.0, 1.0),
        found(7.0, 1.5),
        Step("improving", None, 3.0),
    ]
    _, _, steps = await outcome(Scripted(told, FULL))
    costs = [step.objective for step in steps if step.objective is not None]
    bounds = [step.bound for step in steps if step.bound is not None]
    assert costs == sorted(costs, reverse=True)
    assert bounds == sorted(bounds)
    assert steps[-1] == Step("finishing", 7.0, 3.0)
