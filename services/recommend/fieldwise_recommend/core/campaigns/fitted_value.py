"""What a standing is worth for the weeks that are left, fitted backwards week by week; knows no recorded row.

Fitted Q iteration over a finite horizon: Q of a week is its expected profit and the fitted value of the four standings that may follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.campaigns.response import Response
from fieldwise_recommend.core.campaigns.standing import NOTHING, Standing

_RIDGE: Final = 1e-4


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

    def choose(self, standing: Standing) -> Ints:
        """The best action where it is worth more than nothing by the caution."""
        found = self.q(standing)
        usual = float((standing.rate * standing.worth).mean())
        found[:, 1:] -= self.caution * usual
        found[~standing.reachable, 1:] = -np.inf
        best: Ints = found.argmax(axis=1)
        return best

    def _later(self, week: int) -> Floats | None:
        return self.values[week + 1] if week + 1 < len(self.values) else None


def q_values(
    response: Response, costs: tuple[float, ...], standing: Standing, later: Floats | None
) -> Floats:
    """Expected profit now and later of each action, shape (n, actions)."""
    rows = len(standing.rate)
    nobody, everybody = np.zeros(rows, dtype=np.bool_), np.ones(rows, dtype=np.bool_)
    found = np.empty((rows, len(costs)))
    for action, cost in enumerate(costs):
        done = np.where(standing.reachable, action, NOTHING)
        bought = response.bought(standing, done)
        found[:, action] = bought * standing.worth - cost * (done != NOTHING)
        if later is None:
            continue
        left = response.left(standing, done)
        for did_buy, chance in ((everybody, bought), (nobody, 1.0 - bought)):
            found[:, action] += (
                chance * (1.0 - left) * _value(standing.after(done, did_buy, nobody), len(costs), later)
            )
            if action != NOTHING:
                found[:, action] += (
                    chance * left * _value(standing.after(done, did_buy, everybody), len(costs), later)
                )
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
    known = _known(standing, count)
    shape, worth = _with_products(known), standing.worth[:, None]
    staying, gone = standing.reachable[:, None], ~standing.reachable[:, None]
    return np.column_stack([shape * staying, shape * worth * staying, known * worth * gone, gone])


def _value(standing: Standing, count: int, later: Floats) -> Floats:
    """What `_terms` and their coefficients give, without laying out those that are 0."""
    known, worth, staying = _known(standing, count), standing.worth, standing.reachable
    found: Floats = worth * (known @ later[-1 - known.shape[1] : -1]) + later[-1]
    if staying.any():
        shape = _with_products(known[staying])
        parts = shape @ later[: 2 * shape.shape[1]].reshape(2, -1).T
        found[staying] = parts[:, 0] + worth[staying] * parts[:, 1]
    return found


def _known(standing: Standing, count: int) -> Floats:
    idle = np.log(standing.idle.astype(np.float64))
    return np.column_stack([np.ones(len(idle)), standing.rate, standing.traits, idle, standing.loads(count)])


def _with_products(known: Floats) -> Floats:
    first, second = np.triu_indices(known.shape[1] - 1)
    return np.column_stack([known, known[:, 1 + first] * known[:, 1 + second]])


def _ridge(terms: Floats, values: Floats) -> Floats:
    scale = np.sqrt((terms**2).mean(axis=0))
    scale[scale == 0.0] = 1.0
    scaled = terms / scale
    held = scaled.T @ scaled + _RIDGE * len(terms) * np.eye(terms.shape[1])
    solved: Floats = np.linalg.solve(held, scaled.T @ values) / scale
    return solved
