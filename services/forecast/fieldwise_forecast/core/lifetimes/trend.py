"""How much slower customers thin out than a model says, learned from its own earlier forecasts; knows no calendar.

Models of lifetimes are right for the next weeks and low for the next year. How low, the history itself shows: the model is
fitted on what was known at earlier moments, and what came after is compared with what it expected, further and further ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from ..features import Floats
from .apportioning import apportioned
from .histories import Histories
from .pareto_nbd import ParetoNbd

# Earlier moments, as shares of the longest age: from a third on there is something to fit, until a ninth before now something
# to compare with.
ORIGINS = tuple(k / 9 for k in (3, 4, 5, 6, 7, 8))
# Slices of a horizon.
SLICES = 12


@dataclass(frozen=True)
class Trending:
    """A model, and the power of (1 + time ahead / mean age) by which purchases exceed what it expects."""

    model: ParetoNbd
    age: float
    power: float

    @classmethod
    def fitted(cls, histories: Histories) -> Trending:
        """The model that lets customers return, and its power. The histories must have times.

        Raises:
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
        """
        parts = [one_origin(histories, share) for share in ORIGINS]
        ahead, came, expected = (np.concatenate(part) for part in zip(*parts, strict=True))

        def loss(power: float) -> float:
            mean = expected * (1 + ahead) ** power
            return float((mean - came * np.log(mean)).sum())

        power = float(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x)
        return cls(ParetoNbd.with_returns(histories), mean_age(histories), power)

    def level(self, histories: Histories, time: float) -> float:
        """What the model's expectation for ``time`` is multiplied by."""
        ends, slices = sliced(self.model, histories, time)
        middles = ends - time / SLICES / 2
        return float(slices @ (1 + middles / self.age) ** self.power / slices.sum())

    def expected(self, histories: Histories, time: float) -> Floats:
        """Expected purchases within ``time`` from now, shape (n,)."""
        return self.level(histories, time) * self.model.expected(histories, time)

    def counts(self, histories: Histories, time: float) -> Floats:
        """Forecast counts that add up to the expected total and err least, shape (n,); see ``apportioning``."""
        level = self.level(histories, time)
        means = level * self.model.expected(histories, time)
        most = int(2 * means.max() + 10)
        return apportioned(self.model.more_than(histories, time, most, level), float(means.sum()))


def one_origin(histories: Histories, share: float) -> tuple[Floats, Floats, Floats]:
    """Of one earlier moment, slice by slice: time ahead over mean age, purchases that came, purchases expected."""
    assert histories.times is not None
    span = float(histories.age.max())
    time = span * (1 - share)
    then, begun = histories.before(time)
    ends, expected = sliced(ParetoNbd.with_returns(then), then, time)
    owner = np.repeat(np.arange(len(histories)), histories.repeats.astype(np.int64))
    ahead = (histories.times - (histories.age[owner] - time))[begun[owner]]
    came, _ = np.histogram(ahead[ahead > 0], bins=np.append(0.0, ends))
    return (ends - time / SLICES / 2) / mean_age(then), came.astype(np.float64), expected


def sliced(model: ParetoNbd, histories: Histories, time: float) -> tuple[Floats, Floats]:
    """Ends of equal slices of a horizon, and the purchases of all customers expected in each."""
    ends = time * np.arange(1, SLICES + 1) / SLICES
    totals = [float(histories.weights @ model.expected(histories, end)) for end in ends]
    return ends, np.diff(totals, prepend=0.0)


def mean_age(histories: Histories) -> float:
    return float(np.average(histories.age, weights=histories.weights))
