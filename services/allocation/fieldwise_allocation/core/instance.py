"""A question as arrays that solvers can work on; knows nothing of solvers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Place, Question
from fieldwise_allocation.core.travel import road_km

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NOBODY = -1  # the account has no incumbent
LEFT = -2  # its incumbent is not among the reps of this plan

# A load counts as inside its band up to this share of the rep's target: sums of floats differ by their order.
BAND_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Instance:
    """One territory problem; n accounts, r reps.

    Args:
        cost: Plan units of giving account j to rep i, infinite where a rule forbids it, shape (n, r).
        km: One way from home to account, 0 where either has no place, shape (n, r).
        workload: Hours per week, shape (n,).
        value: Currency units per period, shape (n,).
        skilled: The rep has every skill the account needs, shape (n, r).
        incumbent: Index of the rep of today, NOBODY or LEFT, shape (n,).
        locked: Shape (n,).
        target: Hours per week of each rep's share, shape (r,).
        low, high: The band around the target, shape (r,).
        travel_rate: Plan units per hour of workload and kilometre.
        move_rate: Plan units per currency unit of value that changes hands.
    """

    cost: Floats
    km: Floats
    workload: Floats
    value: Floats
    skilled: Bools
    incumbent: Ints
    locked: Bools
    target: Floats
    low: Floats
    high: Floats
    travel_rate: float
    move_rate: float

    @property
    def allowed(self) -> Bools:
        """Pairs that no skill and no lock forbids, shape (n, r)."""
        return np.isfinite(self.cost)

    def loads(self, rep_of: Ints) -> Floats:
        """Hours per week of each rep under an assignment, shape (r,)."""
        return np.asarray(np.bincount(rep_of, self.workload, len(self.target)), dtype=np.float64)

    def excess(self, loads: Floats) -> Floats:
        """Hours by which each load lies outside its band; 0 inside, shape (r,)."""
        slack = BAND_TOLERANCE * np.maximum(self.target, 1.0)
        out = np.maximum(np.maximum(self.low - loads, loads - self.high), 0.0)
        return np.where(out <= slack, 0.0, out)

    def objective(self, rep_of: Ints) -> float:
        """Plan units of an assignment: travel and moves."""
        return float(self.cost[np.arange(len(rep_of)), rep_of].sum())

    def feasible(self, rep_of: Ints) -> bool:
        """Whether an assignment keeps every skill, lock and band."""
        allowed = bool(np.isfinite(self.cost[np.arange(len(rep_of)), rep_of]).all())
        return allowed and not self.excess(self.loads(rep_of)).any()


def build(question: Question) -> Instance:
    """The arrays of a question, in its order of accounts and reps."""
    accounts, reps, rules = question.accounts, question.reps, question.rules
    index = {rep.name: i for i, rep in enumerate(reps)}
    incumbent = np.array(
        [index.get(a.incumbent, LEFT) if a.incumbent else NOBODY for a in accounts], dtype=np.int64
    )
    locked = np.array([a.locked for a in accounts], dtype=np.bool_)
    workload = np.array([a.hours for a in accounts])
    value = np.array([a.value for a in accounts])
    km = _kilometres(question)
    skilled = _skilled(question)
    staying = incumbent[:, None] == np.arange(len(reps))
    moving = (incumbent != NOBODY)[:, None] & ~staying
    cost = rules.kilometre_cost * workload[:, None] * km + moving * (rules.move_cost * value)[:, None]
    cost[~skilled | (locked[:, None] & ~staying)] = np.inf
    target = workload.sum() * np.array([r.hours for r in reps]) / sum(r.hours for r in reps)
    return Instance(
        cost=cost,
        km=km,
        workload=workload,
        value=value,
        skilled=skilled,
        incumbent=incumbent,
        locked=locked,
        target=target,
        low=(1 - rules.band) * target,
        high=(1 + rules.band) * target,
        travel_rate=rules.kilometre_cost,
        move_rate=rules.move_cost,
    )


def _kilometres(question: Question) -> Floats:
    places = _degrees([a.place for a in question.accounts])
    homes = _degrees([r.home for r in question.reps])
    return np.nan_to_num(road_km(places, homes), nan=0.0)


def _degrees(places: list[Place | None]) -> Floats:
    return np.array([(p.latitude, p.longitude) if p else (np.nan, np.nan) for p in places]).reshape(-1, 2)


def _skilled(question: Question) -> Bools:
    """Accounts share few sets of needs: each set is compared with the reps once."""
    able = {
        needs: np.array([needs <= rep.skills for rep in question.reps])
        for needs in {account.needs for account in question.accounts}
    }
    return np.array([able[account.needs] for account in question.accounts])
