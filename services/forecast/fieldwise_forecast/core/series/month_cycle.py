"""The month that all series share: people buy when they are paid; knows no single series.

On Complete Journey the weekly total swings by 5 % with the calendar month (autocorrelation .4 at 4 weeks, .35 at 5). Weeks
and months do not divide, so that lags alone cannot follow it; the phase of the month is known in advance.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from functools import cache

import numpy as np

from ..features import Floats
from .panel import Frequency

DAYS_OF = {Frequency.DAY: 1, Frequency.WEEK: 7}
HARMONICS = 2
# Worth two periods of evidence for no cycle.
RIDGE = 2.0
# The trend is a centred mean of about two months.
TREND_DAYS = 63


def month_cycle(values: Floats, start: datetime, frequency: Frequency, ahead: int) -> Floats:
    """By what the month multiplies each period, shape (n_periods + ahead,), 1 on average over the history.

    A ridge regression of the detrended log total on two harmonics of the phase of the month, shrunk towards no cycle by
    what noise alone would explain. All ones for months and quarters, and where a total is not above 0.

    Source: James & Stein (1961), positive-part form, for the shrinkage.
    """
    length = values.shape[1]
    total = panel_total(values)
    if frequency not in DAYS_OF or length < 4 * HARMONICS + 2 or not (total > 0).all():
        return np.ones(length + ahead)
    phases = month_phases(start, frequency, length + ahead)
    phases = phases - phases[:length].mean(axis=0)
    seen = phases[:length]
    surprise = detrended(np.log(total), TREND_DAYS // DAYS_OF[frequency])
    slopes = np.linalg.solve(seen.T @ seen + RIDGE * np.eye(seen.shape[1]), seen.T @ surprise)
    explained = seen @ slopes
    return np.asarray(np.exp(phases @ slopes * believed(surprise, explained, len(slopes))))


def panel_total(values: Floats) -> Floats:
    """Sum over series in units of the usual sum of those that are known in each period; 0 where none is."""
    known = np.isfinite(values)
    if known.all():
        return np.asarray(values.sum(axis=0) / max(float(values.sum()) / values.shape[1], 1e-12))
    plain = np.where(known, values, 0.0)
    usual = plain.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(plain.sum(axis=0) / np.maximum((known * usual[:, None]).sum(axis=0), 1e-12))


def believed(surprise: Floats, explained: Floats, slopes: int) -> float:
    """The share of what a regression explains that noise would not have explained as well, in [0, 1]."""
    noise = float(((surprise - explained) ** 2).sum()) / max(len(surprise) - slopes, 1)
    signal = float((explained**2).sum())
    return max(0.0, 1 - slopes * noise / signal) if signal > 0 else 0.0


def detrended(values: Floats, span: int) -> Floats:
    """What is left over a centred mean of ``span`` periods, fewer at the ends; mean 0."""
    window = np.ones(min(span, len(values)) // 2 * 2 + 1)[: len(values)]
    trend = np.convolve(values, window, "same") / np.convolve(np.ones_like(values), window, "same")
    left = values - trend
    return np.asarray(left - left.mean())


@cache
def month_phases(start: datetime, frequency: Frequency, periods: int) -> Floats:
    """Cosine and sine of the phase of the month, and of twice the phase, mean over the days of each period."""
    days = DAYS_OF[frequency]
    moments = [start + timedelta(days=day) for day in range(days * periods)]
    angle = np.array([2 * np.pi * (each.day - 1) / monthrange(each.year, each.month)[1] for each in moments])
    waves = [wave(times * angle) for times in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)]
    return np.asarray(np.stack(waves, axis=1).reshape(periods, days, -1).mean(axis=1))
