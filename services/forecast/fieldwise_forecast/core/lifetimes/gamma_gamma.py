"""Gamma-Gamma: what a customer spends per purchase, between his own mean and everybody's; knows no time.

Source: Fader & Hardie (2013), The Gamma-Gamma model of monetary value, equations 1a and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation

from ..features import Floats
from .likelihood import FEWEST_CUSTOMERS, most_likely

STARTS = tuple(np.array(start) for start in ((5.0, 4.0, 4.0), (1.0, 2.0, 1.0), (10.0, 2.0, 10.0)))


@dataclass(frozen=True)
class GammaGamma:
    """Spend per purchase is Gamma(p, nu), nu differs among customers as Gamma(q, v); ``v`` is in money."""

    p: float
    q: float
    v: float

    @classmethod
    def fitted(cls, purchases: Floats, mean_spend: Floats) -> GammaGamma:
        """The most likely parameters.

        Args:
            purchases: Of each customer, at least 1, shape (n,).
            mean_spend: Per purchase, above 0, shape (n,).

        Raises:
            InvalidRequest: A spend that is not above 0.
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
        """
        bad = np.flatnonzero(~(mean_spend > 0) | ~np.isfinite(mean_spend) | (purchases < 1))
        if len(bad):
            first = int(bad[0])
            remedy = "leave out customers who spent nothing"
            raise InvalidRequest([Violation.of(f"mean_spend[{first}]", float(mean_spend[first]), remedy)])
        if len(purchases) < FEWEST_CUSTOMERS:
            message = (
                f"spend cannot be fitted: {len(purchases)} customers; at least {FEWEST_CUSTOMERS} are needed"
            )
            raise FailedPrecondition("NOT_ENOUGH_HISTORY", message)
        scale = float(mean_spend.mean())
        rows = purchases, mean_spend / scale
        p, q, v = most_likely(
            lambda each: log_likelihood(each, *rows), STARTS, float(len(purchases))
        ).tolist()
        return cls(p, q, v * scale)

    def expected(self, purchases: Floats, mean_spend: Floats) -> Floats:
        """Expected spend per purchase, shape (n,): his own mean and everybody's, weighed by what is known of him.

        Raises:
            FailedPrecondition: Reason NO_MEAN, q is at most 1: spend differs too much for a mean to exist.
        """
        if self.q <= 1:
            raise FailedPrecondition(
                "NO_MEAN", f"q is {self.q:.3g}, so spend has no mean; cut off the largest purchases"
            )
        known = self.p * purchases
        return np.asarray(
            self.p * (self.v + np.where(purchases > 0, purchases * mean_spend, 0.0)) / (known + self.q - 1)
        )


def log_likelihood(parameters: Floats, purchases: Floats, mean_spend: Floats) -> tuple[float, Floats]:
    """Equation 1a, and its derivative by p, q and v."""
    p, q, v = parameters
    known = p * purchases
    spent = purchases * mean_spend
    both = np.log(v + spent)
    value = gammaln(known + q) - gammaln(known) - gammaln(q) + q * np.log(v) - (known + q) * both
    value += (known - 1) * np.log(mean_spend) + known * np.log(purchases)
    slopes = (
        purchases * (digamma(known + q) - digamma(known) + np.log(spent) - both),
        digamma(known + q) - digamma(q) + np.log(v) - both,
        q / v - (known + q) / (v + spent),
    )
    return float(value.sum()), np.array([slope.sum() for slope in slopes])
