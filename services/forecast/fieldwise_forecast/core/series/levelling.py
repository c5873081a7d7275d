"""Base forecasts freed of the lean that a level has: medians of skewed series add up to too little; knows no forecaster."""

from __future__ import annotations

import numpy as np

from ..features import Floats
from .hierarchy import Backtest, Hierarchy

# A level of so many series is half believed in its lean: one series over a few windows cannot tell it from chance.
HALF_BELIEVED = 10.0
MOST = 1.25


def factors(hierarchy: Hierarchy, tests: Backtest, length: int) -> Floats:
    """By what to multiply the base forecasts of each level, told by the periods before ``length``; shape (n_levels,).

    The sum of actuals over that of forecasts, drawn to 1 where the level has few series.
    """
    steps = np.arange(tests.base.shape[2])
    come = (np.array(tests.origins)[:, None] + steps < length)[:, None, :] & ~np.isnan(tests.actual)
    actual = np.where(come, tests.actual, 0.0).sum(axis=(0, 2))
    forecast = np.where(come, tests.base, 0.0).sum(axis=(0, 2))
    found = np.ones(len(hierarchy.levels))
    for level in range(len(hierarchy.levels)):
        rows = hierarchy.rows_of(level)
        if actual[rows].sum() > 0 and forecast[rows].sum() > 0:
            lean = np.log(actual[rows].sum() / forecast[rows].sum()) * len(rows) / (len(rows) + HALF_BELIEVED)
            found[level] = np.exp(np.clip(lean, -np.log(MOST), np.log(MOST)))
    return found


def levelled(hierarchy: Hierarchy, tests: Backtest) -> Backtest:
    """The backtest with the factors that were known at each origin."""
    made = [
        base * factors(hierarchy, tests, origin)[hierarchy.level_of, None]
        for origin, base in zip(tests.origins, tests.base, strict=True)
    ]
    return Backtest(tests.origins, tests.actual, np.stack(made))
