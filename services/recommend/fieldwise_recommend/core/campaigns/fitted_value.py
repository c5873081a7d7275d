"""What a standing is worth for the weeks that are left, fitted backwards week by week; knows no recorded row.

Fitted Q iteration over a finite horizon: Q of a week is its expected profit and the fitted value of the four standings that may follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Final

import numpy as np

from fieldwise_recommend.core.campaigns.response import Response
from fieldwise_recommend.core.campaigns.standing import NOTHING, Flags, Floats, Integers, Standing

_RIDGE: Final = 1e-4
_DEGREE: Final = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """The values of the weeks to come, by which an action is chosen.

    Args:
        values: Coefficients for each week; the one after the last is worth nothing.
        caution: An action must promise so much more than doing nothing, as a share of an average week's profit.
    """

    response: Response
    costs: tuple[float, ...]
    values: tuple[Floats, ...]
    caution: float = 0.0

    def q(self, standing: Standing) -> Floats:
        """Expected profit of this week and those after it for each action, shape (n, actions)."""
        return q_values(self.response, self.costs, standing, self._later(standing.week))

    def choose(self, standing: Standing) -> Integers:
        """The best action where it is worth more than nothing by the caution."""
        found = self.q(standing)
        usual = float((standing.rate * standing.worth).mean())
        found[:, 1:] -= self.caution * usual
        found[~standing.reachable, 1:] = -np.inf
        best: Integers = found.argmax(axis=1)
        return best

    def _later(self, week: int) -> Floats | None:
        return self.values[week + 1] if week + 1 < len(self.values) else None


def q_values(
    response: Response, costs: tuple[float, ...], standing: Standing, later: Floats | None
) -> Floats:
    """Expected profit now and later of each action, shape (n, actions)."""
    rows = len(standing.rate)
    found = np.empty((rows, len(costs)))
    for action, cost in enumerate(costs):
        done = np.where(standing.reachable, action, NOTHING)
        bought = response.bought(standing, done)
        found[:, action] = bought * standing.worth - cost * (done != NOTHING)
        if later is not None:
            left = response.left(standing, done)
            for did_buy, chance in ((True, bought), (False, 1.0 - bought)):
                for did_leave, leaving in ((True, left), (False, 1.0 - left)):
                    follows = standing.after(done, np.full(rows, did_buy), np.full(rows, did_leave))
                    found[:, action] += chance * leaving * (_terms(follows, len(costs)) @ later)
    return found


def fitted(
    response: Response, costs: tuple[float, ...], visited: list[Standing], caution: float = 0.0
) -> Planned:
    """Plans backwards from the last week.

    Args:
        costs: Of each action, doing nothing first.
        visited: Standings of each week that campaigns of many kinds come through, those of week 0 first.
    """
    later: Floats | None = None
    values: list[Floats] = []
    for standing in reversed(visited):
        found = q_values(response, costs, standing, later)
        found[~standing.reachable, 1:] = -np.inf
        later = _ridge(_terms(standing, len(costs)), found.max(axis=1))
        values.append(later)
    return Planned(response, costs, tuple(reversed(values)), caution)


def _terms(standing: Standing, count: int) -> Floats:
    """Products of two of what is known, also times the worth of a purchase, and apart for those who cannot be reached."""
    known = np.column_stack(
        [standing.rate, standing.traits, np.log(standing.idle.astype(np.float64)), standing.loads(count)]
    )
    pairs = combinations_with_replacement(range(known.shape[1]), _DEGREE)
    shape = np.column_stack([np.ones(len(known)), known, *(known[:, pair].prod(axis=1) for pair in pairs)])
    worth = standing.worth[:, None]
    reachable: Flags = standing.reachable
    gone = ~reachable[:, None]
    first = shape[:, : known.shape[1] + 1]
    return np.column_stack([shape * ~gone, shape * worth * ~gone, first * worth * gone, gone])


def _ridge(terms: Floats, values: Floats) -> Floats:
    scale = np.sqrt((terms**2).mean(axis=0))
    scale[scale == 0.0] = 1.0
    scaled = terms / scale
    held = scaled.T @ scaled + _RIDGE * len(terms) * np.eye(terms.shape[1])
    solved: Floats = np.linalg.solve(held, scaled.T @ values) / scale
    return solved
