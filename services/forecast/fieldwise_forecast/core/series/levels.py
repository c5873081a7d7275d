"""Forecasters of many weekly series at once; knows no category and no calendar.

All of them are flat (every week ahead gets the same level): one year of data shows no season, and a trend fitted to it
loses (AutoETS and AutoTheta are worse than simple smoothing on Complete Journey).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..features import Floats

# Smoothing constants tried for each series.
ALPHAS = np.arange(0.05, 1.0, 0.05)
MEAN_WEEKS = 52

Level = Callable[[Floats], Floats]


def naive(history: Floats) -> Floats:
    """Every week like the last one known. ``history`` has shape (n_series, n_weeks), here and below."""
    return history[:, -1]


def mean(history: Floats) -> Floats:
    """The mean of at most the last year."""
    return np.asarray(history[:, -MEAN_WEEKS:].mean(axis=1))


def ses(history: Floats) -> Floats:
    """Simple exponential smoothing; each series takes the constant with the least squared one-step error.

    Source: Hyndman & Athanasopoulos (2021), Forecasting: Principles and Practice, 3rd edition, section 8.1.
    """
    level = np.repeat(history[:, :1], len(ALPHAS), axis=1)
    squared = np.zeros_like(level)
    for week in range(1, history.shape[1]):
        error = history[:, week : week + 1] - level
        squared += error**2
        level = level + ALPHAS * error
    return np.asarray(level[np.arange(len(level)), squared.argmin(axis=1)])


def blend(history: Floats) -> Floats:
    """Half smoothing, half mean: what has just happened, held back by what usually does."""
    return (ses(history) + mean(history)) / 2


LEVELS: dict[str, Level] = {"naive": naive, "ses": ses, "history-mean": mean, "ses-mean-blend": blend}


def restlessness(history: Floats) -> Floats:
    """Usual size of a surprise in each series, shape (n_series,): mean distance of a week from the mean of the 8 before.

    At least a hundredth of the mean week, so that a series that never moved still gets an interval.
    """
    span = min(8, history.shape[1] - 1)
    windows = np.lib.stride_tricks.sliding_window_view(history, span, axis=1)[:, :-1]
    distance = np.abs(history[:, span:] - windows.mean(axis=2)).mean(axis=1)
    return np.asarray(np.maximum(distance, np.maximum(history.mean(axis=1) / 100, 1e-6)))
