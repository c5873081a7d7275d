"""Losses of two models on the same rows and what they say of the next weeks; knows no learner and no verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from ..features import Floats

Ints = npt.NDArray[np.int64]

# How far a week's gain strays between a model of series and the same model fitted on newer data (Complete Journey, 202
# commodities, weeks 32-47: 3.3 %), and how far that of the log loss of a question from cut-off to cut-off.
SERIES_SPREAD = 0.033
CUSTOMERS_SPREAD = 0.01
# The belief in the usual spread weighs as much as so many periods.
SPREAD_WORTH = 4.0
# A gain of a loss 39 times as large as the rival's.
WORST = -1.9
# Next to zero, so that a loss of nothing at all divides.
TINY = 1e-12


@dataclass(frozen=True)
class Evidence:
    """Losses of each row: log loss of a customer, absolute error of a series in a week.

    Every loss has to come from a period on which neither model was fitted.

    Attributes:
        champion: Shape (n_rows,); all NaN where nothing serves yet.
        naive: Of what everyone has to beat: base rate, naive forecast.
        block: Number of each row's period (week, cut-off, origin); periods do not overlap.
        unit: Number of each row's series; None for customers, who all count alike.
        usual_spread: How far a period's relative gain strays, before any was seen.
    """

    champion: Floats
    challenger: Floats
    naive: Floats
    block: Ints
    unit: Ints | None = None
    usual_spread: float = SERIES_SPREAD

    @classmethod
    def first(cls, challenger: Floats, naive: Floats, block: Ints, unit: Ints | None = None) -> Evidence:
        """Evidence where no champion serves yet."""
        return cls(np.full(len(challenger), np.nan), challenger, naive, block, unit)

    @property
    def has_champion(self) -> bool:
        """Whether there is a row on which the champion can be compared."""
        return bool(np.isfinite(self.champion).any())

    def gain_over(self, rival: Floats) -> Gain | None:
        """The challenger's gain over ``rival``, the champion or the naive losses."""
        return gain(rival, self.challenger, self.block, self.unit, self.usual_spread)


@dataclass(frozen=True)
class Gain:
    """How much smaller a loss is than a rival's, as a share of the mean of both; negative: it is larger.

    Attributes:
        mean: Over all periods, every series counting alike.
        pooled: Over all rows as they are: in a sum of errors large series count for more.
        error: Standard error of the mean.
        spread: Standard deviation of a single period's gain.
        periods: How many were compared.
        freedom: Degrees of freedom of the two.
    """

    mean: float
    pooled: float
    error: float
    spread: float
    periods: int
    freedom: float

    @staticmethod
    def of_rival(gain: float) -> float:
        """A gain as a share of the rival's loss alone, as people say it: by how much smaller the loss is than his."""
        # An interval may reach beyond what a gain can be.
        held = min(max(gain, WORST), 2.0)
        return 2 * held / (2 + held)

    def interval(self, level: float) -> tuple[float, float]:
        """The two-sided interval of the mean."""
        half = float(stdtrit(self.freedom, (1 + level) / 2)) * self.error
        return self.mean - half, self.mean + half


def gain(
    rival: Floats, own: Floats, block: Ints, unit: Ints | None = None, usual_spread: float = SERIES_SPREAD
) -> Gain | None:
    """The gain of ``own`` over ``rival`` on the rows that both have; None without any.

    A period counts as one observation, however many rows it has: a surprise of a week hits all series together. Series
    are brought to one size, and periods too, which makes the mean twice as sure as a ratio of sums (promotions.py). The
    spread between periods is held to what is usual while few were seen; to the error comes what the rows themselves
    leave open, which is all there is to go by with a single period.
    """
    both = np.isfinite(rival) & np.isfinite(own)
    if not both.any() or (rival[both] + own[both]).sum() <= TINY:
        return None
    theirs, ours = rival[both], own[both]
    pooled = float((theirs - ours).sum() / (theirs + ours).sum() * 2)
    size = np.ones(len(ours)) if unit is None else usual(theirs + ours, unit[both])
    theirs, ours = theirs / size, ours / size
    better, all_of_it = (sums(rows, block[both]) for rows in (theirs - ours, theirs + ours))
    gains = 2 * better / np.maximum(all_of_it, TINY)
    periods = len(gains)
    freedom = SPREAD_WORTH + periods - 1
    squared = (SPREAD_WORTH * usual_spread**2 + float(((gains - gains.mean()) ** 2).sum())) / freedom
    rows = 2 * float(np.sqrt(((theirs - ours) ** 2).sum())) / max(float(all_of_it.sum()), TINY)
    error = max(float(np.sqrt(squared * tied(gains) / periods)), rows)
    return Gain(float(gains.mean()), pooled, error, float(np.sqrt(squared)), periods, freedom)


def usual(losses: Floats, unit: Ints) -> Floats:
    """The mean loss of each row's series."""
    _, place, count = np.unique(unit, return_inverse=True, return_counts=True)
    return np.asarray(np.maximum(np.bincount(place, weights=losses) / count, TINY)[place])


def sums(values: Floats, block: Ints) -> Floats:
    """Sum of each block, in the order of the blocks."""
    _, place = np.unique(block, return_inverse=True)
    return np.asarray(np.bincount(place, weights=values), dtype=np.float64)


def tied(gains: Floats) -> float:
    """How many times larger neighbouring periods' likeness makes the variance of the mean; 1 when they are independent.

    The correlation of neighbours is held to 0 as long as there are few of them.
    """
    if len(gains) < 4:
        return 1.0
    off = gains - gains.mean()
    likeness = float(off[1:] @ off[:-1]) / max(float(off @ off), TINY)
    held = max(0.0, likeness) * (len(gains) - 3) / len(gains)
    return (1 + held) / (1 - held)
