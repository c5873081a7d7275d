"""Classical forecasters of many series at once, by name; knows no dates.

Each takes values of shape (n_series, n_periods), with NaN before a series begins and where a period is missing, the
number of periods in a season (1 for none) and a horizon, and gives forecasts of shape (n_series, horizon). Series
without a negative value get no negative forecast; series without any value get NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..features import Floats
from . import ets as smoothing
from . import season as seasons
from . import theta as thetas
from .histories import Histories
from .intermittent import croston, sba, tsb

Classical = Callable[[Floats, int, int], Floats]
Flat = Callable[[Histories, int], Floats]


def naive(values: Floats, _season: int, horizon: int) -> Floats:
    """The last value."""
    return np.repeat(Histories.of(values).values[:, -1:], horizon, axis=1)


def seasonal_naive(values: Floats, season: int, horizon: int) -> Floats:
    """The value one season ago; the last value in series shorter than a season."""
    histories = Histories.of(values)
    if season < 2 or histories.length < season:
        return naive(values, season, horizon)
    last = seasons.ahead(histories.values[:, -season:], horizon)
    return np.where(histories.lengths[:, None] >= season, last, histories.values[:, -1:])


def deseasonalised(values: Floats, season: int, horizon: int, forecaster: Flat) -> Floats:
    """Divide by the season where there is one, forecast, multiply back."""
    histories = Histories.of(values)
    factors = seasons.factors(histories, season)
    flat = forecaster(histories.per(seasons.spread(factors, histories.length)), horizon)
    return floored(values, flat * seasons.ahead(factors, horizon))


def floored(values: Floats, forecasts: Floats) -> Floats:
    """No negative forecast for what was never negative."""
    negative = (values < 0).any(axis=1, keepdims=True)
    return np.where(negative, forecasts, np.maximum(forecasts, 0.0))


def ses(values: Floats, season: int, horizon: int) -> Floats:
    """Simple exponential smoothing."""
    return deseasonalised(values, season, horizon, lambda flat, ahead: smoothing.simple(flat, ahead))


def holt(values: Floats, season: int, horizon: int) -> Floats:
    """Exponential smoothing with a trend that never ends."""
    return deseasonalised(
        values, season, horizon, lambda flat, ahead: smoothing.smoothed(flat, smoothing.Trend.FULL, ahead)
    )


def damped(values: Floats, season: int, horizon: int) -> Floats:
    """Exponential smoothing with a trend that dies down."""
    return deseasonalised(
        values, season, horizon, lambda flat, ahead: smoothing.smoothed(flat, smoothing.Trend.DAMPED, ahead)
    )


def theta(values: Floats, season: int, horizon: int) -> Floats:
    """The Theta method."""
    return deseasonalised(values, season, horizon, thetas.theta)


def optimised_theta(values: Floats, season: int, horizon: int) -> Floats:
    """Theta with the weight of the line that fits best."""
    return deseasonalised(values, season, horizon, thetas.optimised_theta)


def dynamic_theta(values: Floats, season: int, horizon: int) -> Floats:
    """Theta with a line that moves on and the weight that fits best."""
    return deseasonalised(values, season, horizon, thetas.dynamic_theta)


def ets(values: Floats, season: int, horizon: int) -> Floats:
    """Exponential smoothing whose trend and season are chosen by AICc."""
    return floored(values, smoothing.ets(Histories.of(values), season, horizon))


CLASSICAL: dict[str, Classical] = {
    "naive": naive,
    "seasonal-naive": seasonal_naive,
    "ses": ses,
    "holt": holt,
    "damped": damped,
    "theta": theta,
    "optimised-theta": optimised_theta,
    "dynamic-theta": dynamic_theta,
    "ets": ets,
    "croston": croston,
    "sba": sba,
    "tsb": tsb,
}
