"""Which way of contacting is let out: the best cadence, unless a plan is surely better; knows no recorded row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.campaigns.response import Response
from fieldwise_recommend.core.campaigns.standing import Standing

# How many spreads of the models a plan must win by.
_SURE: Final = 1.64

Rule = Callable[[Standing], Ints]


@dataclass(frozen=True, slots=True)
class Gated:
    """What was let out.

    Args:
        name: Of the way of contacting.
        rung: The best of the simple ones.
        gain: Of the best plan over the rung, per customer.
        lower: Its lower bound over the models; the plan is let out where that is above 0.
    """

    name: str
    rung: str
    gain: float
    lower: float


def cadence(action: int, every: int) -> Rule:
    """The action in every so many weeks, to all who can be reached, from week 0 on."""

    def rule(standing: Standing) -> Ints:
        due = action if standing.week % every == 0 else 0
        return np.where(standing.reachable, due, 0)

    return rule


def imagined(response: Response, costs: Sequence[float], start: Standing, rule: Rule, luck: Floats) -> Floats:
    """Expected profit of each customer over the weeks, as the models foretell it, shape (n,).

    Args:
        luck: Uniform numbers, shape (weeks, 2, n): the same for two rules compares them on the same luck.
    """
    standing = start
    profit = np.zeros(len(start.rate))
    for bought_luck, left_luck in luck:
        actions = np.where(standing.reachable, rule(standing), 0)
        buying = response.bought(standing, actions)
        profit += buying * standing.worth - np.asarray(costs)[actions]
        left = left_luck < response.left(standing, actions)
        standing = standing.after(actions, bought_luck < buying, left)
    return profit


def let_out(
    responses: Sequence[Response],
    costs: Sequence[float],
    start: Standing,
    rungs: Mapping[str, Rule],
    plans: Mapping[str, Rule],
    luck: Floats,
) -> Gated:
    """Compares all in worlds that the data leaves possible.

    Args:
        responses: Models of bootstrapped customers; what they disagree about, the data does not know.
        start: Customers before the first week.
    """
    values = {
        name: np.array([imagined(each, costs, start, rule, luck).mean() for each in responses])
        for name, rule in {**rungs, **plans}.items()
    }
    rung = max(rungs, key=lambda name: float(values[name].mean()))
    best, gain, lower = rung, 0.0, -np.inf
    for name in plans:
        ahead = values[name] - values[rung]
        bound = float(ahead.mean() - _SURE * ahead.std(ddof=1))
        if bound > lower:
            best, gain, lower = name, float(ahead.mean()), bound
    return Gated(best if lower > 0.0 else rung, rung, gain, float(lower))
