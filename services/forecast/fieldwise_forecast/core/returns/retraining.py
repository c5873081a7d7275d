"""Whether one more training is worth its cost: what has been lost since the last one, in money; knows no registry, no clock.

Two sources say what a training would win back. Trials said how error grows with the age of a model; and the champion's
realised losses say how it really did. Each weighs as much as it is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Floats
from ..versions import Realised
from .learning_curve import isotonic
from .trials import AGES, YEAR

# Before anything was seen a model is as trials of its age said, or the world has changed: then it may be anywhere. Spreads are in
# shares of the naive loss; chosen on worlds of seeds 1-450, reported on 2001-2300 (benchmarks/forecast/worth.py).
AS_TRIED, CHANGED = 0.01, 0.15
CHANCE_OF_CHANGE = 0.1
# How far the relative loss strays from period to period before any was seen, and what that belief weighs in periods.
USUAL_NOISE, NOISE_WORTH = 0.06, 3.0
# The promise was made on a few origins.
PROMISED_ON = 3.0
# A shift shows in the newest periods; older ones count half as much after so many.
HALF_LIFE = 3.0


@dataclass(frozen=True)
class Aging:
    """Relative loss (error / naive error) by days since the training, of a model that would have been trained at each.

    Attributes:
        ages: Ascending, in days; ``rise`` is by how much the relative loss is above that of a fresh model.
    """

    ages: tuple[float, ...]
    rise: tuple[float, ...]

    def at(self, age_days: float) -> float:
        """Between ages on a straight line; beyond the oldest with the root of age, as errors of a world that wanders grow."""
        if not self.ages:
            return 0.0
        beyond = max(1.0, age_days / max(self.ages[-1], 1.0))
        return float(np.interp(age_days, self.ages, self.rise)) * float(np.sqrt(beyond))


def aging(errors: Sequence[Sequence[float]], naive: Sequence[float]) -> Aging:
    """From errors by origin and age (trials.AGES) and the naive error at each origin; it never falls with age."""
    relative = np.asarray(errors, dtype=float) / np.asarray(naive, dtype=float)[:, None]
    known = np.isfinite(relative).all(axis=0)
    rise = (relative[:, known] - relative[:, :1]).mean(axis=0)
    ages = tuple(float(age) for age in np.array(AGES)[known])
    return Aging(ages, tuple(np.maximum(-isotonic(-rise), 0.0).tolist()))


@dataclass(frozen=True)
class Seen:
    """How a champion did since it was fitted.

    Attributes:
        promised: Loss over naive loss in its own test; NaN where it is not known.
        periods: Oldest first; ``ages`` are the days of its age in each.
        tested_at: Mean age in days in the test that promised: half of the horizon for series.
    """

    promised: float
    periods: Sequence[Realised] = ()
    ages: Sequence[float] = ()
    tested_at: float = 0.0


def lost(aged: Aging | None, age_days: float, cycle_days: float, seen: Seen) -> float | None:
    """Relative loss that a training now would win back, in the mean until the next one is due.

    None where neither trials nor realised losses tell.
    """
    usable = [i for i, one in enumerate(seen.periods) if one.naive_loss > 0 and np.isfinite(one.loss)]
    if aged is None and not (usable and np.isfinite(seen.promised)):
        return None
    trials = aged or Aging((), ())
    expected = trials.at(age_days + cycle_days / 2) - trials.at(cycle_days / 2)
    if usable and np.isfinite(seen.promised):
        weight = newest_first(len(usable))
        foreseen = float(weight @ [trials.at(seen.ages[i]) for i in usable]) - trials.at(seen.tested_at)
        found, variance = excess(seen.promised, [seen.periods[i] for i in usable])
        expected += changed_by(found - foreseen, variance)
    return max(0.0, expected)


def newest_first(count: int) -> Floats:
    """Weights of periods, oldest first; they add up to 1."""
    weight = 0.5 ** (np.arange(count)[::-1] / HALF_LIFE)
    return np.asarray(weight / weight.sum())


def excess(promised: float, periods: Sequence[Realised]) -> tuple[float, float]:
    """How far the relative loss came above the promise, and the variance of that."""
    relative = np.array([one.loss / one.naive_loss for one in periods])
    weight = newest_first(len(relative))
    # Steps from one period to the next: a trend must not pass for noise.
    steps = np.diff(relative)
    noise = (NOISE_WORTH * USUAL_NOISE**2 + float(steps @ steps) / 2) / (NOISE_WORTH + len(steps))
    return float(weight @ relative) - promised, noise * (float(weight @ weight) + 1 / PROMISED_ON)


def changed_by(surprise: float, variance: float) -> float:
    """What of a surprise is here to stay: mean of a belief in two cases, as tried and changed, each normal around no surprise.

    A small surprise is noise of the first case, a large one can only be the second. Being better than foreseen is no change:
    it tells of easier weeks or a careful promise, and little of what a fresh training would do.
    """
    spread = np.array([AS_TRIED, CHANGED]) ** 2
    total = spread + variance
    likely = np.log([1 - CHANCE_OF_CHANGE, CHANCE_OF_CHANGE]) - 0.5 * (np.log(total) + surprise**2 / total)
    case = np.exp(likely - likely.max()) if surprise > 0 else np.array([1.0, 0.0])
    return float(case @ (spread / total) / case.sum() * surprise)


@dataclass(frozen=True)
class Decision:
    """Gain and cost of one training, in currency units."""

    gain: float
    cost: float

    @property
    def pays(self) -> bool:
        return self.gain >= self.cost

    def words(self, currency: str, cycle_days: float) -> str:
        """Why it is not done; empty where it pays."""
        if self.pays:
            return ""
        return f"expected gain {amount(self.gain)} < cost {amount(self.cost)} {currency}, until the next training in {cycle_days:g} days"


def amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.2f}"


def decided(
    relative: float, accuracy_per_relative: float, worth_per_point: float, cycle_days: float, cost: float
) -> Decision:
    """Gain until the next training is due, against the cost.

    Args:
        relative: Relative loss that a training wins back.
        accuracy_per_relative: Accuracy in [0, 1] for one unit of relative loss: the naive WAPE of series, 1 for
            probabilities, whose accuracy is measured against the base rate already.
        worth_per_point: Of one percentage point, in a year.
    """
    gain = 100 * relative * accuracy_per_relative * worth_per_point * cycle_days / YEAR
    return Decision(gain, cost)
