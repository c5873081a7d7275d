"""Whether a model has drifted, from how it did since it was fitted; knows no registry and no clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ..features import Floats
from ..versions import Realised
from .cusum import Watch, watch
from .stability import MOVED

# Share of a standardised error's variance that all series have in common in a week: what makes a mean of many series
# stray in spite of their number. Usual value (Complete Journey's weekly errors).
COMMON = 0.1
NAMED = 10


@dataclass(frozen=True)
class Drift:
    """What the watch says.

    Attributes:
        score: Cumulative sum of the pooled errors, in units of its limit: 1 and more is an alarm.
        series: Series whose own level has moved, largest sum first.
        stability: Stability index of the newest scores against those of the training; NaN for series.
        since: Begin of the period since when it has been moving; None without an alarm.
    """

    alarm: bool
    score: float
    series: tuple[str, ...] = ()
    stability: float = math.nan
    since: datetime | None = None


def drift_of(periods: Sequence[Realised]) -> Drift:
    """Drift over the periods since the model was last fitted in full, oldest first."""
    if not periods:
        return Drift(False, 0.0)
    names = list(dict.fromkeys(name for period in periods for name in period.errors))
    errors = np.array([[period.errors.get(name, np.nan) for period in periods] for name in names])
    errors = errors.reshape(len(names), len(periods))
    all_of_it, each = watch(pooled(errors)), watch(errors)
    stability = periods[-1].stability
    score = max(float(all_of_it.score[0]), 0.0 if math.isnan(stability) else stability / MOVED)
    begun = int(all_of_it.since[0])
    return Drift(
        alarm=score >= 1,
        score=score,
        series=moved(names, each),
        stability=stability,
        since=periods[min(begun, len(periods) - 1)].begin if score >= 1 else None,
    )


def pooled(errors: Floats) -> Floats:
    """The mean error of each period, brought back to variance 1, shape (1, n_periods); NaN without any."""
    count = np.isfinite(errors).sum(axis=0)
    mean = np.nansum(errors, axis=0) / np.maximum(count, 1)
    scale = np.sqrt(COMMON + (1 - COMMON) / np.maximum(count, 1))
    return np.asarray(np.where(count > 0, mean / scale, np.nan))[None, :]


def moved(names: Sequence[str], each: Watch) -> tuple[str, ...]:
    order = np.argsort(-each.score, kind="stable")
    return tuple(names[i] for i in order if each.moved[i] and names[i])[:NAMED]
