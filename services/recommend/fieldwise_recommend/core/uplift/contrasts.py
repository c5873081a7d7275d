"""What each decision says of each action beside doing nothing, chance accounted for; knows no learner and no policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.outcome_model import outcome_model

# The column of doing nothing.
NOTHING: Final = 0


@dataclass(frozen=True, slots=True)
class Scores:
    """Doubly robust scores: their mean over customers is what an action for all of them would bring.

    Args:
        values: Expected reward of each action plus, for the one chosen, what came beyond it over its probability, less the
            action's cost, shape (n, actions).
        open: Where an action could have been chosen, shape (n, actions).
        facts: What was known, shape (n, facts); NaN where a fact was not known.
        customers: Whose decision it was, shape (n,).
    """

    values: Floats
    open: Bools
    facts: Floats
    customers: Ints

    def at(self, rows: Bools | Ints) -> Scores:
        """Some of the rows."""
        return Scores(self.values[rows], self.open[rows], self.facts[rows], self.customers[rows])

    @property
    def contrasts(self) -> Floats:
        """Each action less doing nothing, shape (n, actions); column 0 is 0, NaN where one of the two was not open."""
        apart: Floats = self.values - self.values[:, [NOTHING]]
        known = self.open & self.open[:, [NOTHING]]
        apart[~known] = np.nan
        return apart


def scores(choices: Choices, costs: Floats, seed: int = 0) -> Scores:
    """Scores of decisions with known probabilities; a customer's own rows are never in what is expected of him.

    Args:
        costs: Of each action, shape (actions,) or (n, actions), in the unit of the rewards.
    Source: Robins, Rotnitzky and Zhao (1994); as pseudo-outcomes, Kennedy (2023), Towards optimal doubly robust estimation of
        heterogeneous causal effects.
    """
    expected = outcome_model(choices, seed).expected
    rows = np.arange(len(choices.rewards))
    beyond = choices.rewards - expected[rows, choices.actions]
    values = expected - costs
    values[rows, choices.actions] += beyond / choices.propensities
    return Scores(values, choices.logged > 0.0, choices.facts, choices.customers)
