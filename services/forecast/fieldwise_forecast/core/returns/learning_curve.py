"""Error against effort from repeated trainings: a curve that never rises, and the point beyond which more does not pay.

Knows no learner and no money: gains and costs are numbers of one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Floats

# Exponents of the power law that are tried: learning curves in the literature lie within.
EXPONENTS = np.linspace(0.05, 2.0, 40)
FEWEST_FOR_A_LAW = 4
ROWS, FEATURES, TREES, CYCLE, CPU = "rows", "features", "trees", "cycle", "cpu"


@dataclass(frozen=True)
class Point:
    """One setting, tried at every test origin.

    Attributes:
        effort: Rows, columns, trees, days between trainings, CPU seconds: means over the origins.
        error: Mean over the origins, ``standard_error`` that of the mean.
        errors: At each origin.
        cpu_seconds: Of one training.
        fitted: Error of the curve.
        gain: Of the step from the point before, in a year; 0 at the first. ``cost`` likewise.
        name: Who it is, where points are different learners; else empty.
    """

    effort: float
    error: float
    standard_error: float
    errors: tuple[float, ...]
    cpu_seconds: float
    fitted: float = 0.0
    gain: float = 0.0
    cost: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class Learning:
    """A curve: points from the least effort to the greatest (for ``cycle``: from the most days to the fewest).

    ``knee`` is the effort beyond which no step pays; None where more still pays at the last point.
    """

    effort: str
    points: tuple[Point, ...]
    knee: float | None
    verdict: str

    @property
    def at_knee(self) -> Point:
        """The last point that pays."""
        return next((point for point in self.points if point.effort == self.knee), self.points[-1])


def point_of(
    efforts: Sequence[float], errors: Sequence[float], cpu: Sequence[float], name: str = ""
) -> Point:
    """One setting from its trials, one per origin."""
    spread = float(np.std(errors, ddof=1)) / np.sqrt(len(errors)) if len(errors) > 1 else 0.0
    return Point(
        effort=float(np.mean(efforts)),
        error=float(np.mean(errors)),
        standard_error=float(spread),
        errors=tuple(errors),
        cpu_seconds=float(np.mean(cpu)),
        name=name,
    )


def never_rising(efforts: Floats, errors: Floats) -> Floats:
    """The errors of the better of two curves that never rise: isotonic regression, or the power law a + b effort^-c.

    The better one foresees points that it has not seen, each left out in turn. A power law needs four points.
    """
    steps = isotonic(errors)
    if len(errors) < FEWEST_FOR_A_LAW or np.ptp(efforts) == 0:
        return steps
    law = power_law(efforts, errors, efforts)
    return law if left_out(efforts, errors, law=True) < left_out(efforts, errors, law=False) else steps


def isotonic(errors: Floats) -> Floats:
    """Least squares under the condition that no value is above the one before (pool adjacent violators)."""
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(errors, increasing=False).x)


def power_law(efforts: Floats, errors: Floats, wanted: Floats) -> Floats:
    """A + b effort^-c with b not below 0, fitted in least squares, at the wanted efforts.

    Source: Hestness et al. (2017), Deep Learning Scaling is Predictable, Empirically, section 2.
    """
    scale = float(efforts.max())
    best, found = np.inf, np.full(len(wanted), errors.mean())
    for exponent in EXPONENTS:
        basis = (efforts / scale) ** -exponent
        moved = basis - basis.mean()
        slope = max(0.0, float(moved @ errors) / float(moved @ moved))
        level = float(errors.mean() - slope * basis.mean())
        missed = float(((level + slope * basis - errors) ** 2).sum())
        if missed < best:
            best, found = missed, level + slope * (wanted / scale) ** -exponent
    return np.asarray(found)


def left_out(efforts: Floats, errors: Floats, *, law: bool) -> float:
    """Sum of squared errors at inner points that the fit did not see."""
    total = 0.0
    for i in range(1, len(errors) - 1):
        others = np.arange(len(errors)) != i
        seen, known = efforts[others], errors[others]
        if law:
            foreseen = power_law(seen, known, efforts[i : i + 1])[0]
        else:
            foreseen = np.interp(np.log(efforts[i]), np.log(seen), isotonic(known))
        total += float((foreseen - errors[i]) ** 2)
    return total


def best_so_far(errors: Floats) -> Floats:
    """For points that are alternatives: whoever may spend more may also spend less."""
    return np.minimum.accumulate(errors)


def knee_of(points: Sequence[Point], per_error: float) -> int:
    """Index of the last point that pays: the least effort whose net gain is the best, up to one standard error.

    A later point that is better by less than chance explains is no reason to go there.

    Args:
        per_error: Worth of one unit of error in a year, in the unit of gains and costs.
    Source: the one-standard-error rule of Breiman et al. (1984), Classification and Regression Trees, section 3.4.3.
    """
    net = np.cumsum([point.gain - point.cost for point in points])
    best = int(np.argmax(net))
    for i in range(best):
        if net[i] >= net[best] - per_error * difference_error(points[i], points[best]):
            return i
    return best


def difference_error(one: Point, other: Point) -> float:
    """Standard error of the mean difference over the origins that both were tried at."""
    apart = np.subtract(one.errors, other.errors)
    return float(np.std(apart, ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else 0.0
