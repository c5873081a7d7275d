"""Re-planning after a change: time, cost against a full solve, moves against those needed.

Protocol, fixed before the repair was tuned: a plan of 10,000 x 100 is made in 20 CPU-s (quick: 3,000 x 30 in 6); its
reps become the incumbents. Then a rep leaves, 1 % of the accounts double, or five accounts are locked to their second nearest rep. Each
is a task as the server sends it, done by a worker forked from a process that stands by; CPU is that of both.
Moves needed: `least_moves`, a bound computed outside the timed part.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.allocation.accounts_world import world
from benchmarks.allocation.least_moves import least_moves
from benchmarks.allocation.served import request_of
from benchmarks.report import Row
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation.__main__ import PREPARE
from fieldwise_allocation.core.territory.compile import compiled
from fieldwise_allocation.core.territory.describe import prepared
from fieldwise_allocation.core.territory.found import Watch
from fieldwise_allocation.core.territory.plan import Compared
from fieldwise_allocation.core.territory.problem import NOBODY
from fieldwise_allocation.plan_task import Made, Start, Task
from fieldwise_allocation.plan_worker import finished, make, question_of
from fieldwise_executor.local import LocalExecutor
from fieldwise_executor.standby import Readiness

# Tuned on seeds 1 to 5; 11 to 15 and 17 were looked at when a round of work was over.
SEEDS = (16, 18)
BAND = 0.05
LOCKS = 5
# The server's limit is one of wall time: beyond what the CPU seconds take on any machine.
WALL = 3600.0

Request = service_pb2.PlanTerritoriesRequest
Change = Callable[[Request, np.random.Generator], None]


@dataclass(frozen=True)
class Size:
    """Accounts, reps, and the CPU seconds of a full solve."""

    accounts: int
    reps: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.accounts:,} x {self.reps}"


WHOLE, SMALL = Size(10_000, 100, 20.0), Size(3_000, 30, 6.0)


@dataclass(frozen=True)
class Repair:
    """One change: CPU and wall seconds of the repair, its cost over a full solve's, its moves, and the least that can be."""

    cpu: float
    wall: float
    over: float
    moves: int
    needed: int
    gap: float


def rows(*, quick: bool) -> Iterator[Row]:
    """Medians and p95 over seeds and changes."""
    size, seeds = (SMALL, SEEDS[:1]) if quick else (WHOLE, SEEDS)
    repairs = asyncio.run(_measured(size, seeds))
    for name in CHANGES:
        some = [repair for change, repair in repairs if change == name]
        yield Row(
            f"{size}, {name}: cost over a full solve of {size.seconds:g} CPU-s",
            100 * _median(some, "over"),
            "%",
            "must",
            "<= 0.5",
        )
        needed = [each.moves / max(each.needed, 1) for each in some if each.needed]
        if needed:
            yield Row(
                f"{size}, {name}: moves over the least that can be",
                statistics.median(needed),
                "x",
                "must",
                "<= 2",
            )
        yield Row(f"{size}, {name}: moves", _median(some, "moves"), "accounts")
        yield Row(f"{size}, {name}: certified gap", 100 * _median(some, "gap"), "%")
    yield Row(f"re-plan of {size}, whole task, p95", _p95(repairs, "cpu"), "CPU-s", "must", "<= 0.5")
    yield Row("the same, wall, p95", _p95(repairs, "wall"), "s", "stretch", "<= 0.3")


def _p95(repairs: list[tuple[str, Repair]], field: str) -> float:
    took = sorted(getattr(repair, field) for _, repair in repairs)
    return float(took[min(len(took) - 1, int(0.95 * len(took)))])


def _median(repairs: list[Repair], field: str) -> float:
    return float(statistics.median(getattr(each, field) for each in repairs))


async def _measured(size: Size, seeds: tuple[int, ...]) -> list[tuple[str, Repair]]:
    executor = LocalExecutor(1, Readiness(PREPARE))
    measured = []
    for seed in seeds:
        request = request_of(
            world(size.accounts, size.reps, band=BAND, seed=seed), request_id="1", seconds=WALL
        )
        plan = await _full(executor, request, size)
        for account, assignment in zip(request.accounts, plan.assignments, strict=True):
            account.incumbent = assignment.rep
        for name, change in CHANGES.items():
            changed = Request()
            changed.CopyFrom(request)
            change(changed, np.random.default_rng([seed, 7]))
            measured.append((name, await _repair(executor, changed, plan, size)))
    await executor.close()
    return measured


async def _repair(
    executor: LocalExecutor, request: Request, before: plan_pb2.TerritoryPlan, size: Size
) -> Repair:
    start = Start(
        {each.account: each.rep for each in before.assignments},
        {load.rep: load.hour_price for load in before.loads},
    )
    cpu, began = time.process_time(), time.perf_counter()
    quick, used = await _plan(executor, request, start)
    cpu, wall = time.process_time() - cpu + used, time.perf_counter() - began
    full = await _full(executor, request, size)
    needed = _needed(request, start.rep_of, full.objective)
    moves = sum(
        one.rep != other.rep for one, other in zip(quick.assignments, before.assignments, strict=True)
    )
    return Repair(cpu, wall, quick.objective / full.objective - 1, moves, needed, quick.gap)


def _needed(request: Request, before: dict[str, str], full: float) -> int:
    question = question_of(Task(request.SerializeToString(), len(request.accounts), "USD"))
    seat = {rep.name: i for i, rep in enumerate(question.reps)}
    rep_of = np.array([seat.get(before[account.name], NOBODY) for account in question.accounts], np.int32)
    way = compiled(question)
    return least_moves(way.problem, way.solved(rep_of), full)


async def _plan(
    executor: LocalExecutor, request: Request, start: Start
) -> tuple[plan_pb2.TerritoryPlan, float]:
    """A plan repaired, and the CPU seconds of the process that made it."""
    task = Task(request.SerializeToString(), len(request.accounts), "USD", start=start, quick=True)
    made, used = await executor.run(timed, task, timeout=WALL, on_message=lambda _: None)
    return plan_pb2.TerritoryPlan.FromString(made.plan), used


async def _full(executor: LocalExecutor, request: Request, size: Size) -> plan_pb2.TerritoryPlan:
    """The best plan of so many CPU seconds."""
    task = Task(request.SerializeToString(), len(request.accounts), "USD")
    made = await executor.run(searched, task, size.seconds, timeout=WALL, on_message=lambda _: None)
    return plan_pb2.TerritoryPlan.FromString(made)


def timed(task: Task) -> tuple[Made, float]:
    """`make` in a worker, with the CPU seconds it took there."""
    began = time.process_time()
    return make(task), time.process_time() - began


def searched(task: Task, seconds: float) -> bytes:
    """TerritoryPlan of a full solve whose limit is CPU time, described and checked."""
    # Imported here as in the worker: what measures solves nothing.
    from fieldwise_allocation.core.territory.solve import solve

    frame, ends = prepared(question_of(task)), time.process_time() + seconds
    found = solve(frame.compiled.problem, Watch(lambda: ends - time.process_time()))
    return finished(frame, found, Compared(), task.currency)


def _leaves(request: Request, chance: np.random.Generator) -> None:
    gone = int(chance.integers(len(request.reps)))
    name = request.reps[gone].name
    del request.reps[gone]
    for account in request.accounts:
        if account.incumbent == name:
            account.locked = False


def _doubles(request: Request, chance: np.random.Generator) -> None:
    for j in chance.choice(len(request.accounts), len(request.accounts) // 100, replace=False).tolist():
        request.accounts[j].workload_hours *= 2


def _locks(request: Request, chance: np.random.Generator) -> None:
    homes = np.array([(rep.home.latitude, rep.home.longitude) for rep in request.reps])
    free = [
        j for j, account in enumerate(request.accounts) if not account.locked and not account.needs_skills
    ]
    for j in chance.choice(free, LOCKS, replace=False).tolist():
        place = request.accounts[j].place
        away = ((homes - (place.latitude, place.longitude)) ** 2).sum(axis=1)
        first, second = np.argsort(away)[:2].tolist()
        here = request.reps[first].name == request.accounts[j].incumbent
        request.accounts[j].incumbent = request.reps[second if here else first].name
        request.accounts[j].locked = True


CHANGES: dict[str, Change] = {"a rep leaves": _leaves, "1 % double": _doubles, "five locks": _locks}
