"""Season of many series: whether there is one, and its indices by classical decomposition; knows no forecaster.

Columns are numbered from the right: the period after the last known one has phase 0, so the season of a forecast is
``indices[:, h % season]``.
"""

from __future__ import annotations

import numpy as np

from ..features import Floats, Mask
from .histories import Histories, Whole

# Normal quantile of the test for a season: 90 %, two-sided, as in the Theta method.
CRITICAL = 1.645
# An index below this share of the level makes division a gamble.
SMALLEST_INDEX = 0.01
TINY = 1e-12


def phases(length: int, season: int) -> Whole:
    """Phase of each column, shape (length,)."""
    return (np.arange(length) - length) % season


def is_seasonal(histories: Histories, season: int) -> Mask:
    """Whether the autocorrelation at the season's lag stands out, shape (n_series,); never below two seasons.

    Source: Fiorucci et al. (2016), Models for optimising the theta method, section 2.1.
    """
    if season < 2 or histories.length < 2 * season:
        return np.zeros(histories.size, dtype=bool)
    begun, lengths = histories.begun, histories.lengths
    mean = np.where(begun, histories.values, 0.0).sum(axis=1) / lengths
    centred = np.where(begun, histories.values - mean[:, None], 0.0)
    variance = np.maximum((centred**2).sum(axis=1), 1e-300)
    lags = [(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / variance for lag in range(1, season + 1)]
    limit = CRITICAL * np.sqrt((1 + 2 * np.sum(np.square(lags[:-1]), axis=0)) / lengths)
    return np.asarray((lengths >= 2 * season) & (np.abs(lags[-1]) > limit))


def moving_average(histories: Histories, season: int) -> Floats:
    """Centred mean over one season, shape (n_series, n_periods); NaN where the window leaves the series."""
    half = season // 2
    kernel = np.full(2 * half + 1, 1.0 / season)
    if season % 2 == 0:
        kernel[[0, -1]] /= 2
    windows = np.lib.stride_tricks.sliding_window_view(histories.values, len(kernel), axis=1)
    smooth = np.full_like(histories.values, np.nan)
    smooth[:, half : half + windows.shape[1]] = windows @ kernel
    return np.where(histories.ages >= half, smooth, np.nan)


def phase_means(values: Floats, season: int) -> Floats:
    """Mean of the known values of each phase, shape (n_series, season); NaN where there is none."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    columns = phases(values.shape[1], season)
    total = np.stack([filled[:, columns == phase].sum(axis=1) for phase in range(season)], axis=1)
    count = np.stack([known[:, columns == phase].sum(axis=1) for phase in range(season)], axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def multiplicative(histories: Histories, season: int) -> Floats:
    """Factors of each phase, mean 1, shape (n_series, season); all 1 where a factor would be near 0 or is not known.

    Source: Hyndman & Athanasopoulos (2021), Forecasting: Principles and Practice, 3rd edition, section 3.4.
    """
    smooth = moving_average(histories, season)
    factors = phase_means(histories.values / np.where(smooth > 0, smooth, np.nan), season)
    factors = factors / factors.mean(axis=1, keepdims=True)
    return np.where((factors > SMALLEST_INDEX).all(axis=1, keepdims=True), factors, 1.0)


def additive(histories: Histories, season: int) -> Floats:
    """Offsets of each phase, mean 0, shape (n_series, season); all 0 where one is not known."""
    offsets = phase_means(histories.values - moving_average(histories, season), season)
    offsets = offsets - offsets.mean(axis=1, keepdims=True)
    return np.where(np.isfinite(offsets).all(axis=1, keepdims=True), offsets, 0.0)


def shrunk(histories: Histories, season: int) -> Floats:
    """Multiplicative factors drawn towards 1 as far as they look like noise, shape (n_series, season).

    The more the ratios of one phase differ from year to year, and the fewer years there are, the nearer to 1.

    Source: Miller & Williams (2003), Shrinkage estimators of time series seasonal factors; James & Stein (1961).
    """
    if season < 2 or histories.length < 2 * season:
        return np.ones((histories.size, max(season, 1)))
    smooth = moving_average(histories, season)
    usable = (smooth > 0) & (histories.values > 0)
    ratios = np.full_like(smooth, np.nan)
    np.log(np.divide(histories.values, smooth, out=ratios, where=usable), out=ratios, where=usable)
    means = phase_means(ratios, season)
    kept = np.exp(signal_share(ratios, means)[:, None] * (means - means.mean(axis=1, keepdims=True)))
    kept = kept / kept.mean(axis=1, keepdims=True)
    return np.where(np.isfinite(kept).all(axis=1, keepdims=True), kept, 1.0)


def signal_share(ratios: Floats, means: Floats) -> Floats:
    """Share of the difference between phases that is no noise, in [0, 1], shape (n_series,)."""
    season = means.shape[1]
    count = (~np.isnan(ratios)).sum(axis=1)
    rest = np.nan_to_num(ratios - spread(means, ratios.shape[1]))
    noise = (rest**2).sum(axis=1) / np.maximum(count - season, 1) / np.maximum(count / season, 1)
    # With few phases James and Stein's own constant would shrink nothing.
    lost = max((season - 3) / (season - 1), 0.5) * noise / np.maximum(means.var(axis=1, ddof=1), TINY)
    return np.asarray(np.clip(1 - lost, 0.0, 1.0))


def factors(histories: Histories, season: int) -> Floats:
    """Shrunk factors, all 1 in series that show no season, shape (n_series, season)."""
    return np.where(is_seasonal(histories, season)[:, None], shrunk(histories, season), 1.0)


def spread(indices: Floats, length: int) -> Floats:
    """Indices of the last ``length`` known periods, shape (n_series, length)."""
    return indices[:, phases(length, indices.shape[1])]


def ahead(indices: Floats, horizon: int) -> Floats:
    """Indices of the next ``horizon`` periods, shape (n_series, horizon)."""
    return indices[:, np.arange(horizon) % indices.shape[1]]
