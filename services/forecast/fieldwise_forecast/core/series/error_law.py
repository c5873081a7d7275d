"""How the forecasts of a panel miss: scale, shape, dependence; learned from a backtest and kept up with every actual; knows no forecaster.

An error is ``scale x G(x)``: the scale belongs to a series and a period ahead, ``G`` is one curve for the panel that turns
a normal score into a standardised error, so both tails are as they were, and the normal scores hang together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtr

from ..features import Floats, Mask
from .dependence import Dependence, dependence
from .spread import UNLEARNED, fitted, scales
from .traits import traits

# Standardised errors are counted in bins, fine in the middle.
REACH, BINS, FINE = 60.0, 400, 0.3
EDGES = FINE * np.sinh(np.linspace(-np.arcsinh(REACH / FINE), np.arcsinh(REACH / FINE), BINS + 1))
# Before errors are seen the curve is Student's t with 5 degrees of freedom and a mean absolute error of 1; it weighs as
# much as this many periods of one series. A period counts once, from however many origins it was forecast.
PRIOR_ERRORS = 30.0
FREEDOM, MEAN_OF_T = 5, 0.949
# Errors of a year ago count half.
FORGET = 0.5 ** (1 / 52)
# Normal scores beyond are taken for these.
MOST = 4.0
# How fast the ends of the intervals follow what falls outside the 80 % interval, and how fast that is forgotten.
GAIN, KEEP, FEW_SERIES = 0.05, 0.98, 10.0
SIDE = 0.1


@dataclass(frozen=True)
class ErrorLaw:
    """Attributes:
    spread: Coefficients of the scale, see ``spread``.
    counts: How many standardised errors fell into each bin, shape (BINS,), forgetting.
    below, above: Logarithm by which errors below and above the median are stretched: the adaptive level.
    joint: How normal scores hang together.
    never_negative: Values are at least 0.
    """

    spread: tuple[float, ...]
    counts: Floats
    joint: Dependence
    never_negative: bool
    below: float = 0.0
    above: float = 0.0

    @cached_property
    def curve(self) -> tuple[Floats, Floats]:
        """Normal scores and the standardised errors that belong to them, both ascending."""
        masses = np.r_[0.0, np.cumsum(self.counts + PRIOR_ERRORS * PRIOR_MASSES)]
        scores: Floats = ndtri(np.clip(masses / masses[-1], 1e-9, 1 - 1e-9))
        inside: Mask = np.abs(scores) < MOST
        middle = float(np.interp(0.0, scores, EDGES))
        stretch: Floats = np.exp(
            np.array([self.below, self.above])[np.greater(EDGES, middle).astype(np.int64)]
        )
        return scores[inside], (stretch * (EDGES - middle) + middle)[inside]

    def errors(self, scores: Floats) -> Floats:
        """Standardised errors of normal scores; beyond the known the tails go on as straight lines."""
        x, z = self.curve
        tails = slope(x, z)
        inside = np.interp(scores, x, z)
        beyond = np.minimum(scores - x[0], 0.0) * tails[0] + np.maximum(scores - x[-1], 0.0) * tails[1]
        return np.asarray(inside + beyond)

    def scores(self, errors: Floats) -> Floats:
        """Normal scores of standardised errors, in [-MOST, MOST]; NaN stays."""
        x, z = self.curve
        tails = slope(x, z)
        beyond = np.minimum(errors - z[0], 0.0) / tails[0] + np.maximum(errors - z[-1], 0.0) / tails[1]
        return np.asarray(np.clip(np.interp(errors, z, x) + beyond, -MOST, MOST))

    def scale(self, history: Floats, forecast: Floats) -> Floats:
        """Usual size of an error, shape (n_series, horizon), in the unit of the series."""
        return scales(self.spread, traits(history), forecast)

    def observed(self, errors: Floats, ranks: Floats) -> ErrorLaw:
        """The law after one more period.

        Args:
            errors: Standardised errors of that period by all forecasts made for it, shape (..., n_series), NaN left out.
            ranks: The probability each forecast gave to less than what came, same shape.
        """
        known = ranks[~np.isnan(ranks)]
        if not known.size:
            return self
        series = ranks.shape[-1]
        rate = GAIN * series / (series + FEW_SERIES)
        below = KEEP * self.below + rate * (float((known < SIDE).mean()) - SIDE)
        above = KEEP * self.above + rate * (float((known > 1 - SIDE).mean()) - SIDE)
        fresh = counted(errors) * (series / ranks.size)
        return replace(self, counts=FORGET * self.counts + fresh, below=below, above=above)

    def to_plain(self) -> dict[str, Any]:
        return {
            "spread": list(self.spread),
            "counts": self.counts.tolist(),
            "joint": self.joint.to_plain(),
            "never_negative": self.never_negative,
            "below": self.below,
            "above": self.above,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ErrorLaw:
        counts = np.asarray(plain["counts"], dtype=np.float64)
        joint = Dependence.from_plain(plain["joint"])
        return cls(
            tuple(plain["spread"]), counts, joint, plain["never_negative"], plain["below"], plain["above"]
        )


def learn(
    values: Floats, origins: Sequence[int], forecast: Floats, *, never_negative: bool = True
) -> ErrorLaw:
    """The law of the errors of a backtest.

    Args:
        values: All that is known, shape (n_series, n_periods), NaN where missing; errors are taken where they are known.
        origins: How many periods were known at each origin.
        forecast: Made at each origin, shape (n_origins, n_series, horizon); NaN rows are left out.
    """
    horizon = forecast.shape[2]
    missed = np.stack(
        [ahead(values, origin, horizon) - made for origin, made in zip(origins, forecast, strict=True)]
    )
    seen = [traits(values[:, :origin]) for origin in origins]
    features = np.stack([each.features(made) for each, made in zip(seen, forecast, strict=True)])
    restlessness = np.stack([each.restlessness for each in seen])[:, :, None]
    worth = distinct_share(missed, origins)
    spread = fitted(features, np.abs(missed) / restlessness, worth)
    scale = np.stack([scales(spread, each, made) for each, made in zip(seen, forecast, strict=True)])
    errors = missed / scale
    alone = Dependence(0.0, (1.0,), (1.0,))
    law = ErrorLaw(spread, worth * counted(errors), alone, never_negative)
    windows = worth * float((~np.isnan(errors)).sum()) / horizon
    return replace(law, joint=dependence(law.scores(errors), windows))


def unlearned(*, never_negative: bool = True) -> ErrorLaw:
    """What is supposed of a panel without any backtest: errors of the usual size of a surprise, wider further ahead."""
    return ErrorLaw(UNLEARNED, np.zeros(BINS), Dependence(0.05, (1.0, 0.5), (1.0, 0.3)), never_negative)


def distinct_share(missed: Floats, origins: Sequence[int]) -> float:
    """How many different periods of a series the errors are of, over how many errors there are."""
    known = ~np.isnan(missed)
    first = min(origins)
    seen = np.zeros((missed.shape[1], max(origins) - first + missed.shape[2]), dtype=bool)
    for origin, cells in zip(origins, known, strict=True):
        seen[:, origin - first : origin - first + cells.shape[1]] |= cells
    return float(seen.sum() / max(known.sum(), 1))


def ahead(values: Floats, origin: int, horizon: int) -> Floats:
    """The periods after an origin, shape (n_series, horizon), NaN where they have not come."""
    known = values[:, origin : origin + horizon]
    return np.pad(known, ((0, 0), (0, horizon - known.shape[1])), constant_values=np.nan)


def counted(errors: Floats) -> Floats:
    """How many errors fall into each bin; the outermost bins hold what lies beyond."""
    known = errors[~np.isnan(errors)]
    inside = np.clip(known, EDGES[0], np.nextafter(EDGES[-1], 0.0))
    return np.histogram(inside, EDGES)[0].astype(np.float64)


def slope(x: Floats, z: Floats) -> tuple[float, float]:
    """How steep the curve is over the outer half unit on either side, never flat."""
    low, high = np.interp([x[0] + 0.5, x[-1] - 0.5], x, z)
    return max(float(low - z[0]) / 0.5, 1e-3), max(float(z[-1] - high) / 0.5, 1e-3)


PRIOR_MASSES = np.diff(stdtr(FREEDOM, EDGES * MEAN_OF_T))
