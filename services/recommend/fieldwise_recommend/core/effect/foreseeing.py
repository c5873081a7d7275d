"""How well purchases and silence were foreseen, by customers who were left alone; knows no cause.

A prediction is of what happens if nothing is done: only where nothing was done can it be held against what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats
from fieldwise_recommend.core.effect.acting import recommended
from fieldwise_recommend.core.effect.comparing import Comparison, compare
from fieldwise_recommend.core.effect.intervals import Share
from fieldwise_recommend.core.effect.units import Customers
from fieldwise_recommend.core.experience import Experience
from fieldwise_recommend.core.results import BOUGHT, BOUGHT_7, BOUGHT_14

BINS: Final = 10
_HORIZONS: Final = ((7, BOUGHT_7), (14, BOUGHT_14))
# What `p_buy` is the probability of, however long the window of results is.
_FORETOLD_DAYS: Final = 28


@dataclass(frozen=True)
class Bin:
    """Predictions of one height: their mean, and how often it came true."""

    predicted: float
    bought: Share


@dataclass(frozen=True)
class Reliability:
    """Predictions of "buys within ``days``" against what happened.

    Args:
        derived: No model answers this horizon here: it is the prediction for 28 days at an even pace.
        error: Mean distance of prediction and truth over the bins, weighted by how many they hold.
    """

    days: int
    derived: bool
    bins: list[Bin]
    error: float


@dataclass(frozen=True)
class Churn:
    """Who was flagged as falling silent and who did, of the customers who were not silent at the decision.

    Args:
        flagged_alone, alone: Who fell silent of the flagged in the control group, and of all in it.
        flagged: Who fell silent of the flagged outside it.
        average: Who fell silent of all.
        after_action: Flagged outside the control group against flagged in it.
        everybody: All outside it against all in it.
    """

    threshold: float
    flagged_alone: Share
    alone: Share
    flagged: Share
    average: Share
    after_action: Comparison
    everybody: Comparison


def reliability(experience: Experience, window_days: int) -> list[Reliability]:
    """A curve for each horizon up to the window, by decisions to leave alone."""
    alone = experience.at(experience.measured & ~recommended(experience))
    shorter = [(days, bit) for days, bit in _HORIZONS if days < window_days]
    return [_curve(alone, days, bit) for days, bit in (*shorter, (window_days, BOUGHT))]


def success(experience: Experience) -> Share:
    """Of the recommendations whose results are known, after which the customer bought."""
    some = experience.measured & recommended(experience)
    return Share(int(experience.flag(BOUGHT)[some].sum()), int(some.sum()))


def churn_of(experience: Experience, customers: Customers, threshold: float) -> Churn:
    """Who fell silent, by customer; flagged is who was given at least ``threshold`` at his first decision."""
    flagged = (experience.p_silent[customers.first] >= threshold) & customers.lasting
    before = np.column_stack([np.nan_to_num(experience.p_silent[customers.first]), customers.before])
    fell = customers.churned.astype(np.float64)
    held, treated = ~customers.treated, customers.treated

    def compared(some: Bools) -> Comparison:
        return compare("churn", fell[some], treated[some], before[some])

    return Churn(
        threshold,
        _share(customers.churned, flagged & held),
        _share(customers.churned, customers.lasting & held),
        _share(customers.churned, flagged & treated),
        _share(customers.churned, customers.lasting),
        compared(flagged),
        compared(customers.lasting),
    )


def _curve(alone: Experience, days: int, bit: int) -> Reliability:
    predicted: Floats = 1.0 - (1.0 - np.clip(alone.p_buy, 0.0, 1.0)) ** (days / _FORETOLD_DAYS)
    happened = alone.flag(bit)
    place = np.minimum((predicted * BINS).astype(np.int64), BINS - 1)
    bins: list[Bin] = []
    distance = 0.0
    for number in np.unique(place):
        here = place == number
        one = Bin(float(predicted[here].mean()), _share(happened, here))
        bins.append(one)
        distance += abs(one.predicted - one.bought.value) * one.bought.total
    return Reliability(days, days != _FORETOLD_DAYS, bins, distance / max(1, len(alone)))


def _share(happened: Bools, some: Bools) -> Share:
    return Share(int(happened[some].sum()), int(some.sum()))
