"""Pareto/NBD, and its extension to customers who leave and still return; knows no calendar and no unit of time.

Each customer buys at a rate of his own until, at a rate of his own, he leaves. In the Pareto/NBD he never buys again. Here he
goes on at a share of his rate, the same for all: ``returning`` (0 is the Pareto/NBD). The likelihood is integrated over the
moment of leaving, which needs no special function and has exact gradients.

Source: Schmittlein, Morrison & Colombo (1987), Counting your customers, Management Science 33(1); the integral over the moment
of leaving as in Fader & Hardie (2005), A note on deriving the Pareto/NBD model, equation 22. The extension is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from ..features import Floats
from .histories import Histories
from .likelihood import most_likely, time_scale
from .segments import Segments, all_stretches, last_stretch

STARTS = tuple(
    np.array(start) for start in ((0.6, 0.35, 0.6, 0.35), (1.0, 1.0, 1.0, 1.0), (0.3, 0.1, 0.3, 0.1))
)
RETURNING_START = 0.12
TINY = 1e-12
# Odds beyond e^600 are certainty; a sum of them still fits a double.
LARGEST_LOG = 600.0
# Points of the moment of leaving within a horizon.
POINTS = 12


@dataclass(frozen=True)
class ParetoNbd:
    """Rates of purchase are Gamma(r, alpha) among customers, rates of leaving Gamma(s, beta).

    ``alpha`` and ``beta`` are in the unit of time of the histories it was fitted on; ask with histories in the same unit.
    """

    r: float
    alpha: float
    s: float
    beta: float
    returning: float = 0.0

    @classmethod
    def fitted(cls, histories: Histories) -> ParetoNbd:
        """The most likely parameters when nobody returns.

        Raises:
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
        """
        scale = time_scale(histories)
        rows = histories.summary().scaled(scale)
        stretches = last_stretch(rows)

        def log_likelihood(parameters: Floats) -> tuple[float, Floats]:
            value, slope = likelihood(np.append(parameters, 0.0), rows, stretches)
            return value, slope[:4]

        r, alpha, s, beta = most_likely(log_likelihood, STARTS, float(rows.weights.sum())).tolist()
        return cls(r, alpha / scale, s, beta / scale)

    @classmethod
    def with_returns(cls, histories: Histories) -> ParetoNbd:
        """The most likely parameters when those who left may return. The histories must have times.

        Raises:
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
        """
        scale = time_scale(histories)
        rows = histories.shortened().scaled(scale)
        stretches = all_stretches(rows)
        starts = [np.append(start, RETURNING_START) for start in STARTS]
        found = most_likely(lambda p: likelihood(p, rows, stretches), starts, float(rows.weights.sum()))
        r, alpha, s, beta, returning = found.tolist()
        return cls(r, alpha / scale, s, beta / scale, returning)

    def alive(self, histories: Histories) -> Floats:
        """Probability that he has not left, shape (n,)."""
        return self._posterior(histories)[0]

    def expected(self, histories: Histories, time: float) -> Floats:
        """Expected purchases within ``time`` from now, shape (n,)."""
        return self._mixed(histories, time, 1.0, lambda shape, rate: shape / rate)

    def buys_within(self, histories: Histories, time: float) -> Floats:
        """Probability of at least one purchase within ``time`` from now, shape (n,)."""
        return self.more_than(histories, time, 1)[:, 0]

    def more_than(self, histories: Histories, time: float, most: int, level: float = 1.0) -> Floats:
        """Probability of more than k purchases within ``time`` from now, for every k below ``most``: shape (n, most).

        The rates of those who left are taken as Gamma with the mean of their mixture. All rates are multiplied by ``level``.
        """
        return self._mixed(histories, time, level, lambda shape, rate: exceeding(shape, rate, most)).T

    def _mixed(
        self, histories: Histories, time: float, level: float, answer: Callable[[Floats, Floats], Floats]
    ) -> Floats:
        """Mean over all that may have happened and may happen.

        ``answer`` gets the shape and the rate of Gamma-distributed expected purchases; its last axis is the customers.
        """
        alive, rate_of_left = self._posterior(histories)
        shape, rate, waited = (
            self.r + histories.repeats,
            self.alpha + histories.age,
            self.beta + histories.age,
        )
        stays = np.exp(-self.s * np.log1p(time / waited))
        answers = alive * stays * answer(shape, rate / (level * time))
        places, shares = np.polynomial.legendre.leggauss(POINTS)
        for leaves, share in zip(time * (places + 1) / 2, time * shares / 2, strict=True):
            density = self.s / waited * np.exp(-(self.s + 1) * np.log1p(leaves / waited))
            exposure = level * (leaves + self.returning * (time - leaves))
            answers += alive * share * density * answer(shape, rate / exposure)
        if self.returning:
            answers += (1 - alive) * answer(shape, rate_of_left / (level * self.returning * time))
        return np.asarray(answers)

    def _posterior(self, histories: Histories) -> tuple[Floats, Floats]:
        """Probability that he has not left, and of those who left the Gamma rate of the rate they had before."""
        parameters = np.array([self.r, self.alpha, self.s, self.beta, self.returning])
        stretches = all_stretches(histories) if self.returning else last_stretch(histories)
        alive, left, rates = weighed(parameters, histories, stretches)
        gone = 1 - alive
        mean = stretches.summed(left / rates) / np.maximum(gone, TINY)
        return alive, np.where(gone > TINY, 1 / np.maximum(mean, TINY), self.alpha + histories.age)


def exceeding(shape: Floats, rate: Floats, most: int) -> Floats:
    """P(more than k) for k below ``most`` when the mean is Gamma(shape, rate), shape (most, n): a negative binomial."""
    share = 1 / (1 + rate)
    chance = np.exp(shape * np.log1p(-share))
    above = np.empty((most, len(shape)))
    for k in range(most):
        above[k] = 1 - chance if k == 0 else above[k - 1] - chance
        chance = chance * (shape + k) / (k + 1) * share
    return np.maximum(above, 0.0)


def likelihood(parameters: Floats, rows: Histories, stretches: Segments) -> tuple[float, Floats]:
    """The log-likelihood, and its derivative by r, alpha, s, beta and returning."""
    r, alpha, s, beta, returning = parameters
    x, age, weights = rows.repeats, rows.age, rows.weights
    shape, owner, time = r + x, stretches.owner, stretches.time
    log_stayed = -s * np.log1p(age / beta)
    alive, left, rates = weighed(parameters, rows, stretches)
    value = gammaln(shape) - gammaln(r) - r * np.log1p(age / alpha) - x * np.log(alpha + age)
    value += log_stayed - np.log(alive)
    own_shape, own_age = shape[owner][:, None], age[owner][:, None]
    inverse, gone = left / rates, stretches.summed(left)
    by_shape = stretches.summed(left * np.log(rates)) + alive * np.log(alpha + age)
    by_leaving = stretches.summed(left * np.log1p(time / beta)) + alive * np.log1p(age / beta)
    slopes = [
        digamma(shape) - digamma(r) + np.log(alpha) - by_shape,
        r / alpha - shape * (alive / (alpha + age) + stretches.summed(inverse)),
        gone / s - by_leaving,
        s * age / (beta * (beta + age)) * alive
        + stretches.summed(left * (s / beta - (s + 1) / (beta + time))),
        np.zeros(len(x)),
    ]
    if returning:
        thinned = left * stretches.after[:, None] / returning - inverse * own_shape * (own_age - time)
        slopes[4] = stretches.summed(thinned)
    return float(weights @ value), np.array([weights @ slope for slope in slopes])


def weighed(parameters: Floats, rows: Histories, stretches: Segments) -> tuple[Floats, Floats, Floats]:
    """What the history says of the moment of leaving.

    Returns:
        Probability that he has not left, shape (n,); that he left at each point, shape (m, points); and the rate of the
        Gamma distribution of his rate of purchase if he left then, shape (m, points).
    """
    r, alpha, s, beta, returning = parameters
    owner, time = stretches.owner, stretches.time
    age = rows.age[owner][:, None]
    rates = alpha + time + returning * (age - time)
    # Against having stayed: the likelihoods themselves are too small for a double.
    logs = -(r + rows.repeats[owner])[:, None] * np.log(rates / (alpha + age))
    logs += s * np.log((beta + age) / (beta + time)) - np.log(beta + time)
    share = stretches.after * np.log(returning) if returning else np.zeros(len(owner))
    odds = np.exp(np.minimum(logs + share[:, None], LARGEST_LOG)) * stretches.width * s
    stayed = 1 / (1 + stretches.summed(odds))
    return stayed, odds * stayed[owner][:, None], rates
