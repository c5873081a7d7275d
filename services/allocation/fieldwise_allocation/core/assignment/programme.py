"""Some pairs of an assignment problem as a linear or integer programme for OR-Tools; knows no search."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem

Reason = mathopt.TerminationReason


class Unsolved(Exception):
    """The solver stopped without an answer; nothing is proven."""


@dataclass(frozen=True)
class Columns:
    """The pairs that a programme may use: item and agent of each, in the order of items, shape (k,) each."""

    problem: Problem
    item: Ints
    agent: Ints

    @classmethod
    def of(cls, problem: Problem, chosen: npt.NDArray[np.bool_]) -> Columns:
        """Those that are chosen, shape (n, r)."""
        item, agent = np.nonzero(chosen)
        return cls(problem, item, agent)


@dataclass(frozen=True)
class Proven:
    """What an integer programme came to.

    Args:
        agent_of: Shape (n,); None when no plan was found.
        bound: No plan of these columns costs less.
        complete: The solver has looked at everything: the plan is the best of these columns, or there is none.
    """

    agent_of: Ints | None
    bound: float
    complete: bool


def relaxed(columns: Columns, *, seconds: float) -> tuple[Floats, Floats, Floats]:
    """The duals of the linear relaxation: of items, shape (n,); of capacity and of number, 0 or more, shape (r,).

    An item that fits nowhere in these columns may stay out at a cost beyond that of any plan.

    Args:
        seconds: A guard; clamped at 0.05.
    Raises:
        Unsolved: Out of time, or numerical trouble.
    """
    problem = columns.problem
    model = mathopt.Model.from_model_proto(_proto(columns, integer=False, out=_beyond(problem)))
    limits = mathopt.SolveParameters(threads=1, time_limit=datetime.timedelta(seconds=max(seconds, 0.05)))
    result = _solved(model, mathopt.SolverType.GLOP, limits)
    if not result.has_dual_feasible_solution():
        raise Unsolved(result.termination.detail)
    duals = np.array(result.dual_values(list(model.linear_constraints())))
    n, r = problem.items, problem.agents
    number = -duals[n + r :] if problem.counted else np.zeros(r)
    return duals[:n], np.maximum(0.0, -duals[n : n + r]) + 0.0, np.maximum(0.0, number) + 0.0


def best_of(columns: Columns, *, seconds: float, nodes: int, start: Ints | None = None) -> Proven:
    """The best plan of these columns by HiGHS.

    Args:
        seconds: A guard; clamped at 0.05, for HiGHS takes a negative limit for none.
        nodes: Most nodes of the tree: equal nodes give equal answers.
        start: A plan to start from.
    """
    model = mathopt.Model.from_model_proto(programme_of(columns))
    variables = list(model.variables())
    guide = mathopt.ModelSolveParameters()
    if start is not None:
        taken = (start[columns.item] == columns.agent).astype(float)
        hint = mathopt.SolutionHint(variable_values=dict(zip(variables, taken.tolist(), strict=True)))
        guide.solution_hints.append(hint)
    limits = mathopt.SolveParameters(
        time_limit=datetime.timedelta(seconds=max(seconds, 0.05)),
        node_limit=max(nodes, 1),
        # By itself HiGHS calls a plan best that lies within a ten-thousandth of its bound.
        relative_gap_tolerance=0.0,
    )
    try:
        result = _solved(model, mathopt.SolverType.HIGHS, limits, guide)
    except Unsolved:
        return Proven(None, -np.inf, complete=False)
    if result.termination.reason in {Reason.INFEASIBLE, Reason.INFEASIBLE_OR_UNBOUNDED}:
        return Proven(None, np.inf, complete=True)
    complete = result.termination.reason == Reason.OPTIMAL
    if not result.has_primal_feasible_solution():
        return Proven(None, result.best_objective_bound(), complete=False)
    values = np.array(result.variable_values(variables)) > 0.5
    agent_of = np.full(columns.problem.items, -1, dtype=np.int64)
    agent_of[columns.item[values]] = columns.agent[values]
    return Proven(agent_of, result.best_objective_bound(), complete)


def programme_of(columns: Columns) -> model_pb2.ModelProto:
    """The integer programme of these columns, without anything left out."""
    return _proto(columns, integer=True)


def _solved(
    model: mathopt.Model,
    solver: mathopt.SolverType,
    limits: mathopt.SolveParameters,
    guide: mathopt.ModelSolveParameters | None = None,
) -> mathopt.SolveResult:
    try:
        return mathopt.solve(model, solver, params=limits, model_params=guide)
    # MathOpt's own translation of a solver's refusal fails with AttributeError (9.15).
    except (AttributeError, RuntimeError, ValueError) as error:
        raise Unsolved(str(error)) from error


def _beyond(problem: Problem) -> float:
    """A cost per item beyond any plan's: what stays out at this cost fits nowhere."""
    finite = problem.cost[np.isfinite(problem.cost)]
    return float(1.0 + 2.0 * np.abs(finite).max(initial=1.0)) * min(problem.items, 100)


def _proto(columns: Columns, *, integer: bool, out: float | None = None) -> model_pb2.ModelProto:
    """One row per item, one per agent's capacity and one per agent's number where numbers count.

    Args:
        out: Cost of leaving an item out; None means that none may be.
    """
    problem, item, agent = columns.problem, columns.item, columns.agent
    n, r, k = problem.items, problem.agents, len(item)
    takes = problem.use[item, agent] > 0
    place = np.arange(k)
    entries = [
        (item, place, np.ones(k)),
        (n + agent[takes], place[takes], problem.use[item, agent][takes]),
    ]
    cost, high = problem.cost[item, agent], np.concatenate([np.ones(n), problem.capacity])
    if problem.counted:
        entries.append((n + r + agent, place, np.ones(k)))
        high = np.concatenate([high, problem.most])
    if out is not None:
        entries.append((np.arange(n), k + np.arange(n), np.ones(n)))
        cost = np.concatenate([cost, np.full(n, out)])
    low = np.concatenate([np.ones(n), np.full(len(high) - n, -np.inf)])
    return _filled(cost, low, high, entries, integer=integer)


def _filled(
    cost: Floats, low: Floats, high: Floats, entries: list[tuple[Ints, Ints, Floats]], *, integer: bool
) -> model_pb2.ModelProto:
    """Columns straight into the message: adding variables one by one costs more than solving."""
    row, column, coefficient = (np.concatenate(part) for part in zip(*entries, strict=True))
    order = np.lexsort((column, row))
    proto = model_pb2.ModelProto()
    proto.variables.ids.extend(range(len(cost)))
    proto.variables.lower_bounds.extend([0.0] * len(cost))
    proto.variables.upper_bounds.extend([1.0] * len(cost))
    proto.variables.integers.extend([integer] * len(cost))
    proto.objective.linear_coefficients.ids.extend(range(len(cost)))
    proto.objective.linear_coefficients.values.extend(cost.tolist())
    proto.linear_constraints.ids.extend(range(len(high)))
    proto.linear_constraints.lower_bounds.extend(low.tolist())
    proto.linear_constraints.upper_bounds.extend(high.tolist())
    proto.linear_constraint_matrix.row_ids.extend(row[order].tolist())
    proto.linear_constraint_matrix.column_ids.extend(column[order].tolist())
    proto.linear_constraint_matrix.coefficients.extend(coefficient[order].tolist())
    return proto


@dataclass(frozen=True)
class Partition:
    """Bundles to choose from: every item in one, every agent at most one.

    Args:
        inside: 1 where a bundle holds an item, shape (k, n).
        agent: Whose each bundle is, shape (k,).
        cost: Shape (k,).
    """

    inside: Ints
    agent: Ints
    cost: Floats
    agents: int


def relaxed_partition(partition: Partition) -> tuple[Floats, Floats]:
    """The linear relaxation: duals of the items, shape (n,), and the share of each bundle, shape (k,).

    An item may stay out at a cost beyond any bundle's.

    Raises:
        Unsolved: Numerical trouble.
    """
    k, n = partition.inside.shape
    out = float(np.abs(partition.cost).max() + 1.0)
    model = mathopt.Model.from_model_proto(_partition_proto(partition, out))
    result = _solved(model, mathopt.SolverType.GLOP, mathopt.SolveParameters(threads=1))
    if not result.has_dual_feasible_solution() or not result.has_primal_feasible_solution():
        raise Unsolved(result.termination.detail)
    duals = np.array(result.dual_values(list(model.linear_constraints())))
    return duals[:n], np.array(result.variable_values(list(model.variables())))[:k]


def _partition_proto(partition: Partition, out: float) -> model_pb2.ModelProto:
    k, n = partition.inside.shape
    bundle, item = np.nonzero(partition.inside)
    entries = [
        (item, bundle, np.ones(len(item))),
        (n + partition.agent, np.arange(k), np.ones(k)),
        (np.arange(n), k + np.arange(n), np.ones(n)),
    ]
    cost = np.concatenate([partition.cost, np.full(n, out)])
    low = np.concatenate([np.ones(n), np.full(partition.agents, -np.inf)])
    return _filled(cost, low, np.ones(n + partition.agents), entries, integer=False)
