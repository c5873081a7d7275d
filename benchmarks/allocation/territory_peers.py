"""What others make of the same territories: CP-SAT and HiGHS on the whole model, nearest rep, K-means; knows nothing of ours."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from benchmarks.allocation.accounts_world import World, unit_vectors
from fieldwise_allocation.core.territory.problem import Floats, Ints, Problem, costs, permitted

# Whole numbers per hour and per plan unit for CP-SAT.
PARTS = 1000


@dataclass(frozen=True)
class Model:
    """The assignment model: every permitted pair of account and rep, with its cost."""

    account: npt.NDArray[np.int64]
    rep: npt.NDArray[np.int64]
    cost: Floats


def model(problem: Problem) -> Model:
    """All pairs at once: what these solvers need is what ours avoids."""
    every = [np.full(problem.accounts, i, dtype=np.int32) for i in range(problem.reps)]
    allowed = np.stack([permitted(problem, each) for each in every], axis=1)
    cost = np.stack([costs(problem, each) for each in every], axis=1)
    account, rep = np.nonzero(allowed)
    return Model(account, rep, cost[account, rep])


def cp_sat(problem: Problem, pairs: Model, cpu_seconds: float) -> Ints | None:
    """Direct CP-SAT, one worker, stopped by its CPU time; None when it found nothing."""
    asked = cp_model.CpModel()
    chosen = [asked.new_bool_var("") for _ in pairs.account]
    starts = np.searchsorted(pairs.account, np.arange(problem.accounts + 1))
    for j in range(problem.accounts):
        asked.add_exactly_one(chosen[starts[j] : starts[j + 1]])
    hours = np.round(problem.amount[0, pairs.account] * PARTS).astype(np.int64)
    for i in range(problem.reps):
        mine = np.flatnonzero(pairs.rep == i)
        load = cp_model.LinearExpr.weighted_sum([chosen[p] for p in mine], hours[mine])
        low, high = np.ceil(problem.low[0, i] * PARTS) + 30, np.floor(problem.high[0, i] * PARTS) - 30
        asked.add_linear_constraint(load, int(low), int(high))
    asked.minimize(cp_model.LinearExpr.weighted_sum(chosen, np.round(pairs.cost * PARTS).astype(np.int64)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    # A thread of its own would take wall time for CPU time: the wall limit is renewed while CPU is left.
    solver.parameters.max_time_in_seconds = 20 * cpu_seconds
    stop = _StopByCpu(cpu_seconds)
    solver.best_bound_callback = lambda _: stop.look(solver)
    if solver.solve(asked, stop) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    taken = np.array([solver.boolean_value(each) for each in chosen])
    return np.asarray(pairs.rep[taken], dtype=np.int32)


class _StopByCpu(cp_model.CpSolverSolutionCallback):
    """Ends the search at the first sign of life after its CPU time is over."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.ends = time.process_time() + seconds

    def on_solution_callback(self) -> None:
        if time.process_time() > self.ends:
            self.stop_search()

    def look(self, solver: cp_model.CpSolver) -> None:
        if time.process_time() > self.ends:
            solver.stop_search()


def highs(problem: Problem, pairs: Model, seconds: float) -> Ints | None:
    """Direct HiGHS through MathOpt, which takes no number of threads; None when it found nothing.

    It has no limit of CPU time and takes no interruption: it gets three times the seconds on the wall.
    """
    asked = mathopt.Model()
    chosen = [asked.add_binary_variable() for _ in pairs.account]
    starts = np.searchsorted(pairs.account, np.arange(problem.accounts + 1))
    for j in range(problem.accounts):
        asked.add_linear_constraint(mathopt.fast_sum(chosen[starts[j] : starts[j + 1]]) == 1)
    for i in range(problem.reps):
        mine = np.flatnonzero(pairs.rep == i)
        load = mathopt.fast_sum([problem.amount[0, pairs.account[p]] * chosen[p] for p in mine])
        asked.add_linear_constraint(load >= problem.low[0, i])
        asked.add_linear_constraint(load <= problem.high[0, i])
    asked.minimize(mathopt.fast_sum([float(c) * x for c, x in zip(pairs.cost, chosen, strict=True)]))
    limit = mathopt.SolveParameters(time_limit=datetime.timedelta(seconds=3 * seconds))
    result = mathopt.solve(asked, mathopt.SolverType.HIGHS, params=limit)
    if not result.has_primal_feasible_solution():
        return None
    taken = np.array(result.variable_values(chosen)) > 0.5
    return np.asarray(pairs.rep[taken], dtype=np.int32)


def nearest(world: World) -> Ints:
    """Everyone to the nearest home, all rules ignored."""
    _, found = cKDTree(unit_vectors(world.home_degrees)).query(unit_vectors(world.account_degrees))
    return np.asarray(found, dtype=np.int32)


def k_means(world: World, *, seed: int) -> Ints:
    """The usual practice: as many clusters of places as reps, each to the rep whose home is nearest (Hungarian)."""
    places, homes = unit_vectors(world.account_degrees), unit_vectors(world.home_degrees)
    centre, cluster = kmeans2(places, len(homes), minit="++", rng=seed, iter=20)
    apart = np.sqrt(((centre[:, None] - homes[None]) ** 2).sum(axis=2))
    which, rep = linear_sum_assignment(apart)
    return np.asarray(rep[np.argsort(which)][cluster], dtype=np.int32)
