"""The predictive distribution of a panel: quantiles, samples that add up, and what an actual changes; knows no forecaster.

A value is ``forecast + scale x G(x)`` with ``x`` a normal score (see ``error_law``). Scores start at mean 0 and variance 1;
an actual moves and narrows those of the periods after it, in its own series and, through what all share, in the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from ..features import Floats, Mask
from .coverage import Coverage
from .dependence import conditioned, root
from .error_law import ErrorLaw

# Points at which a mean is taken, in equal probabilities.
MEAN_POINTS = 99
LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Distribution:
    """Attributes:
    law: How the forecasts miss.
    forecast: Shape (n_series, horizon).
    scale: Usual size of an error, same shape.
    shift: Means of the normal scores, same shape.
    common, own: Covariances over the periods ahead of the common and of the own part, (horizon, horizon).
    coverage: Of the actuals observed so far.
    """

    law: ErrorLaw
    forecast: Floats
    scale: Floats
    shift: Floats
    common: Floats
    own: Floats
    coverage: Coverage = Coverage()

    @property
    def horizon(self) -> int:
        """Periods still ahead."""
        return int(self.forecast.shape[1])

    @property
    def variance(self) -> Floats:
        """Of the normal scores, shape (horizon,)."""
        return np.asarray(np.maximum(np.diag(self.common) + np.diag(self.own), LEAST_VARIANCE))

    def quantile(self, levels: Sequence[float]) -> Floats:
        """Shape (n_series, horizon, n_levels)."""
        spread = np.sqrt(self.variance)[None, :, None] * ndtri(np.asarray(levels))
        return self.value(self.shift[:, :, None] + spread, self.forecast[:, :, None], self.scale[:, :, None])

    def cdf(self, values: Floats) -> Floats:
        """Probability of less than or as much as ``values``, shape (n_series, horizon); NaN stays."""
        scores = self.law.scores((values - self.forecast) / self.scale)
        found = ndtr((scores - self.shift) / np.sqrt(self.variance))
        return np.where(values < 0, 0.0, found) if self.law.never_negative else np.asarray(found)

    def mean(self) -> Floats:
        """Shape (n_series, horizon)."""
        levels = [(point + 0.5) / MEAN_POINTS for point in range(MEAN_POINTS)]
        return np.asarray(self.quantile(levels).mean(axis=2))

    def value(self, scores: Floats, forecast: Floats, scale: Floats) -> Floats:
        """Values of normal scores; the arrays broadcast."""
        found = forecast + scale * self.law.errors(scores)
        return np.asarray(np.maximum(found, 0.0) if self.law.never_negative else found)

    def of(self, series: Sequence[int]) -> Distribution:
        """The same of some series only."""
        rows = np.asarray(series, dtype=np.int64)
        return replace(self, forecast=self.forecast[rows], scale=self.scale[rows], shift=self.shift[rows])

    def samples(
        self,
        count: int,
        seed: int,
        series: Sequence[int] | None = None,
        periods: Sequence[int] | None = None,
    ) -> Floats:
        """Draws, shape (count, n_series, n_periods) of the chosen ones. They hang together, so sums are right.

        Drawn in pairs of opposite scores; ``count`` is rounded up to an even number.
        """
        rows = np.arange(len(self.forecast)) if series is None else np.asarray(series, dtype=np.int64)
        columns = np.arange(self.horizon) if periods is None else np.asarray(periods, dtype=np.int64)
        rng, half = np.random.default_rng(seed), (count + 1) // 2
        square = np.ix_(columns, columns)
        common = rng.standard_normal((half, 1, len(columns))) @ root(self.common[square]).T
        own = rng.standard_normal((half, len(rows), len(columns))) @ root(self.own[square]).T
        scores = np.concatenate([common + own, -common - own])
        chosen = np.ix_(rows, columns)
        return self.value(scores + self.shift[chosen], self.forecast[chosen], self.scale[chosen])

    def observe(self, actual: Floats) -> Distribution:
        """The distribution of the periods left, after the next one came: ``actual``, shape (n_series,), NaN unknown."""
        errors, ranks = self.standing(actual)
        law = self.law.observed(errors, ranks)
        return replace(self.after(actual), law=law, coverage=self.coverage.counted(ranks))

    def standing(self, actual: Floats) -> tuple[Floats, Floats]:
        """Standardised error of the next period, and its rank: the probability given to less, in [0, 1]."""
        errors = (actual - self.forecast[:, 0]) / self.scale[:, 0]
        scores = (self.law.scores(errors) - self.shift[:, 0]) / np.sqrt(self.variance[0])
        ranks = np.asarray(ndtr(scores))
        if self.law.never_negative:
            # A quantile of 0 stands for all below it: an actual of 0 is not above it.
            ranks = np.where(actual <= 0, np.minimum(ranks, 0.5), ranks)
        return errors, ranks

    def after(self, actual: Floats) -> Distribution:
        """The periods left, given the next one; the law stays."""
        seen = self.law.scores((actual - self.forecast[:, 0]) / self.scale[:, 0]) - self.shift[:, 0]
        known = ~np.isnan(seen)
        count = int(known.sum())
        if not count:
            rest = slice(1, None)
            common, own, moved = (
                self.common[rest, rest],
                self.own[rest, rest],
                np.zeros_like(self.shift[:, 1:]),
            )
        else:
            moved, common, own = self.learned(seen, known, count)
        return replace(
            self,
            forecast=self.forecast[:, 1:],
            scale=self.scale[:, 1:],
            shift=self.shift[:, 1:] + moved,
            common=common,
            own=own,
        )

    def learned(self, seen: Floats, known: Mask, count: int) -> tuple[Floats, Floats, Floats]:
        """What the scores of one period say of the rest: means to add, and the covariances left.

        The mean of all series and each one's distance from it are independent, so each is conditioned by itself.
        """
        middle = float(seen[known].mean())
        together, joint = conditioned(self.common + self.own / count, np.array([middle]))
        alone, own = conditioned(self.own, np.where(known, seen - middle, 0.0))
        # The covariance of the mean keeps 1/count of the own part, which is not common.
        common = joint - own / count
        return together + alone, common, own


def issue(law: ErrorLaw, history: Floats, forecast: Floats) -> Distribution:
    """The distribution of forecasts (n_series, horizon) made from the end of ``history`` (n_series, n_periods)."""
    common, own = law.joint.covariances(forecast.shape[1])
    return Distribution(law, forecast, law.scale(history, forecast), np.zeros_like(forecast), common, own)
