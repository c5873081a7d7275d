"""Shops whose customers' tastes change, with a model that was trained some weeks ago: worlds in which the gain of a training is known.

Sales of a series in a week are its level times exp(taste x plan) times noise; the plan is known in advance, tastes are learned. Tastes
stand still, wander, or jump once. What a training would win is reckoned on ten thousand fresh series, which nothing tested sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from fieldwise_forecast.core.returns.retraining import Aging, aging
from fieldwise_forecast.core.returns.trials import AGES
from fieldwise_forecast.core.versions import Realised

Floats = npt.NDArray[np.float64]

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
# As many series as Complete Journey has commodities.
SERIES, FRESH = 200, 10_000
INPUTS = 3
TRAINED, WINDOW = 70, 20
NOISE = 0.15
KINDS = ("still", "wandering", "jumped")
# Test origins before the training, and the weeks after each that are tested, as trials and backtests do.
ORIGINS, APART, AHEAD = 4, 4, 8
CYCLE_WEEKS = 4


@dataclass(frozen=True)
class AgingWorld:
    """Attributes:
    tastes: By week, shape (n_weeks, INPUTS).
    plan: Shape (n_weeks, SERIES, INPUTS); ``sales`` shape (n_weeks, SERIES), with levels of 1.
    now: Week of the decision; the model was trained in week TRAINED.
    """

    kind: str
    tastes: Floats
    plan: Floats
    sales: Floats
    now: int

    def learned(self, week: int) -> Floats:
        """Tastes as a training in a week finds them, from the weeks before it."""
        past = slice(week - WINDOW, week)
        rows = self.plan[past].reshape(-1, INPUTS)
        return np.asarray(np.linalg.lstsq(rows, np.log(self.sales[past]).ravel(), rcond=None)[0])

    def losses(self, tastes: Floats, week: int) -> tuple[float, float]:
        """WAPE of a model and of the naive forecast, which knows no plan, in a week."""
        return losses(self.sales[week], self.plan[week], tastes)

    def tested(self, origin: int, age_weeks: int) -> tuple[float, float]:
        """Mean WAPE over the weeks after an origin, of a model trained so many weeks before it, and of the naive forecast."""
        tastes = self.learned(origin - age_weeks)
        loss, naive = np.mean([self.losses(tastes, week) for week in range(origin, origin + AHEAD)], axis=0)
        return float(loss), float(naive)

    @property
    def origins(self) -> list[int]:
        return [TRAINED - AHEAD - back * APART for back in range(ORIGINS - 1, -1, -1)]

    @property
    def aged(self) -> Aging:
        """As trials before the training measured it."""
        found = [[self.tested(origin, age // 7) for age in AGES] for origin in self.origins]
        return aging([[loss for loss, _ in each] for each in found], [each[0][1] for each in found])

    @property
    def promised(self) -> tuple[float, float]:
        """Loss and naive loss in the backtest of the training."""
        loss, naive = np.mean([self.tested(origin, 0) for origin in self.origins], axis=0)
        return float(loss), float(naive)

    @property
    def realised(self) -> list[Realised]:
        tastes = self.learned(TRAINED)
        found = [(week, *self.losses(tastes, week)) for week in range(TRAINED, self.now)]
        return [Realised(MONDAY + timedelta(weeks=week), SERIES, loss, naive) for week, loss, naive in found]

    @property
    def true_gain(self) -> float:
        """WAPE that a training now saves until the next one, in the mean of many fresh series."""
        rng = np.random.default_rng(99)
        old, new = self.learned(TRAINED), self.learned(self.now)
        gains = []
        for week in range(self.now, self.now + CYCLE_WEEKS):
            plan = planned(rng, FRESH)
            sales = sold(rng, plan, self.tastes[week])
            gains.append(losses(sales, plan, old)[0] - losses(sales, plan, new)[0])
        return float(np.mean(gains))


def aging_world(seed: int) -> AgingWorld:
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    now = TRAINED + int(rng.integers(2, 13))
    weeks = now + CYCLE_WEEKS
    tastes = np.tile(rng.normal(0, 0.3, INPUTS), (weeks, 1))
    if kind == "wandering":
        tastes += np.cumsum(rng.normal(0, rng.uniform(0.01, 0.08), (weeks, INPUTS)), axis=0)
    if kind == "jumped":
        tastes[int(rng.integers(TRAINED, now)) :] += rng.normal(0, rng.uniform(0.1, 0.5), INPUTS)
    plan = np.stack([planned(rng, SERIES) for _ in range(weeks)])
    sales = np.stack([sold(rng, plan[week], tastes[week]) for week in range(weeks)])
    return AgingWorld(kind, tastes, plan, sales, now)


def planned(rng: np.random.Generator, series: int) -> Floats:
    return rng.normal(size=(series, INPUTS))


def sold(rng: np.random.Generator, plan: Floats, tastes: Floats) -> Floats:
    return np.asarray(np.exp(plan @ tastes + rng.normal(0, NOISE, len(plan))))


def losses(sales: Floats, plan: Floats, tastes: Floats) -> tuple[float, float]:
    made = np.exp(plan @ tastes)
    total = float(sales.sum())
    return float(np.abs(sales - made).sum()) / total, float(np.abs(sales - 1.0).sum()) / total
