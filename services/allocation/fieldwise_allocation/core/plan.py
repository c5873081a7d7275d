"""A territory plan and its measures as plain values; knows nothing of how it was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.instance import NOBODY, Floats, Instance, Ints


@dataclass(frozen=True)
class Measure:
    """A plan, or what stands in for one, measured for comparison; units as in ``PlanMeasure`` of the contract."""

    objective: float
    travel_km: float
    worst_deviation: float
    skill_faults: int


@dataclass(frozen=True)
class Plan:
    """Who serves whom, and how good that is; accounts and reps in the order of the question.

    Args:
        rep_of: Index of the rep of each account, shape (n,).
        reasons: One code per account, shape (n,).
        hour_prices: Plan units saved by one more hour of each rep, shape (r,).
    """

    rep_of: Ints
    moved: tuple[bool, ...]
    reasons: tuple[str, ...]
    km: Floats
    loads: Floats
    targets: Floats
    values: Floats
    hour_prices: Floats
    objective: float
    bound: float
    outside_band: float
    incumbent: Measure | None
    nearest: Measure | None

    @property
    def gap(self) -> float:
        """(objective - bound) / objective; 0 for a plan that costs nothing."""
        return max(0.0, self.objective - self.bound) / self.objective if self.objective > 0 else 0.0


def describe(instance: Instance, rep_of: Ints, *, bound: float, price: Floats, travels: bool) -> Plan:
    """The plan with every measure a planner asks for.

    Args:
        price: mu of the Lagrangian bound: positive where a floor binds, negative where a ceiling does.
        travels: The question has places.
    """
    rows = np.arange(len(rep_of))
    loads = instance.loads(rep_of)
    moved = (instance.incumbent != NOBODY) & (instance.incumbent != rep_of)
    objective = instance.objective(rep_of)
    total = float(instance.workload.sum())
    return Plan(
        rep_of=rep_of,
        moved=tuple(moved.tolist()),
        reasons=tuple(_reasons(instance, rep_of)),
        km=instance.km[rows, rep_of],
        loads=loads,
        targets=instance.target,
        values=np.asarray(np.bincount(rep_of, instance.value, len(instance.target)), dtype=np.float64),
        hour_prices=-price + 0.0,
        objective=objective,
        # Floats of two different sums: a bound above the cost would be a fault of rounding only.
        bound=min(max(bound, 0.0), objective),
        outside_band=float(instance.excess(loads).sum()) / total if total > 0 else 0.0,
        incumbent=_today(instance) if (instance.incumbent >= 0).any() else None,
        nearest=measure(instance, _nearest(instance)) if travels else None,
    )


def measure(instance: Instance, rep_of: Ints, *, known: Ints | None = None) -> Measure:
    """An assignment measured without regard to rules: cost of travel and moves, balance, skills.

    Args:
        known: Accounts that the assignment covers; None means all.
    """
    rows = np.arange(len(rep_of)) if known is None else known
    reps = rep_of[rows]
    travel = instance.km[rows, reps]
    loads = np.bincount(reps, weights=instance.workload[rows], minlength=len(instance.target))
    away = (instance.incumbent[rows] != NOBODY) & (instance.incumbent[rows] != reps)
    deviation = np.abs(loads - instance.target) / np.where(instance.target > 0, instance.target, 1.0)
    return Measure(
        objective=float((instance.travel_rate * instance.workload[rows] * travel).sum())
        + float(instance.move_rate * instance.value[rows][away].sum()),
        travel_km=float(travel.sum()),
        worst_deviation=float(deviation.max()),
        skill_faults=int((~instance.skilled[rows, reps]).sum()),
    )


def _today(instance: Instance) -> Measure:
    """What the company has now, over the accounts whose rep is in the plan."""
    return measure(instance, instance.incumbent, known=np.flatnonzero(instance.incumbent >= 0))


def _nearest(instance: Instance) -> Ints:
    """The nearest rep with the skills, locks and workload ignored."""
    return np.asarray(np.argmin(np.where(instance.skilled, instance.km, np.inf), axis=1))


def _reasons(instance: Instance, rep_of: Ints) -> list[str]:
    """Why each account is where it is; the first that holds, in the order of the contract's weight."""
    rows = np.arange(len(rep_of))
    before = instance.incumbent
    seat = np.maximum(before, 0)
    travel = instance.km * instance.workload[:, None]
    chosen = np.select(
        [
            before < 0,  # nobody had it, or he has left the team
            instance.locked,
            before == rep_of,
            ~instance.skilled[rows, seat],
            travel[rows, rep_of] < travel[rows, seat],
        ],
        ["NEW", "LOCKED", "INCUMBENT", "SKILL", "LESS_TRAVEL"],
        default="BALANCE",
    )
    return [str(reason) for reason in chosen]
