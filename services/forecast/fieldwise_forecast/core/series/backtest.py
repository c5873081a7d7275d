"""The lift over naive on rolling origins, with its interval; knows no category and no forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features import Floats

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
    coverage90: float = 0.0


def naive_from(weeks: Floats, origins: Sequence[int], horizon: int) -> Floats:
    """Every week ahead like the last one known at each origin, shape (n_origins, n_series, horizon)."""
    return np.stack([np.repeat(weeks[:, origin - 1 : origin], horizon, axis=1) for origin in origins])


def lift(actual: Floats, forecast: Floats, naive: Floats, ranks: Floats, seed: int) -> Lift:
    """Compare on the same weeks; all arrays have shape (n_origins, n_series, horizon).

    Args:
        ranks: The probability that was given to less than each actual.
    """
    ours, theirs = (np.abs(actual - made).sum(axis=(0, 2)) for made in (forecast, naive))
    sums = np.stack([ours, theirs, actual.sum(axis=(0, 2))])
    low, high = resampled_lift(sums, seed)
    missed, naive_missed, sold = sums.sum(axis=1)
    outside = np.abs(ranks - 0.5)
    return Lift(
        lift_vs_naive=float((naive_missed - missed) / sold),
        low95=low,
        high95=high,
        accuracy=float(1 - missed / sold),
        naive_accuracy=float(1 - naive_missed / sold),
        coverage80=float((outside <= 0.4).mean()),
        series=actual.shape[1],
        origins=actual.shape[0],
        coverage90=float((outside <= 0.45).mean()),
    )


def resampled_lift(sums: Floats, seed: int) -> tuple[float, float]:
    """95 % interval of the lift by drawing series with replacement; ``sums`` is (ours, naive's, actual) by series."""
    drawn = np.random.default_rng(seed).integers(0, sums.shape[1], size=(RESAMPLES, sums.shape[1]))
    ours, theirs, actual = (part[drawn].sum(axis=1) for part in sums)
    low, high = np.quantile((theirs - ours) / np.maximum(actual, 1e-9), [0.025, 0.975])
    return float(low), float(high)


def wape_by_series(actual: Floats, forecast: Floats) -> Floats:
    """WAPE of each series over origins and weeks; without any sales 0 when nothing was forecast, else 1."""
    missed, sold = np.abs(actual - forecast).sum(axis=(0, 2)), actual.sum(axis=(0, 2))
    return np.asarray(np.where(sold > 0, missed / np.maximum(sold, 1e-9), np.sign(missed)))
