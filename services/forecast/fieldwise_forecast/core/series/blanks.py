"""Means and smoothing where values are missing; knows no forecaster."""

from __future__ import annotations

import numpy as np

from ..features import Floats


def mean_known(values: Floats) -> Floats:
    """Mean of the values that are known, shape (n_series,); 0 where none is."""
    known = np.isfinite(values)
    if known.all() and values.shape[1]:
        return np.asarray(values.mean(axis=1))
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def spread_known(values: Floats) -> Floats:
    """Standard deviation of the values that are known, shape (n_series,); 0 where fewer than two are."""
    off = values - mean_known(values)[:, None]
    return np.asarray(np.sqrt(mean_known(off**2)))


def smoothed(values: Floats, alphas: tuple[float, ...]) -> Floats:
    """Exponential smoothing after each period, shape (n_series, n_periods, n_alphas).

    A missing period leaves the level where it was; NaN before the first value.
    """
    rates = np.array(alphas)
    by_period = np.ascontiguousarray(values.T)[:, :, None]
    move = moved if np.isfinite(values).all() else moved_over_holes
    path = np.empty((*by_period.shape[:2], len(rates)))
    level = np.repeat(by_period[0], len(rates), axis=1)
    for period, value in enumerate(by_period):
        path[period] = level = move(level, value, rates)
    return np.moveaxis(path, 0, 1)


def moved(level: Floats, value: Floats, rates: Floats) -> Floats:
    return level + rates * (value - level)


def moved_over_holes(level: Floats, value: Floats, rates: Floats) -> Floats:
    begun = np.where(np.isnan(level), value, level)
    return np.where(np.isnan(value), begun, begun + rates * (value - begun))


def filled(values: Floats, level: Floats) -> Floats:
    """Missing periods after the first value take the level before them; what lies before the first value stays NaN."""
    missing = np.isnan(values)
    return np.where(missing, level, values) if missing.any() else values


def trailing_mean(values: Floats, span: int) -> Floats:
    """Mean of the last ``span`` periods, of those that are known, shape (n_series,); NaN where none is."""
    recent = values[:, -span:]
    known = np.isfinite(recent)
    if known.all():
        return np.asarray(recent.mean(axis=1))
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, recent, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
