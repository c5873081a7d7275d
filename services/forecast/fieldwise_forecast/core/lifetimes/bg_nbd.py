"""BG/NBD: each purchase may be the last; knows no calendar and no unit of time.

Source: Fader, Hardie & Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2), equations 4, 6, 8 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, expit, gammaln, hyp2f1

from ..features import Floats
from .histories import Histories
from .likelihood import most_likely, time_scale

# Nearer to its pole than this, a formula is read beside it.
POLE = 1e-6
TINY = 1e-12
# In units of the mean age. The first has converged on every data set tried.
STARTS = tuple(
    np.array(start) for start in ((0.5, 0.5, 0.8, 2.5), (1.0, 0.5, 0.3, 3.0), (0.2, 0.1, 1.0, 1.0))
)


@dataclass(frozen=True)
class BgNbd:
    """Rates of purchase are Gamma(r, alpha) among customers, chances to leave after a purchase Beta(a, b).

    ``alpha`` is in the unit of time of the histories it was fitted on; ask with histories in the same unit.
    """

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fitted(cls, histories: Histories) -> BgNbd:
        """The most likely parameters.

        Raises:
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
        """
        scale = time_scale(histories)
        rows = histories.summary().scaled(scale)
        r, alpha, a, b = most_likely(
            lambda p: log_likelihood(p, rows), STARTS, float(rows.weights.sum())
        ).tolist()
        return cls(r, alpha / scale, a, b)

    def alive(self, histories: Histories) -> Floats:
        """Probability that he has not left, shape (n,); 1 without repeats: only a purchase can be the last."""
        odds = log_odds_of_leaving(np.array([self.r, self.alpha, self.a, self.b]), histories)
        return np.asarray(expit(-odds))

    def buys_within(self, histories: Histories, time: float) -> Floats:
        """Probability of at least one purchase within ``time`` from now, shape (n,)."""
        shape, rate = self.r + histories.repeats, self.alpha + histories.age
        return np.asarray(self.alive(histories) * -np.expm1(-shape * np.log1p(time / rate)))

    def expected(self, histories: Histories, time: float) -> Floats:
        """Expected purchases within ``time`` from now, shape (n,)."""
        # The formula has a pole at a = 1, where its limit is finite.
        a = self.a + POLE if abs(self.a - 1) < POLE else self.a
        shape, chances = self.r + histories.repeats, self.b + histories.repeats
        z = time / (self.alpha + histories.age + time)
        fading = np.exp(shape * np.log1p(-z)) * hyp2f1(shape, chances, a + chances - 1, z)
        return np.asarray((a + chances - 1) / (a - 1) * (1 - fading) * self.alive(histories))


def log_likelihood(parameters: Floats, rows: Histories) -> tuple[float, Floats]:
    """Equation 6, and its derivative by r, alpha, a and b."""
    r, alpha, a, b = parameters
    x, weights = rows.repeats, rows.weights
    log_age, log_recency = np.log(alpha + rows.age), np.log(alpha + rows.recency)
    left = log_odds_of_leaving(parameters, rows)
    stayed = expit(-left)
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * log_age + np.logaddexp(0.0, left)
    value += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    both = digamma(a + b) - digamma(a + b + x)
    fewer = np.where(x > 0, (1 - stayed) / np.maximum(b + x - 1, TINY), 0.0)
    slopes = (
        digamma(r + x) - digamma(r) + np.log(alpha) - stayed * log_age - (1 - stayed) * log_recency,
        r / alpha - (r + x) * (stayed / (alpha + rows.age) + (1 - stayed) / (alpha + rows.recency)),
        both + (1 - stayed) / a,
        both + digamma(b + x) - digamma(b) - fewer,
    )
    return float(weights @ value), np.array([weights @ slope for slope in slopes])


def log_odds_of_leaving(parameters: Floats, rows: Histories) -> Floats:
    """Log of P(left after the last purchase) / P(stayed), given the history; -inf without repeats."""
    r, alpha, a, b = parameters
    x = rows.repeats
    odds = (
        np.log(a)
        - np.log(np.maximum(b + x - 1, TINY))
        + (r + x) * np.log((alpha + rows.age) / (alpha + rows.recency))
    )
    return np.where(x > 0, odds, -np.inf)
