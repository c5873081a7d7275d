"""A cadence for each customer, by what he is: the one that the models expect most of; knows no week's chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.campaigns.gate import Rule, imagined
from fieldwise_recommend.core.campaigns.response import Response
from fieldwise_recommend.core.campaigns.standing import Standing

_RIDGE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class PersonalCadence:
    """Each customer has the cadence whose expected profit, as a smooth function of what he is, beats the usual one.

    Args:
        rules: The cadences, the usual one first.
        ahead: Coefficients of each one's profit over that of the usual one, shape (rules, terms).
        caution: By how much it has to be ahead, as a share of a week's profit of the average customer.
    """

    rules: Sequence[Rule]
    ahead: Floats
    caution: float

    def choose(self, standing: Standing) -> Ints:
        """The action of each customer's own cadence."""
        promised = _terms(standing) @ self.ahead.T
        promised[:, 1:] -= self.caution * float((standing.rate * standing.worth).mean())
        own = promised.argmax(axis=1)
        by_rule = np.stack([rule(standing) for rule in self.rules])
        chosen: Ints = by_rule[own, np.arange(len(own))]
        return chosen


def personal(
    responses: Sequence[Response],
    costs: Sequence[float],
    start: Standing,
    rungs: Mapping[str, Rule],
    luck: Floats,
    caution: float = 0.0,
) -> PersonalCadence:
    """Fits the profit of each cadence to what is known of customers before the first week."""
    profits = {
        name: np.mean([imagined(each, costs, start, rule, luck) for each in responses], axis=0)
        for name, rule in rungs.items()
    }
    usual = max(profits, key=lambda name: float(profits[name].mean()))
    names = [usual, *(name for name in rungs if name != usual)]
    terms = _terms(start)
    held = terms.T @ terms + _RIDGE * len(terms) * np.eye(terms.shape[1])
    ahead = np.stack([np.linalg.solve(held, terms.T @ (profits[name] - profits[usual])) for name in names])
    return PersonalCadence([rungs[name] for name in names], ahead, caution)


def _terms(standing: Standing) -> Floats:
    """Products of two of rate, traits and worth."""
    known = np.column_stack([standing.rate, standing.traits, np.log(standing.worth)])
    pairs = combinations_with_replacement(range(known.shape[1]), 2)
    return np.column_stack([np.ones(len(known)), known, *(known[:, pair].prod(axis=1) for pair in pairs)])
