"""How the errors of one panel hang together: over the periods ahead, and between series; knows no forecaster.

Errors are taken as normal scores. Each is the sum of a part that all series share (a cold week, a holiday) and one of its
own; both remember over the periods ahead. One number says how much is shared, and a correlation by lag says how each part
remembers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..features import Floats

# Few origins say little of what is shared: they are weighed against these.
PRIOR_ORIGINS, PRIOR_SHARED = 2.0, 0.05
PRIOR_SHARED_LAGS = 8.0
MOST_SHARED = 0.9
# A level that was forecast wrongly stays wrong: what lags are supposed to be before windows are seen, and how many windows
# of one series that supposition weighs.
PRIOR_LAG, PRIOR_WINDOWS = 0.3, 10.0


@dataclass(frozen=True)
class Dependence:
    """Attributes:
    shared: Share of the variance of a normal score that all series have in common, in [0, 0.9].
    shared_lags: Correlation of the common part by periods apart, from 0 on; beyond the last the last holds.
    own_lags: The same of a series' own part.
    """

    shared: float
    shared_lags: tuple[float, ...]
    own_lags: tuple[float, ...]

    def covariances(self, horizon: int) -> tuple[Floats, Floats]:
        """Of the common and of the own part over the periods ahead, each of shape (horizon, horizon)."""
        common, own = correlation(self.shared_lags, horizon), correlation(self.own_lags, horizon)
        return self.shared * common, (1 - self.shared) * own

    def to_plain(self) -> dict[str, Any]:
        return {
            "shared": self.shared,
            "shared_lags": list(self.shared_lags),
            "own_lags": list(self.own_lags),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Dependence:
        return cls(plain["shared"], tuple(plain["shared_lags"]), tuple(plain["own_lags"]))


def dependence(scores: Floats, windows: float) -> Dependence:
    """From normal scores of past errors, shape (n_origins, n_series, horizon), NaN where the actual is missing.

    Args:
        windows: How many windows of one series they are worth; those of neighbouring origins overlap.
    """
    known = ~np.isnan(scores)
    counts = np.maximum(known.sum(axis=1), 1)
    common = np.where(known, scores, 0.0).sum(axis=1) / counts
    own = np.where(known, scores - common[:, None, :], np.nan)
    if scores.shape[1] == 1:
        # With one series everything is its own.
        own_lags = supposed(by_lag(scores), windows)
        return Dependence(0.0, own_lags, own_lags)
    own_lags = supposed(by_lag(own), windows)
    total = float(np.nanmean(scores**2)) if known.any() else 1.0
    series = float(counts[known.any(axis=1)].mean()) if known.any() else 1.0
    seen = np.where(known.any(axis=1), common, np.nan)
    ratio = float(np.nanmean(seen**2)) / max(total, 1e-12) if known.any() else 0.0
    found = (series * ratio - 1) / max(series - 1, 1.0)
    origins = len(scores)
    shared = (origins * found + PRIOR_ORIGINS * PRIOR_SHARED) / (origins + PRIOR_ORIGINS)
    weight = origins / (origins + PRIOR_SHARED_LAGS)
    pairs = zip(by_lag(seen[:, None, :]), own_lags, strict=True)
    shared_lags = tuple(weight * a + (1 - weight) * b for a, b in pairs)
    return Dependence(float(np.clip(shared, 0.0, MOST_SHARED)), shared_lags, own_lags)


def supposed(lags: Sequence[float], windows: float) -> tuple[float, ...]:
    """Correlations by lag, drawn to what is supposed where few windows were seen."""
    weight = windows / (windows + PRIOR_WINDOWS)
    return (1.0, *(weight * lag + (1 - weight) * PRIOR_LAG for lag in lags[1:]))


def by_lag(scores: Floats) -> tuple[float, ...]:
    """Correlation of scores of one origin by how many periods they lie apart, in [-0.95, 0.99]; 0 where none is known."""
    variance = mean_known(scores**2)
    lags = [1.0]
    for lag in range(1, scores.shape[2]):
        product = mean_known(scores[:, :, :-lag] * scores[:, :, lag:])
        lags.append(float(np.clip(product / max(variance, 1e-12), -0.95, 0.99)))
    return tuple(lags)


def mean_known(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0


@lru_cache(maxsize=64)
def correlation(lags: Sequence[float], horizon: int) -> Floats:
    """The nearest-by correlation matrix with these lags: negative eigenvalues are cut, the diagonal is set to 1."""
    apart = np.abs(np.subtract.outer(np.arange(horizon), np.arange(horizon)))
    raw = np.asarray(lags)[np.minimum(apart, len(lags) - 1)]
    values, vectors = np.linalg.eigh(raw)
    mended = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    size = np.sqrt(np.diag(mended))
    return np.asarray(mended / np.outer(size, size))


def conditioned(covariance: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """What the first period says of the rest.

    Args:
        covariance: Shape (horizon, horizon).
        seen: How far the first period lay from its mean, shape (n,).
    Returns:
        Means to add to the other periods, shape (n, horizon - 1), and their covariance.
    """
    if covariance[0, 0] <= 1e-12:
        return np.zeros((len(seen), len(covariance) - 1)), covariance[1:, 1:]
    slope = covariance[1:, 0] / covariance[0, 0]
    return np.outer(seen, slope), covariance[1:, 1:] - np.outer(slope, covariance[0, 1:])


def root(covariance: Floats) -> Floats:
    """A matrix whose product with its transpose is the covariance, also where that is singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
