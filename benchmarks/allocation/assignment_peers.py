"""Direct models of an assignment for CP-SAT and HiGHS beside our search, each stopped by CPU seconds; knows no instance."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks.allocation.kept_traces import Points, kept
from fieldwise_allocation.core.assignment.outcome import Found, Watch
from fieldwise_allocation.core.assignment.problem import Floats, Problem

POLL_SECONDS = 0.1
# A guard for peers, whose own limits are wall seconds: CPU seconds end them first.
WALL_PER_CPU_SECOND = 20.0
LANES = 2


@dataclass
class Trace:
    """Best cost so far by CPU second since the solve began, and whether the solver says that it is done."""

    points: list[tuple[float, float]] = field(default_factory=list)
    done: bool = False

    def at(self, cpu_seconds: float) -> float:
        """Best cost by then; infinite when there was none."""
        return min((cost for at, cost in self.points if at <= cpu_seconds), default=math.inf)


Solver = Callable[[Problem, float, int, Connection], None]
Task = tuple[Solver, Problem, float, int]


def compared(problem: Problem, cpu_seconds: float, instance: str | None = None) -> dict[str, Trace]:
    """Traces of ``ours``, ``CP-SAT`` and ``HiGHS`` over the same CPU seconds; two processes at a time.

    Ours is what the service does: two searches, each with half the seconds.

    Args:
        instance: Names the instance among runs that are kept; None keeps none.
    """
    tasks: dict[str, list[Task]] = {
        "ours": [(ours, problem, cpu_seconds / LANES, lane) for lane in range(LANES)],
        "CP-SAT": [(cp_sat, problem, cpu_seconds, 0)],
        "HiGHS": [(highs, problem, cpu_seconds, 0)],
    }
    return {solver: _traced(instance, solver, cpu_seconds, some) for solver, some in tasks.items()}


def only_ours(problem: Problem, cpu_seconds: float, instance: str) -> Trace:
    lanes: list[Task] = [(ours, problem, cpu_seconds / LANES, lane) for lane in range(LANES)]
    return _traced(instance, "ours", cpu_seconds, lanes)


def _traced(instance: str | None, solver: str, cpu_seconds: float, tasks: list[Task]) -> Trace:
    def run() -> tuple[Points, bool]:
        found = _merged(_together(tasks))
        return found.points, found.done

    return Trace(*(run() if instance is None else kept(instance, solver, cpu_seconds, run)))


def _merged(lanes: list[Trace]) -> Trace:
    """One trace of searches side by side: with two of them, a second of each is two."""
    points = sorted((len(lanes) * at, cost) for lane in lanes for at, cost in lane.points)
    return Trace(points, all(lane.done for lane in lanes))


def _together(tasks: list[Task]) -> list[Trace]:
    """Each in a process of its own, at the same time; a process that ends has told everything."""
    context = multiprocessing.get_context("spawn")
    traces: dict[Connection, Trace] = {}
    for solver, problem, seconds, lane in tasks:
        here, there = context.Pipe(duplex=False)
        context.Process(target=_alone, args=(solver, problem, seconds, lane, there), daemon=True).start()
        there.close()
        traces[here] = Trace()
    open_pipes = list(traces)
    while open_pipes:
        for pipe in connection.wait(open_pipes):
            assert isinstance(pipe, Connection)
            try:
                point = pipe.recv()
            except EOFError:
                open_pipes.remove(pipe)
                continue
            if point is None:
                traces[pipe].done = True
            else:
                traces[pipe].points.append(point)
    return list(traces.values())


def _alone(solver: Solver, problem: Problem, seconds: float, lane: int, tell: Connection) -> None:
    """A solver in this process, which ends with the one that started it, however that one was stopped."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    solver(problem, seconds, lane, tell)


def ours(problem: Problem, seconds: float, lane: int, tell: Connection) -> None:
    """One search of the service, its clock the CPU seconds of this process."""
    from fieldwise_allocation.core.assignment.solve import solve

    _warm(lane)
    begin, wall_begin = time.process_time(), time.perf_counter()

    def told(_step: str, best: Found | None, _bound: float | None) -> None:
        if best is not None:
            tell.send((time.process_time() - begin, best.objective))

    def wall(some: float) -> float:
        """HiGHS knows wall seconds only: as many more of them as this process has waited for its turn so far."""
        spent = max(time.process_time() - begin, 1e-3)
        return some * max(1.0, (time.perf_counter() - wall_begin) / spent)

    solve(problem, Watch(seconds, lambda: seconds - (time.process_time() - begin), told, wall), lane=lane)
    tell.send(None)


def _warm(lane: int) -> None:
    """Loads the compiled loops, as a standing process of the service has."""
    from fieldwise_allocation.core.assignment.annealing import Round
    from fieldwise_allocation.core.assignment.prices import price
    from fieldwise_allocation.core.assignment.solve import solve
    from fieldwise_allocation.core.assignment.trades import traded

    tiny = Problem(np.ones((4, 2)), np.ones((4, 2)), np.array([3.0, 3.0]), np.full(2, 4.0))
    found = solve(tiny, Watch(0.01, lambda: 1.0, lambda *_: None), lane=lane)
    prices = price(tiny, lambda: 1.0)
    traded(tiny, prices, prices.reduced(tiny), Round(0.1, 2, 1, 0, found.agent_of), lambda: False)


def cp_sat(problem: Problem, seconds: float, _lane: int, tell: Connection) -> None:
    """The textbook model with exactly-one rows and capacity rows, one worker."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    taken = [[model.new_bool_var("") for _ in range(problem.agents)] for _ in range(problem.items)]
    for row in taken:
        model.add_exactly_one(row)
    for i in range(problem.agents):
        column = [row[i] for row in taken]
        model.add(
            cp_model.LinearExpr.weighted_sum(column, _whole(problem.use[:, i])) <= int(problem.capacity[i])
        )
    flat = [variable for row in taken for variable in row]
    model.minimize(cp_model.LinearExpr.weighted_sum(flat, _whole(problem.cost.ravel())))
    begin = time.process_time()

    class Told(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            tell.send((time.process_time() - begin, self.objective_value))

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds * WALL_PER_CPU_SECOND
    _ended_by_cpu(begin, seconds, tell)
    solver.solve(model, Told())
    tell.send(None)


def highs(problem: Problem, seconds: float, _lane: int, tell: Connection) -> None:
    """All pairs as one integer programme; what it has found is read from its log."""
    from ortools.math_opt.python import mathopt

    from fieldwise_allocation.core.assignment.programme import Columns, programme_of

    columns = Columns.of(problem, np.isfinite(problem.cost))
    model = mathopt.Model.from_model_proto(programme_of(columns))
    handle, log = tempfile.mkstemp()
    os.dup2(handle, 1)
    begin = time.process_time()
    _ended_by_cpu(begin, seconds, tell, Path(log))
    result = mathopt.solve(
        model, mathopt.SolverType.HIGHS, params=mathopt.SolveParameters(enable_output=True)
    )
    if result.has_primal_feasible_solution():
        tell.send((time.process_time() - begin, result.objective_value()))
    tell.send(None)


def _ended_by_cpu(begin: float, seconds: float, tell: Connection, log: Path | None = None) -> None:
    """Ends this process when its CPU seconds are used up; until then tells what a log says."""

    def watch() -> None:
        told = math.inf
        while (spent := time.process_time() - begin) < seconds:
            time.sleep(POLL_SECONDS)
            best = _best_in(log.read_text()) if log else math.inf
            if best < told:
                told = best
                tell.send((spent, best))
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _best_in(log: str) -> float:
    """The last incumbent in a log of HiGHS: the second figure behind the share explored, in lines of its table."""
    best = math.inf
    for line in log.splitlines():
        figures = line.split()
        share = next((k for k, figure in enumerate(figures) if figure.endswith("%")), len(figures))
        if len(figures) > share + 3:
            with contextlib.suppress(ValueError):
                best = min(best, float(figures[share + 2]))
    return best


def _whole(values: Floats) -> list[int]:
    """CP-SAT takes whole numbers only, which the instances have."""
    return [int(value) for value in values.tolist()]
