"""Which trainings a learning curve takes, and curves from their results; knows no learner and no data.

One setting is changed at a time, the others stay as they are in a training; every setting is tried at every test origin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..features import Floats
from .learning_curve import (
    CPU,
    CYCLE,
    FEATURES,
    ROWS,
    TREES,
    Learning,
    Point,
    best_so_far,
    knee_of,
    never_rising,
    point_of,
)

ROW_SHARES = (0.05, 0.2, 0.5, 1.0)
COLUMN_SHARES = (0.1, 0.25, 0.5, 1.0)
# Beyond what a training uses: only that shows that more would bring nothing.
TREE_SHARES = (0.1, 0.25, 0.5, 1.0, 2.0)
# Days between the last training and a forecast, and the cycles whose mean ages lie among them.
AGES = (0, 7, 21, 49)
CYCLES = (56, 28, 14, 7)
YEAR = 365.0


@dataclass(frozen=True)
class Trial:
    """One training and its test.

    Attributes:
        origin: Number of the test origin, 0 for the oldest.
        rows, columns, trees: Shares of what a training uses.
        age_days: What came so many days before the origin, or later, is not learned from.
        learner: Another learner than boosted trees, by name.
    """

    origin: int
    rows: float = 1.0
    columns: float = 1.0
    trees: float = 1.0
    age_days: int = 0
    learner: str = ""


@dataclass(frozen=True)
class Result:
    """What came of a trial.

    Attributes:
        error: On data after the origin; NaN where it had too little to learn from.
        naive: Error of the forecast that everyone has to beat, on the same data.
        value: Sales that the decision fed by it lays hold of at this origin; NaN where no such decision is known.
    """

    error: float
    naive: float
    rows: int
    columns: int
    trees: int
    cpu_seconds: float
    value: float = math.nan


def all_trials(origins: int, learners: Sequence[str]) -> list[Trial]:
    """Every trial once, origin by origin."""
    return [trial for origin in range(origins) for trial in dict.fromkeys(settings(Trial(origin), learners))]


def settings(usual: Trial, learners: Sequence[str]) -> list[Trial]:
    return [
        usual,
        *(replace(usual, rows=share) for share in ROW_SHARES),
        *(replace(usual, columns=share) for share in COLUMN_SHARES),
        *(replace(usual, trees=share) for share in TREE_SHARES),
        *(replace(usual, age_days=age) for age in AGES),
        *(replace(usual, learner=name) for name in learners),
    ]


Results = Mapping[Trial, Result]


@dataclass(frozen=True)
class Prices:
    """What effort costs and what error is worth, in currency units.

    Attributes:
        per_error: Worth of one unit of error in a year.
        per_cpu_second, per_training: Cost of computing, and of a training beside it.
        trainings: A year, where the cycle is not what is varied.
    """

    per_error: float
    per_cpu_second: float
    per_training: float
    trainings: float

    def a_year(self, effort: str, point: Point) -> float:
        """Cost of a setting in a year; what a training costs beside computing does not depend on how large it is."""
        if effort == CYCLE:
            return YEAR / point.effort * (point.cpu_seconds * self.per_cpu_second + self.per_training)
        return self.trainings * point.cpu_seconds * self.per_cpu_second


def learnings(results: Results, learners: Sequence[str], prices: Prices) -> tuple[Learning, ...]:
    """All curves that have at least two points."""
    origins = sorted({trial.origin for trial in results})
    found = {
        ROWS: points(results, origins, [Trial(0, rows=share) for share in ROW_SHARES], "rows"),
        FEATURES: points(results, origins, [Trial(0, columns=share) for share in COLUMN_SHARES], "columns"),
        TREES: points(results, origins, [Trial(0, trees=share) for share in TREE_SHARES], "trees"),
        CYCLE: cycle_points(results, origins),
        CPU: ladder(results, origins, learners),
    }
    return tuple(learning(effort, each, prices) for effort, each in found.items() if len(each) > 1)


def points(results: Results, origins: Sequence[int], tried: Sequence[Trial], effort: str) -> list[Point]:
    """One point for each setting that could be tried at every origin, by effort."""
    found = []
    for setting in tried:
        own = [results[replace(setting, origin=origin)] for origin in origins]
        if all(math.isfinite(one.error) for one in own):
            efforts = [float(getattr(one, effort)) for one in own]
            found.append(
                point_of(
                    efforts, [one.error for one in own], [one.cpu_seconds for one in own], setting.learner
                )
            )
    return sorted(found, key=lambda point: point.effort)


def ladder(results: Results, origins: Sequence[int], learners: Sequence[str]) -> list[Point]:
    """Learners by the CPU seconds of a training; the boosted trees of the other curves are among them."""
    tried = [Trial(0), *(Trial(0, learner=name) for name in learners)]
    found = points(results, origins, tried, "cpu_seconds")
    return [point if point.name else replace(point, name="boosted trees") for point in found]


def stale_errors(results: Results, origins: Sequence[int]) -> Floats:
    """Error by origin and age of the training (AGES), shape (n_origins, n_ages); NaN where it could not be tried."""
    return np.array(
        [[results[Trial(origin, age_days=age)].error for age in AGES] for origin in origins], dtype=np.float64
    )


def cycle_points(results: Results, origins: Sequence[int]) -> list[Point]:
    """Mean error between two trainings so many days apart: forecasts are made weekly, with the model as old as it is then."""
    by_age = stale_errors(results, origins)
    known = np.isfinite(by_age).all(axis=0)
    cpu = [results[Trial(origin)].cpu_seconds for origin in origins]
    found = []
    for days in CYCLES:
        ages = np.arange(0, days, 7)
        if known.any() and ages[-1] <= np.array(AGES)[known].max():
            known_ages = np.array(AGES)[known]
            errors = [float(np.interp(ages, known_ages, row[known]).mean()) for row in by_age]
            found.append(point_of([days] * len(origins), errors, cpu))
    return found


def learning(effort: str, found: Sequence[Point], prices: Prices) -> Learning:
    """The curve with its gains, costs and knee."""
    errors = np.array([point.error for point in found])
    # For a cycle the greater effort is the smaller number of days.
    efforts = np.array([1 / point.effort if effort == CYCLE else point.effort for point in found])
    fitted = best_so_far(errors) if effort == CPU else never_rising(efforts, errors)
    costs = [prices.a_year(effort, point) for point in found]
    priced = [
        replace(
            point,
            fitted=float(fitted[i]),
            gain=prices.per_error * float(fitted[i - 1] - fitted[i]) if i else 0.0,
            cost=max(0.0, costs[i] - costs[i - 1]) if i else 0.0,
        )
        for i, point in enumerate(found)
    ]
    knee = knee_of(priced, prices.per_error)
    beyond = knee + 1 < len(priced)
    return Learning(
        effort, tuple(priced), priced[knee].effort if beyond else None, verdict(effort, priced, knee)
    )


def verdict(effort: str, found: Sequence[Point], knee: int) -> str:
    """Where to stop, in words with the figures of what lies beyond."""
    if knee + 1 == len(found):
        return f"more still pays at {words_of(effort, found[-1])}"
    gain = sum(point.gain for point in found[knee + 1 :])
    cost = sum(point.cost for point in found[knee + 1 :])
    return (
        f"stop at {words_of(effort, found[knee])}: going on to {words_of(effort, found[-1])} would bring "
        f"{figure(gain)} in a year and cost {figure(cost)}; a gain below one standard error does not count"
    )


def figure(amount: float) -> str:
    """Cents where they can be seen, else the first digit: computing may cost less than a cent in a year."""
    return f"{amount:,.2f}" if amount >= 0.01 or amount <= 0 else f"{amount:.1g}"


def words_of(effort: str, point: Point) -> str:
    if point.name:
        return f"{point.name} ({point.effort:.2g} CPU s)"
    unit = {CYCLE: "days between trainings", CPU: "CPU s", FEATURES: "columns"}.get(effort, effort)
    return f"{point.effort:,.0f} {unit}"


def goal_alarm(curves: Sequence[Learning], base: float, goal: float) -> str:
    """An alarm where a goal lies beyond what pays; empty without one, or where nothing was measured.

    Args:
        base: Error that stands for accuracy 0.
        goal: In (0, 1); 0 for none.
    """
    if not curves or not goal:
        return ""
    best = min(curves, key=lambda curve: curve.at_knee.fitted)
    reached = 1 - best.at_knee.fitted / base
    if goal <= reached:
        return ""
    return (
        f"the goal of {goal:.1%} lies beyond the knee: up to {reached:.1%} effort pays "
        f"({words_of(best.effort, best.at_knee)}), from there on the next unit costs more than it brings"
    )
