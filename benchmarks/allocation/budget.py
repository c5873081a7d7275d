"""Budgets: how near plans are to the bound of the linear programme, and how fast, beside what is done without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.allocation.budget_peers import PEERS
from benchmarks.allocation.budget_world import World, world
from benchmarks.report import Row
from fieldwise.allocation.v1 import resource_pb2
from fieldwise.allocation.v1 import resource_service_pb2 as service_pb2
from fieldwise_allocation.core.resources.programme import Programme, Rows
from fieldwise_allocation.core.resources.solving import solve
from fieldwise_allocation.resourcing_worker import allocate_budget

# The solver was tuned on seeds from 901 on.
SEEDS = (11, 12, 13, 14, 15)
LEVELS = 12
# Enough for everything here; no solve comes near it.
SECONDS = 60.0


@dataclass(frozen=True)
class _Run:
    """One world: shares of the bound, and CPU seconds."""

    ours: float
    peers: dict[str, float]
    seconds: float
    peer_seconds: dict[str, float]


def rows(*, quick: bool) -> Iterator[Row]:
    """All figures of budgets. Seconds are CPU seconds of this one thread, from the table of values to the plan."""
    seeds = SEEDS[:3] if quick else SEEDS
    yield from _part(
        "one budget", [_run(world(100_000, LEVELS, seed), 1) for seed in seeds], must_seconds=True
    )
    yield from _part("three budgets", [_run(world(100_000, LEVELS, seed), 3) for seed in seeds[:3]])
    small = [_run(world(1_000, LEVELS, seed), 3) for seed in seeds]
    yield Row("budget, 1,000 x 12, three budgets: share of the bound", median(run.ours for run in small), "")
    yield Row("budget, 1,000 x 12, three budgets", median(run.seconds for run in small), "CPU s")
    concave = _run(world(100_000, LEVELS, seeds[0], s_shaped=0.0), 1)
    metric = "budget, all curves concave: share of the bound"
    yield Row(metric, concave.ours, "", "info", "", "greedy on margins", concave.peers["greedy on margins"])
    yield from _whole_answer(2_000 if quick else 100_000)


def _part(words: str, runs: list[_Run], *, must_seconds: bool = False) -> Iterator[Row]:
    head = f"budget, 100,000 x 12, 60 % S-shaped, {words}"
    yield Row(f"{head}: least share of the bound", min(run.ours for run in runs), "", "must", ">= 0.9999")
    for peer in PEERS:
        theirs = median(run.peers[peer] for run in runs)
        metric = f"{head}: value by that of {peer}"
        yield Row(metric, median(run.ours / run.peers[peer] for run in runs), "x", "info", "", peer, theirs)
    seconds = median(run.seconds for run in runs)
    greedy = median(run.peer_seconds["greedy on margins"] for run in runs)
    if must_seconds:
        yield Row(head, seconds, "CPU s", "must", "<= 2", "greedy on margins", greedy)
        yield Row(f"{head}, stretch", seconds, "CPU s", "stretch", "<= 1")
    else:
        yield Row(head, seconds, "CPU s", "info", "", "greedy on margins", greedy)


def _run(drawn: World, resources: int) -> _Run:
    part = World(drawn.value, drawn.use[:resources], drawn.budget[:resources], drawn.potential)
    start = time.process_time()
    found = solve(_programme(part), lambda: SECONDS)
    seconds = time.process_time() - start
    peers, peer_seconds = {}, {}
    for name, peer in PEERS.items():
        start = time.process_time()
        levels = peer(part)
        peer_seconds[name] = time.process_time() - start
        peers[name] = _kept_value(part, levels) / found.ceiling
    return _Run(_kept_value(part, found.choice) / found.ceiling, peers, seconds, peer_seconds)


def _programme(drawn: World) -> Programme:
    resources, segments = drawn.use.shape[:2]
    everyone = np.ones((resources, segments), dtype=np.bool_)
    rows = Rows(np.arange(resources), np.ones(resources), drawn.budget, everyone)
    return Programme(drawn.value, drawn.use, rows)


def _kept_value(drawn: World, levels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """Value of a choice that keeps every budget, summed apart from the solver."""
    cells = np.arange(len(levels))
    used = drawn.use[:, cells, levels].sum(axis=1)
    if (used > drawn.budget * (1 + 1e-9)).any():
        raise AssertionError(f"used {used} of {drawn.budget}")
    return float(drawn.value[cells, levels].sum())


def _whole_answer(segments: int) -> Iterator[Row]:
    """From the bytes of a request to those of the answer: curves, frontier, break-even, nearest plan and check."""
    rng = np.random.default_rng(SEEDS[0])
    request = service_pb2.AllocateBudgetRequest()
    for j in range(segments):
        cell = request.question.cells.add(name=f"segments/{j}", today=2.0, ceiling=11.0, step=1.0)
        cell.curve.family = resource_pb2.ResponseCurve.FAMILY_ADBUDG
        cell.curve.highest = float(rng.lognormal(0, 1))
        cell.curve.half_level = float(rng.uniform(2, 9))
        cell.curve.shape = float(rng.uniform(0.5, 4))
        cell.quantities.add(measure="hours", per_level=float(rng.integers(1, 5)))
    request.question.resources.add(name="hours", capacity=2.5 * 11 * 0.2 * segments)
    body = request.SerializeToString()
    start = time.process_time()
    answer = service_pb2.BudgetPlan.FromString(allocate_budget(body, "USD"))
    metric = f"budget, whole answer with nearest plan and check, {segments:,} segments"
    yield Row(metric, time.process_time() - start, "CPU s")
    yield Row("budget, whole answer: share of the bound", answer.worth.micros / answer.bound.micros, "")
