"""The border to OR-Tools: linear and integer programmes in columns; knows nothing of territories or prices."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt
from ortools.sat import sat_parameters_pb2

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Reason = mathopt.TerminationReason


@dataclass(frozen=True)
class Programme:
    """min cost x, row_low <= A x <= row_high, low <= x <= high.

    Args:
        entries: (row, column, coefficient) of A, each of shape (k,), no pair twice.
    """

    cost: Floats
    high: Floats
    row_low: Floats
    row_high: Floats
    entries: tuple[Ints, Ints, Floats]


@dataclass(frozen=True)
class Solution:
    """What a solver found; ``duals`` only after a linear programme."""

    values: Floats
    duals: Floats
    objective: float
    bound: float
    proven: bool


class Infeasible(Exception):
    """No point satisfies the rows: proven by the solver."""


class Unsolved(Exception):
    """The solver stopped without an answer: nothing is proven."""


def solve_linear(programme: Programme) -> Solution:
    """The optimum by GLOP, one thread: the same programme gives the same duals.

    Raises:
        Infeasible: Proven.
        Unsolved: Numerical trouble; the caller has no duals.
    """
    model = mathopt.Model.from_model_proto(_proto(programme, integer=False))
    result = mathopt.solve(model, mathopt.SolverType.GLOP, params=mathopt.SolveParameters(threads=1))
    _demand_point(result)
    return Solution(
        values=np.array(result.variable_values(list(model.variables()))),
        duals=np.array(result.dual_values(list(model.linear_constraints()))),
        objective=result.objective_value(),
        bound=result.objective_value(),
        proven=True,
    )


def solve_integer(
    programme: Programme, *, work: float, seconds: float, hint: Floats | None = None
) -> Solution:
    """The best point with every x in whole numbers, by CP-SAT with one worker and a fixed seed.

    Args:
        work: Deterministic seconds (CP-SAT's own measure): equal work gives equal answers.
        seconds: Wall seconds, a guard; clamped at 0.05, for a negative limit means none to a solver.
        hint: A point to start from.

    Raises:
        Infeasible: Proven.
        Unsolved: Nothing found in the time given.
    """
    model = mathopt.Model.from_model_proto(_proto(programme, integer=True))
    variables = list(model.variables())
    start = mathopt.ModelSolveParameters()
    if hint is not None:
        values = dict(zip(variables, hint.tolist(), strict=True))
        start.solution_hints.append(mathopt.SolutionHint(variable_values=values))
    result = mathopt.solve(
        model, mathopt.SolverType.CP_SAT, params=_parameters(work, seconds), model_params=start
    )
    _demand_point(result)
    return Solution(
        values=np.array(result.variable_values(variables)),
        duals=np.empty(0),
        objective=result.objective_value(),
        bound=result.best_objective_bound(),
        proven=result.termination.reason == Reason.OPTIMAL,
    )


def _parameters(work: float, seconds: float) -> mathopt.SolveParameters:
    limits = sat_parameters_pb2.SatParameters(max_deterministic_time=max(work, 0.01), num_workers=1)
    return mathopt.SolveParameters(
        time_limit=datetime.timedelta(seconds=max(seconds, 0.05)), random_seed=7, cp_sat=limits
    )


def _demand_point(result: mathopt.SolveResult) -> None:
    reason = result.termination.reason
    if reason in {Reason.INFEASIBLE, Reason.INFEASIBLE_OR_UNBOUNDED}:
        raise Infeasible(result.termination.detail)
    if not result.has_primal_feasible_solution():
        raise Unsolved(f"{reason.name}: {result.termination.detail}")


def _proto(programme: Programme, *, integer: bool) -> model_pb2.ModelProto:
    """Columns straight into the message: adding variables one by one costs more than solving."""
    columns, rows = len(programme.cost), len(programme.row_low)
    proto = model_pb2.ModelProto()
    proto.variables.ids.extend(range(columns))
    proto.variables.lower_bounds.extend([0.0] * columns)
    proto.variables.upper_bounds.extend(programme.high.tolist())
    proto.variables.integers.extend([integer] * columns)
    proto.objective.linear_coefficients.ids.extend(range(columns))
    proto.objective.linear_coefficients.values.extend(programme.cost.tolist())
    proto.linear_constraints.ids.extend(range(rows))
    proto.linear_constraints.lower_bounds.extend(programme.row_low.tolist())
    proto.linear_constraints.upper_bounds.extend(programme.row_high.tolist())
    row, column, coefficient = programme.entries
    order = np.lexsort((column, row))
    proto.linear_constraint_matrix.row_ids.extend(row[order].tolist())
    proto.linear_constraint_matrix.column_ids.extend(column[order].tolist())
    proto.linear_constraint_matrix.coefficients.extend(coefficient[order].tolist())
    return proto
