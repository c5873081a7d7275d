"""What single actions bring, from the choices that chance made, each weighted by one over its probability; knows no control group.

Source: Horvitz and Thompson (1952), with the weights scaled to their sum (Hájek, 1971); the error by linearisation, with all decisions of a
customer taken together.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.effect.comparing import Basis, Comparison
from fieldwise_recommend.core.effect.intervals import always_valid, fixed, smallest_detectable
from fieldwise_recommend.core.experience import Experience

# So many decisions, weights taken into account, must speak for the action and for leave alone each.
FEWEST: Final = 50.0


def by_chance(experience: Experience, action: str) -> Comparison:
    """Money in the window after the action against that after leave alone, where either could have been chosen.

    The decisions that follow in the window belong to the effect: it is that of the action now, and of the policy afterwards.
    """
    ours = experience.measured & ~experience.controlled & ~experience.deterministic
    ours &= experience.could(action) & experience.could(LEAVE_ALONE)
    # Only the columns that are needed: an experience has dozens, of a million decisions each.
    groups = (_is(experience, action)[ours], _is(experience, LEAVE_ALONE)[ours])
    money = experience.money[ours]
    adjusted = _adjusted(money, experience.money_before[ours], groups[0] | groups[1])
    return weighted(adjusted, money, 1.0 / experience.probability[ours], groups, experience.customer[ours])


def weighted(
    adjusted: Floats, plain: Floats, weights: Floats, groups: tuple[Bools, Bools], customer: Ints
) -> Comparison:
    """Weighted means of the first group and the second, and their difference.

    Args:
        customer: Whose decision each is; errors of one customer's decisions go together.
    """
    halves = [_Half.of(adjusted, weights, group) for group in groups]
    means = (_Half.of(plain, weights, groups[0]).mean, _Half.of(plain, weights, groups[1]).mean)
    counts = (int(groups[0].sum()), int(groups[1].sum()))
    kept = min(half.effective for half in halves)
    if kept < FEWEST:
        return Comparison("money", Basis.CHANCE, *means, *counts)
    difference = halves[0].mean - halves[1].mean
    pull = halves[0].pull - halves[1].pull
    error = sqrt(float((np.bincount(customer, weights=pull) ** 2).sum()))
    freedom = kept - 1.0
    information = halves[0].effective * halves[1].effective / (halves[0].effective + halves[1].effective)
    return Comparison(
        "money",
        Basis.CHANCE,
        *means,
        *counts,
        difference,
        error,
        fixed(difference, error, freedom),
        always_valid(difference, error, freedom, information),
        smallest_detectable(error, freedom),
    )


@dataclass(frozen=True)
class _Half:
    """One group: its mean, how many equal weights it is worth, and how far each decision pulls the mean."""

    mean: float
    effective: float
    pull: Floats

    @classmethod
    def of(cls, values: Floats, weights: Floats, group: Bools) -> _Half:
        own = np.where(group, weights, 0.0)
        total = float(own.sum())
        if not total:
            return cls(0.0, 0.0, np.zeros(len(values)))
        mean = float(own @ values) / total
        effective = total**2 / float(own @ own)
        return cls(mean, effective, own * (values - mean) / total)


def _is(experience: Experience, action: str) -> Bools:
    codes = [code for code, name in enumerate(experience.actions) if name == action]
    return np.asarray(np.isin(experience.action, codes))


def _adjusted(money: Floats, before: Floats, either: Bools) -> Floats:
    """Money less what goes on from before; one slope for both groups, so that it moves neither against the other by chance."""
    if either.sum() < FEWEST:
        return money
    centred = before[either] - before[either].mean()
    spread = float(centred @ centred)
    slope = float(centred @ money[either]) / spread if spread else 0.0
    return np.asarray(money - slope * (before - before[either].mean()), dtype=np.float64)
