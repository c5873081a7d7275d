"""Forecasts issued every period and met by actuals: what is open, what came true, and the law that learns; knows no forecaster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..features import Floats
from .coverage import Coverage
from .distribution import Distribution, issue
from .error_law import ErrorLaw


@dataclass(frozen=True)
class Rolling:
    """Attributes:
    law: How the forecasts miss, after all that was observed.
    open: Issued and not yet over, oldest first.
    coverage: Of all actuals against all forecasts that were open for them.
    """

    law: ErrorLaw
    open: tuple[Distribution, ...] = ()
    coverage: Coverage = Coverage()

    @classmethod
    def begin(cls, law: ErrorLaw) -> Rolling:
        return cls(law)

    @property
    def latest(self) -> Distribution:
        """The distribution issued last."""
        return self.open[-1]

    def issued(self, history: Floats, forecast: Floats) -> Rolling:
        """With forecasts (n_series, horizon) made from the end of ``history``."""
        return replace(self, open=(*self.open, issue(self.law, history, forecast)))

    def observe(self, actual: Floats) -> Rolling:
        """After the next period, shape (n_series,), NaN unknown. The law learns once from all open forecasts.

        Ranks are those the forecasts had when they were issued, so that intervals are judged as they were given.
        """
        standings = [each.standing(actual) for each in self.open]
        if not standings:
            return self
        errors = np.stack([error for error, _ in standings])
        ranks = np.stack([rank for _, rank in standings])
        left = tuple(rest(each) for each in self.open if each.horizon > 1)
        return Rolling(self.law.observed(errors, ranks), left, self.coverage.counted(ranks))


def rest(each: Distribution) -> Distribution:
    """The periods left as they were issued: not conditioned on what came."""
    return replace(
        each,
        forecast=each.forecast[:, 1:],
        scale=each.scale[:, 1:],
        shift=each.shift[:, 1:],
        common=each.common[1:, 1:],
        own=each.own[1:, 1:],
    )
