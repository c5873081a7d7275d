"""Small territory problems solved whole by CP-SAT, with proof; knows no other search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.sat.python import cp_model

from fieldwise_allocation.core.territory.arcs import Arcs
from fieldwise_allocation.core.territory.problem import Floats, Ints, Problem

# CP-SAT counts in whole numbers: costs and loads are cut into this many parts of the largest sum. Loads under soft
# bands are cut more coarsely, for a price per part has to be a whole number too, of at most DEAREST parts of cost.
COST_PARTS, PARTS, COARSE, DEAREST = 10**12, 10**9, 10**7, 10**11


@dataclass(frozen=True)
class Whole:
    """What CP-SAT says: its best assignment, if any, and what no assignment along these arcs can undercut.

    Args:
        bound: Infinite when it is proven that no assignment along these arcs keeps the hard rules.
    """

    rep_of: Ints | None
    bound: float


def whole(problem: Problem, arcs: Arcs, *, hint: Ints | None, seconds: float, work: float) -> Whole:
    """The best assignment along the arcs with every rule; rounding loosens rules and lowers the bound, never more.

    Args:
        work: CP-SAT's deterministic seconds: equal work, equal answers.
        seconds: A guard beside ``work``; below 0.05 counts as that, for a solver takes no time as no limit.
    """
    model = _Model(problem, arcs)
    if hint is not None:
        model.hint(hint)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = work
    solver.parameters.max_time_in_seconds = max(seconds, 0.05)
    status = solver.solve(model.model)
    if status == cp_model.INFEASIBLE:
        return Whole(None, np.inf)
    bound = solver.best_objective_bound * model.cost_part - model.lost
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Whole(None, -np.inf)
    return Whole(model.chosen(solver), bound)


class _Model:
    """The rules in CP-SAT's words."""

    def __init__(self, problem: Problem, arcs: Arcs) -> None:
        self.problem, self.arcs = problem, arcs
        self.model = cp_model.CpModel()
        self.account, self.slot = np.nonzero(arcs.rep >= 0)
        self.rep = arcs.rep[self.account, self.slot]
        self.pairs = [self.model.new_bool_var("") for _ in self.account]
        self.starts = np.searchsorted(self.account, np.arange(len(arcs.rep) + 1))
        cost = arcs.cost[self.account, self.slot]
        reach = float(np.abs(cost).max(initial=0.0) * len(arcs.rep)) + 1e-9
        self.cost_part = reach / COST_PARTS
        whole_cost = np.floor(cost / self.cost_part).astype(np.int64)
        self.terms = [cp_model.LinearExpr.weighted_sum(self.pairs, whole_cost)]
        self.lost = self.cost_part  # for the rounding of the bound itself
        for j in range(len(arcs.rep)):
            self.model.add_exactly_one(self.pairs[self.starts[j] : self.starts[j + 1]])
        for b in range(len(problem.band_measure)):
            self._band(b)
        self._moves()
        self._staffing()
        self.model.minimize(cp_model.LinearExpr.sum(self.terms))

    def hint(self, rep_of: Ints) -> None:
        """Start from this assignment."""
        for pair, taken in zip(self.pairs, rep_of[self.account] == self.rep, strict=True):
            self.model.add_hint(pair, bool(taken))

    def chosen(self, solver: cp_model.CpSolver) -> Ints:
        """The assignment of a solution."""
        taken = np.array([solver.boolean_value(pair) for pair in self.pairs])
        return np.ascontiguousarray(self.rep[taken], dtype=np.int32)

    def _band(self, b: int) -> None:
        problem, measure = self.problem, int(self.problem.band_measure[b])
        amount = self._amount(measure)
        parts = PARTS if np.isinf(problem.outside[b]).all() else COARSE
        part = (float(amount.sum()) + 1e-9) / parts
        whole_amount = np.round(amount / part).astype(np.int64)
        for i in range(problem.reps):
            mine = np.flatnonzero(self.rep == i)
            load = cp_model.LinearExpr.weighted_sum([self.pairs[p] for p in mine], whole_amount[mine])
            # Each pair may be rounded by half a part: the band gives way by as much.
            low = int(np.floor(problem.low[b, i] / part)) - len(mine) - 1
            high = min(float(np.ceil(problem.high[b, i] / part)) + len(mine) + 1, 2.0 * PARTS)
            self._limit(load, max(low, 0), int(high), float(problem.outside[b, i]) * part)

    def _limit(self, load: cp_model.LinearExprT, low: int, high: int, per_part: float) -> None:
        if np.isinf(per_part):
            self.model.add_linear_constraint(load, low, high)
            return
        price = int(min(per_part / self.cost_part, DEAREST))
        if price > 0:
            out = self.model.new_int_var(0, 2 * COARSE, "")
            self.model.add_linear_constraint(cp_model.LinearExpr.sum([load, out]), low, 4 * PARTS)
            over = cp_model.LinearExpr.weighted_sum([load, out], [1, -1])
            self.model.add_linear_constraint(over, -4 * PARTS, high)
            self.terms.append(price * out)

    def _amount(self, measure: int) -> Floats:
        if measure == 0:
            return self.arcs.hours[self.account, self.slot]
        return np.asarray(self.problem.amount[measure, self.account])

    def _moves(self) -> None:
        if self.problem.most_moves is not None:
            incumbent = self.problem.incumbent[self.account]
            moves = np.flatnonzero((incumbent >= 0) & (incumbent != self.rep))
            self.model.add(cp_model.LinearExpr.sum([self.pairs[p] for p in moves]) <= self.problem.most_moves)

    def _staffing(self) -> None:
        area = self.problem.area[self.account]
        for h, least in enumerate(self.problem.least_reps):
            present = [
                self._present(np.flatnonzero((area == h) & (self.rep == i))) for i in range(self.problem.reps)
            ]
            self.model.add(cp_model.LinearExpr.sum(present) >= int(least))

    def _present(self, pairs: npt.NDArray[np.int64]) -> cp_model.IntVar:
        serves = self.model.new_bool_var("")
        self.model.add(cp_model.LinearExpr.sum([self.pairs[p] for p in pairs]) >= serves)
        return serves
