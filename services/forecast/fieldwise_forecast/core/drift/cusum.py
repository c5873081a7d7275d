"""Cumulative sums of standardised errors: since when has a level moved? Knows no series by name and no forecaster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats, Mask

# A shift of 1 sd is what the sums are most sensitive to. With this limit there is at most one false alarm in a
# series-year of 52 weeks, for errors as heavy-tailed as Student's t with 5 degrees of freedom (benchmarks/forecast/gate.py).
SLACK = 0.5
LIMIT = 3.2
# A single Christmas must not pass for a new level.
CLIP = 3.0


@dataclass(frozen=True)
class Watch:
    """What the sums say after the last period, for each series.

    Attributes:
        score: Larger of the upward and the downward sum, in units of the limit: 1 and more is an alarm; shape (n_series,).
        since: Index of the period at which the larger sum began to grow; the number of periods where it is 0.
        alarms: Periods at which a sum passed the limit, shape (n_series, n_periods).
    """

    score: Floats
    since: Floats
    alarms: Mask

    @property
    def moved(self) -> Mask:
        """Series that stand at an alarm, shape (n_series,)."""
        return np.asarray(self.score >= 1)


def watch(errors: Floats, *, restart: bool = False) -> Watch:
    """Two-sided sums over standardised errors (above 0: more came than was forecast), shape (n_series, n_periods).

    A missing error (NaN) changes nothing. With ``restart`` the sums begin anew after each alarm, as after a retraining;
    without, they stand at the alarm until somebody retrains.

    Source: Page (1954), Continuous inspection schemes, Biometrika 41; Montgomery (2013), Introduction to Statistical
    Quality Control, section 9.1 (tabular form).
    """
    n, periods = errors.shape
    sums = np.zeros((2, n))
    begins = np.zeros((2, n))
    alarms = np.zeros((n, periods), dtype=bool)
    held = np.zeros(n)
    off = np.clip(np.nan_to_num(errors), -CLIP, CLIP)
    for period in range(periods):
        known = np.isfinite(errors[:, period])
        grown = np.maximum(sums + np.stack([off[:, period], -off[:, period]]) - SLACK, 0.0)
        begins = np.where((sums <= 0) & (grown > 0) & known, period, begins)
        sums = np.where(known, grown, sums)
        alarms[:, period] = known & (sums.max(axis=0) >= LIMIT)
        held = np.maximum(held, sums.max(axis=0))
        if restart:
            sums[:, alarms[:, period]] = 0.0
    score = (sums.max(axis=0) if restart else np.where(held >= LIMIT, held, sums.max(axis=0))) / LIMIT
    larger = sums.argmax(axis=0)
    since = np.where(sums.max(axis=0) > 0, begins[larger, np.arange(n)], periods)
    return Watch(score, since, alarms)
