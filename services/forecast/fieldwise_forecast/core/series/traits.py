"""How restless and how large each series is, which tells how far its forecast may miss; knows no forecaster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats, Mask

# Periods that make up the mean from which a surprise is measured, that count as recent, and that are looked at in all.
SPAN, RECENT, LEVEL_SPAN, MEMORY = 8, 13, 26, 60
# A series that never moved still gets an interval: this share of its level.
LEAST_SHARE = 0.01
TINY = 1e-9
FEWEST_SURPRISES = 3
FEATURES = 5


@dataclass(frozen=True)
class Traits:
    """Of each series, shape (n_series,), in the unit of the series and above 0.

    Attributes:
        restlessness: Usual size of a surprise: mean distance of a period from the mean of the 8 before.
        recent: The same over the last 13 periods.
        level: Mean size of a period over the last 26.
    """

    restlessness: Floats
    recent: Floats
    level: Floats

    def features(self, forecast: Floats) -> Floats:
        """What a miss is explained by, shape (n_series, horizon, FEATURES); free of units, 0 in the plainest case."""
        steps = np.sqrt(np.arange(1, forecast.shape[1] + 1)) - 1
        size = np.log(np.maximum(np.abs(forecast) / self.level[:, None], 0.05))
        columns = (
            np.zeros_like(forecast) + 1.0,
            np.zeros_like(forecast) + steps,
            np.zeros_like(forecast) + np.log(self.level / self.restlessness)[:, None],
            np.zeros_like(forecast) + np.log(self.recent / self.restlessness)[:, None],
            np.minimum(size, 3.0),
        )
        return np.stack(columns, axis=-1)


def traits(history: Floats) -> Traits:
    """Traits at the end of ``history``, shape (n_series, n_periods), NaN where a period is missing.

    A series with fewer than three surprises takes the usual ratio of the panel; one without any known period takes the
    panel's level.
    """
    history = history[:, -MEMORY:]
    known = ~np.isnan(history)
    values = np.where(known, history, 0.0)
    distance, counted = surprises(values, known)
    level = mean_of(np.abs(values)[:, -LEVEL_SPAN:], known[:, -LEVEL_SPAN:], 1)
    level = np.where(np.isnan(level), middle(level, 1.0), level)
    restlessness = mean_of(distance, counted, FEWEST_SURPRISES)
    usual = middle(restlessness / np.maximum(level, TINY), 0.3)
    restlessness = np.where(np.isnan(restlessness), usual * level, restlessness)
    least = np.maximum(LEAST_SHARE * level, TINY)
    restlessness = np.maximum(restlessness, least)
    recent = mean_of(distance[:, -RECENT:], counted[:, -RECENT:], FEWEST_SURPRISES)
    recent = np.maximum(np.where(np.isnan(recent), restlessness, recent), least)
    return Traits(restlessness, recent, np.maximum(level, TINY))


def surprises(values: Floats, known: Mask) -> tuple[Floats, Mask]:
    """Distance of each period but the first from the mean of the 8 before it, and whether both are known."""
    sums, counts = (np.cumsum(each, axis=1, dtype=np.float64) for each in (values, known))
    for each in (sums, counts):
        each[:, SPAN:] -= each[:, :-SPAN].copy() if each.shape[1] > SPAN else 0.0
    distance = np.abs(values[:, 1:] - sums[:, :-1] / np.maximum(counts[:, :-1], 1))
    counted = known[:, 1:] & (counts[:, :-1] >= 2)
    return np.where(counted, distance, 0.0), counted


def mean_of(values: Floats, known: Mask, fewest: int) -> Floats:
    """Mean over the known periods of each series; NaN where there are fewer than ``fewest``."""
    counts = known.sum(axis=1)
    return np.where(counts >= fewest, (values * known).sum(axis=1) / np.maximum(counts, 1), np.nan)


def middle(values: Floats, otherwise: float) -> float:
    """Median of what is known."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else otherwise
