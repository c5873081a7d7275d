"""Rolling origins: errors, calibrated intervals, and the lift over naive on weeks not seen; knows no category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .features import Floats
from .series import Level, naive, restlessness

COVERAGE = 0.8
RESAMPLES = 2000


@dataclass(frozen=True)
class Lift:
    """How much better than naive, on weeks the model had not seen; accuracy is 1 - WAPE, pooled."""

    lift_vs_naive: float
    low95: float
    high95: float
    accuracy: float
    naive_accuracy: float
    coverage80: float
    series: int
    origins: int


def errors(weeks: Floats, level: Level, origin: int, horizon: int) -> Floats:
    """Actual less forecast for each series and week ahead, shape (n_series, horizon); sees weeks[:, :origin] only."""
    return weeks[:, origin : origin + horizon] - level(weeks[:, :origin])[:, None]


def wape(weeks: Floats, level: Level, origins: Sequence[int], horizon: int) -> float:
    """Sum of absolute errors over sum of actuals, pooled over series and origins."""
    missed = sum(float(np.abs(errors(weeks, level, origin, horizon)).sum()) for origin in origins)
    actual = sum(float(weeks[:, origin : origin + horizon].sum()) for origin in origins)
    return missed / actual


def half_widths(weeks: Floats, level: Level, origins: Sequence[int], steps: int) -> Floats:
    """Half the width of the 80 % interval in units of restlessness, for each step ahead, shape (steps,).

    Split conformal: the 0.8 quantile of scaled absolute errors over earlier origins whose week h has come (before
    column ``weeks.shape[1]``). Never narrower further ahead.

    Source: Lei et al. (2018), Distribution-free predictive inference for regression, algorithm 2.
    """
    known = weeks.shape[1]
    scaled: list[list[Floats]] = [[] for _ in range(steps)]
    for origin in origins:
        ahead = min(steps, known - origin)
        missed = np.abs(errors(weeks, level, origin, ahead)) / restlessness(weeks[:, :origin])[:, None]
        for step in range(ahead):
            scaled[step].append(missed[:, step])
    return np.maximum.accumulate([conformal(np.concatenate(parts)) if parts else 0.0 for parts in scaled])


def conformal(scores: Floats) -> float:
    """The smallest score that at least 80 % of the scores and of one more do not pass."""
    rank = min(int(np.ceil(COVERAGE * (len(scores) + 1))), len(scores))
    return float(np.partition(scores, rank - 1)[rank - 1])


def covered(weeks: Floats, level: Level, origin: int, horizon: int, earlier: Sequence[int]) -> Floats:
    """Which actual weeks fall inside intervals made at ``origin``, shape (n_series, horizon), as 0 and 1."""
    seen = weeks[:, :origin]
    width = half_widths(seen, level, earlier, horizon) * restlessness(seen)[:, None]
    return np.asarray(np.abs(errors(weeks, level, origin, horizon)) <= width, dtype=np.float64)


def lift(weeks: Floats, level: Level, origins: Sequence[int], horizon: int, first: int, seed: int) -> Lift:
    """Test on rolling origins; intervals of each are calibrated on the origins from ``first`` before it."""
    ours = np.zeros((len(weeks), len(origins)))
    theirs, actual, inside = np.zeros_like(ours), np.zeros_like(ours), np.zeros_like(ours)
    for i, origin in enumerate(origins):
        ours[:, i] = np.abs(errors(weeks, level, origin, horizon)).sum(axis=1)
        theirs[:, i] = np.abs(errors(weeks, naive, origin, horizon)).sum(axis=1)
        actual[:, i] = weeks[:, origin : origin + horizon].sum(axis=1)
        inside[:, i] = covered(weeks, level, origin, horizon, range(first, origin)).mean(axis=1)
    sums = np.stack([part.sum(axis=1) for part in (ours, theirs, actual)])
    low, high = resampled_lift(sums, seed)
    missed, naive_missed, sold = sums.sum(axis=1)
    return Lift(
        lift_vs_naive=float((naive_missed - missed) / sold),
        low95=low,
        high95=high,
        accuracy=float(1 - missed / sold),
        naive_accuracy=float(1 - naive_missed / sold),
        coverage80=float(inside.mean()),
        series=len(weeks),
        origins=len(origins),
    )


def resampled_lift(sums: Floats, seed: int) -> tuple[float, float]:
    """95 % interval of the lift by drawing series with replacement; ``sums`` is (ours, naive's, actual) by series."""
    drawn = np.random.default_rng(seed).integers(0, sums.shape[1], size=(RESAMPLES, sums.shape[1]))
    ours, theirs, actual = (part[drawn].sum(axis=1) for part in sums)
    low, high = np.quantile((theirs - ours) / np.maximum(actual, 1e-9), [0.025, 0.975])
    return float(low), float(high)
