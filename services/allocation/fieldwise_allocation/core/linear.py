"""The border to OR-Tools: linear and integer programmes in columns; knows nothing of territories or prices."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.math_opt import model_pb2, result_pb2, solution_pb2, sparse_containers_pb2
from ortools.math_opt.core.python import solver as core_solver
from ortools.math_opt.python import mathopt
from ortools.sat import sat_parameters_pb2
from pybind11_abseil.status import StatusNotOk  # type: ignore[import-untyped]  # part of OR-Tools, without types

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Reason = mathopt.TerminationReason
SolverType = mathopt.SolverType
# In the words of the exception, which has no code to ask for.
FAULTY = "MODEL_INVALID"


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
    """The optimum of a linear programme.

    Args:
        values: Of the columns.
        duals: Of the rows.
    """

    values: Floats
    duals: Floats
    objective: float


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
    result = _solved(as_proto(programme, integer=False), SolverType.GLOP, mathopt.SolveParameters(threads=1))
    point = _point(result)
    if Reason(result.termination.reason) != Reason.OPTIMAL:
        raise Unsolved(result.termination.detail)
    return Solution(
        values=_dense(point.primal_solution.variable_values, len(programme.cost)),
        duals=_dense(point.dual_solution.dual_values, len(programme.row_low)),
        objective=point.primal_solution.objective_value,
    )


def _dense(sparse: sparse_containers_pb2.SparseDoubleVectorProto, length: int) -> Floats:
    dense = np.zeros(length)
    dense[np.array(sparse.ids, dtype=np.int64)] = np.array(sparse.values)
    return dense


def solve_integer(programme: Programme, *, work: float, seconds: float) -> Floats:
    """The values of the best point found with every x in whole numbers, by CP-SAT with one worker and a fixed seed.

    Args:
        work: Deterministic seconds (CP-SAT's own measure): equal work gives equal answers.
        seconds: Wall seconds, a guard; clamped at 0.05, for a negative limit means none to a solver.

    Raises:
        Infeasible: Proven.
        Unsolved: Nothing found in the time given.
    """
    model = as_proto(programme, integer=True)
    for presolve in (1, 0):
        try:
            result = _solved(model, SolverType.CP_SAT, _limits(work, seconds, presolve))
        except StatusNotOk as fault:
            # What is seen to be impossible while a programme is read, with or without presolve, MathOpt of OR-Tools 9.15 takes
            # for a faulty model; the other way it is solved.
            if FAULTY not in str(fault):
                raise
        else:
            return _dense(_point(result).primal_solution.variable_values, len(programme.cost))
    raise Unsolved(FAULTY)


def _limits(work: float, seconds: float, presolve: int) -> mathopt.SolveParameters:
    limits = sat_parameters_pb2.SatParameters(
        max_deterministic_time=max(work, 0.01), num_workers=1, mip_presolve_level=presolve
    )
    return mathopt.SolveParameters(
        time_limit=datetime.timedelta(seconds=max(seconds, 0.05)), random_seed=7, cp_sat=limits
    )


def _solved(
    model: model_pb2.ModelProto, solver: mathopt.SolverType, parameters: mathopt.SolveParameters
) -> result_pb2.SolveResultProto:
    # Not by mathopt.solve: it makes an object of every value, which takes longer than solving.
    return core_solver.solve(
        model,
        solver.value,
        mathopt.StreamableSolverInitArguments().to_proto(),
        parameters.to_proto(),
        mathopt.ModelSolveParameters().to_proto(),
        None,
        mathopt.CallbackRegistration().to_proto(),
        None,
        None,
    )


def _point(result: result_pb2.SolveResultProto) -> solution_pb2.SolutionProto:
    """The best point of a result."""
    reason = Reason(result.termination.reason)
    if reason in {Reason.INFEASIBLE, Reason.INFEASIBLE_OR_UNBOUNDED}:
        raise Infeasible(result.termination.detail)
    if not result.solutions:
        raise Unsolved(f"{reason.name}: {result.termination.detail}")
    return result.solutions[0]


def as_proto(programme: Programme, *, integer: bool) -> model_pb2.ModelProto:
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
