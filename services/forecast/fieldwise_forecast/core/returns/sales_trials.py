"""Trials of weekly sales: boosted trees and simpler forecasters at late origins; knows no grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..features import Floats
from ..learners import SEED
from ..light_xgboost import xgb
from ..series.boosters import DIRECT, grown
from ..series.direct_rows import DirectRows
from ..series.panel import Panel
from ..series.pool import DIRECT_BOOSTER, DIRECT_TREES, MOST_DIRECT_ROWS, POOL, RECURSIVE_BOOSTER
from ..series.prepared import Prepared
from ..series.weekly import HORIZON, POOL_FROM, WeeklySeries, demand_history, not_enough
from .trials import Result, Trial

ORIGINS, APART = 4, 4
NAIVE, BOTH = "naive", "xgboost-both"
LEARNERS = (NAIVE, "ses", "linear-regression", "random-forest", RECURSIVE_BOOSTER, BOTH)
RANKING_TREES = 15
WEEK_DAYS = 7


@dataclass(frozen=True)
class Sales:
    """The series that judge a model: those that sell enough a week, as far as it was known at the first origin."""

    panel: Panel

    @property
    def origins(self) -> list[int]:
        """Weeks known at each test, oldest first; the weeks of all horizons have come."""
        return tested(self.panel.length)


def tested(length: int) -> list[int]:
    return [length - HORIZON - back * APART for back in range(ORIGINS - 1, -1, -1)]


def sales_of(series: WeeklySeries) -> Sales:
    """What the trials need.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    length = demand_history(series)
    steady = np.flatnonzero(series.weeks[:, : tested(length)[0]].mean(axis=1) >= POOL_FROM)
    if not len(steady):
        raise not_enough(f"no category sells {POOL_FROM:g} a week")
    return Sales(series.in_order(steady.tolist()).panel)


def tried(sales: Sales, cpu_seconds: Callable[[], float], trial: Trial) -> Result:
    """Train as the trial says and test on the weeks after its origin."""
    origin = sales.origins[trial.origin]
    known = sales.panel.until(origin)
    trained_on = sales.panel.until(origin - trial.age_days // WEEK_DAYS)
    actual = sales.panel.values[:, origin : origin + HORIZON]
    begun = cpu_seconds()
    if trial.learner:
        made, counts = by_name(trial.learner, known), (0, 0, 0)
    else:
        made, counts = boosted(trial, trained_on, known)
    spent = cpu_seconds() - begun
    naive = by_name(NAIVE, known)
    return Result(wape(actual, made), wape(actual, naive), *counts, spent)


def wape(actual: Floats, made: Floats | None) -> float:
    if made is None:
        return float("nan")
    return float(np.nansum(np.abs(actual - made)) / max(float(np.nansum(np.abs(actual))), 1e-9))


def by_name(learner: str, known: Panel) -> Floats | None:
    """A forecaster of the pool, or both boosters together."""
    prepared = Prepared.of(known, HORIZON)
    names = (DIRECT_BOOSTER, RECURSIVE_BOOSTER) if learner == BOTH else (learner,)
    fitted = [POOL[name].fitted(prepared, SEED) for name in names]
    made = [each.forecast(prepared) for each in fitted if each is not None]
    return np.mean(made, axis=0) if len(made) == len(names) else None


def boosted(trial: Trial, trained_on: Panel, known: Panel) -> tuple[Floats | None, tuple[int, int, int]]:
    """Forecasts of the direct booster, and how many rows, columns and trees gave them."""
    rows = DirectRows(Prepared.of(trained_on, HORIZON)).rows(
        HORIZON, round(trial.rows * MOST_DIRECT_ROWS), SEED
    )
    trees = max(1, round(trial.trees * DIRECT_TREES))
    best = best_columns(rows.features, rows.targets, trial.columns) if len(rows) else np.empty(0, np.int64)
    found = grown(DIRECT, trees, rows.features[:, best], rows.targets, SEED)
    if found is None:
        return None, (0, 0, 0)
    prepared = Prepared.of(known, HORIZON)
    ahead = DirectRows(prepared)
    said = found.inplace_predict(ahead.features(prepared.length, HORIZON)[:, best])
    away = np.asarray(said, dtype=np.float64).reshape(HORIZON, -1).T
    made = prepared.unscaled(ahead.forecast(away, prepared.length))
    return made, (len(rows), len(best), trees)


def best_columns(features: np.ndarray, targets: Floats, share: float) -> np.ndarray:
    """The columns that a few trees gain most from, in their own order."""
    width = features.shape[1]
    count = max(1, round(share * width))
    if count == width:
        return np.arange(width)
    rows = xgb.QuantileDMatrix(features, targets.astype(np.float32), nthread=1)
    ranked = xgb.train({**DIRECT, "seed": SEED}, rows, RANKING_TREES).get_score(importance_type="total_gain")
    gain = np.array([ranked.get(f"f{i}", 0.0) for i in range(width)])
    return np.sort(np.argsort(-gain, kind="stable")[:count])
