"""The best choice among the options that can still matter, by SCIP inside OR-Tools; knows no price and no dual method."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

from fieldwise_allocation.core.resources.programme import Bools, Ints, Programme, Rows

Reason = mathopt.TerminationReason
# A search stops after this many nodes: the same programme gives the same choice.
NODES = 400


@dataclass(frozen=True)
class Searched:
    """What the search over some options found.

    Args:
        choice: None where no choice of these options keeps the rows, or none was found.
        proven: Nothing better among these options; without a choice: none of them keeps the rows.
    """

    choice: Ints | None
    proven: bool


def best(programme: Programme, kept: Bools, seconds: float, start: Ints | None = None) -> Searched:
    """The best choice among the kept options, shape (n, l); each cell keeps one at least."""
    choice = np.asarray(kept.argmax(axis=1), dtype=np.int64)
    is_open = kept.sum(axis=1) > 1
    if not is_open.any():
        return Searched(choice if programme.holds(choice) else None, proven=True)
    part = _open_part(programme, kept, choice, is_open)
    found = _search(part, seconds, None if start is None else start[is_open])
    if found.choice is None:
        return found
    choice[is_open] = found.choice
    # Its tolerance is wider than ours: a choice that breaks a row by ours is none.
    return Searched(choice, found.proven) if programme.holds(choice) else Searched(None, proven=False)


def _open_part(programme: Programme, kept: Bools, choice: Ints, is_open: Bools) -> Programme:
    """The programme of the cells that keep more than one option; what the others take is off the limits."""
    rows = programme.rows
    taken = programme.amount[:, np.arange(len(choice)), choice]
    fixed = np.array(
        [taken[m][member & ~is_open].sum() for m, member in zip(rows.measure, rows.member, strict=True)]
    )
    return Programme(
        value=np.where(kept, programme.value, -np.inf)[is_open],
        amount=programme.amount[:, is_open],
        rows=Rows(rows.measure, rows.sign, rows.limit - fixed, rows.member[:, is_open]),
    )


def _search(programme: Programme, seconds: float, start: Ints | None) -> Searched:
    cell, option = np.nonzero(programme.present)
    model = mathopt.Model.from_model_proto(_proto(programme, cell, option))
    variables = list(model.variables())
    hints = mathopt.ModelSolveParameters()
    if start is not None:
        values = (start[cell] == option).astype(float).tolist()
        hints.solution_hints.append(mathopt.SolutionHint(dict(zip(variables, values, strict=True))))
    limits = mathopt.SolveParameters(
        # A negative limit means none to a solver.
        time_limit=datetime.timedelta(seconds=max(seconds, 0.05)),
        threads=1,
        random_seed=7,
        node_limit=NODES,
        relative_gap_tolerance=1e-9,
        absolute_gap_tolerance=0.0,
    )
    result = mathopt.solve(model, mathopt.SolverType.GSCIP, params=limits, model_params=hints)
    reason = result.termination.reason
    if not result.has_primal_feasible_solution():
        return Searched(None, reason in {Reason.INFEASIBLE, Reason.INFEASIBLE_OR_UNBOUNDED})
    values = np.array(result.variable_values(variables))
    chosen = np.full(programme.value.shape, -1.0)
    chosen[cell, option] = values
    return Searched(np.asarray(chosen.argmax(axis=1), dtype=np.int64), reason == Reason.OPTIMAL)


def _proto(programme: Programme, cell: Ints, option: Ints) -> model_pb2.ModelProto:
    """Columns straight into the message: adding variables one by one costs more than solving."""
    cells, columns, rows = len(programme.value), len(cell), programme.rows
    proto = model_pb2.ModelProto()
    proto.variables.ids.extend(range(columns))
    proto.variables.lower_bounds.extend([0.0] * columns)
    proto.variables.upper_bounds.extend([1.0] * columns)
    proto.variables.integers.extend([True] * columns)
    proto.objective.maximize = True
    value = programme.value[cell, option]
    proto.objective.linear_coefficients.ids.extend(np.flatnonzero(value).tolist())
    proto.objective.linear_coefficients.values.extend(value[value != 0].tolist())
    proto.linear_constraints.ids.extend(range(cells + len(rows)))
    proto.linear_constraints.lower_bounds.extend([1.0] * cells + [-np.inf] * len(rows))
    right = (rows.bound * programme.weight).tolist()
    proto.linear_constraints.upper_bounds.extend([1.0] * cells + right)
    _fill_matrix(proto, programme, cell, option)
    return proto


def _fill_matrix(proto: model_pb2.ModelProto, programme: Programme, cell: Ints, option: Ints) -> None:
    rows, matrix = programme.rows, proto.linear_constraint_matrix
    order = np.argsort(cell, kind="stable")
    matrix.row_ids.extend(cell[order].tolist())
    matrix.column_ids.extend(order.tolist())
    matrix.coefficients.extend([1.0] * len(order))
    for r in range(len(rows)):
        scale = rows.sign[r] * programme.weight[r]
        coefficient = scale * programme.amount[rows.measure[r], cell, option] * rows.member[r, cell]
        columns = np.flatnonzero(coefficient)
        matrix.row_ids.extend([len(programme.value) + r] * len(columns))
        matrix.column_ids.extend(columns.tolist())
        matrix.coefficients.extend(coefficient[columns].tolist())
