"""Logged choices whose every policy's true value is known; knows no estimator.

Fixed before any estimator was tuned. A case is one logger and one policy to evaluate:

- Five facts of a customer, standard normal. Ten actions. Whether he buys within 28 days is a coin whose probability is the logistic
  of a level of 2.2, the action's own worth (normal, spread 1.2), a linear part (spread .5 per fact) and a product of two facts
  (spread .5) that no linear model sees: about nine in ten buy, as in Complete Journey, and some actions drive customers away.
- The logger follows what it believes of the actions (right, with an error of spread .7), at a temperature between uniform and
  sharp, and gives chance a share of 0, 2, 10 or 30 % that is spread over all actions.
- The policy to evaluate mixes the logger's own choice with a choice of its own, which agrees with the logger's beliefs by a
  correlation from -1 to 1. The nearer, the more of the log speaks of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldwise_recommend.core.arrays import Floats

ACTIONS: Final = 10
FACTS: Final = 5
_LEVEL: Final = 2.2
_TEMPERATURES: Final = (0.0, 1.0, 3.0)
_CHANCE: Final = (0.0, 0.02, 0.1, 0.3)
# Median of the absolute value of a standard normal.
_MEDIAN: Final = 0.6745
_TRUTH_ROWS: Final = 40_000


@dataclass(frozen=True)
class Case:
    """A logger and a policy to evaluate, and what the policy is truly worth."""

    worth: Floats
    linear: Floats
    product: Floats
    beliefs: Floats
    own: Floats
    temperature: float
    chance: float
    share: float
    sharpness: float

    def buying(self, facts: Floats) -> Floats:
        """P(buys | facts, action), one column per action."""
        seen = facts @ self.linear.T + (facts[:, :1] * facts[:, 1:2]) * self.product
        return 1.0 / (1.0 + np.exp(-(_LEVEL + self.worth + seen)))

    def logger(self, facts: Floats) -> Floats:
        """Probability of each action in the log."""
        followed = _softmax(self.temperature * self._believed(facts))
        return (1.0 - self.chance) * followed + self.chance / ACTIONS

    def policy(self, facts: Floats) -> Floats:
        """Probability of each action under the policy to evaluate."""
        wanted = _softmax(self.sharpness * (facts @ self.own[:, 1:].T + self.own[:, 0]))
        return (1.0 - self.share) * self.logger(facts) + self.share * wanted

    def truth(self) -> float:
        """The policy's value: what its customers buy on average."""
        half = np.random.default_rng(7).standard_normal((_TRUTH_ROWS // 2, FACTS))
        facts = np.concatenate(
            [half, -half]
        )  # each with its mirror image: the mean is known four times closer
        return float((self.policy(facts) * self.buying(facts)).sum(axis=1).mean())

    def least_error(self, rows: int) -> float:
        """Median relative error of the best unbiased estimator that there could be from so many rows.

        The efficiency bound: ``E[p^2 / m x Var(r)] + Var(V(x))`` over the rows, as a normal error. Knowing all but the coin's
        fall would not make it smaller. Infinite where the policy does what the logger never would.
        """
        facts = np.random.default_rng(8).standard_normal((_TRUTH_ROWS // 4, FACTS))
        buying, logger, policy = self.buying(facts), self.logger(facts), self.policy(facts)
        value = (policy * buying).sum(axis=1)
        apart = np.divide(policy**2, logger, out=np.full(logger.shape, np.inf), where=logger > 0.0)
        noise = float((apart * buying * (1.0 - buying)).sum(axis=1).mean())
        return _MEDIAN * float(np.sqrt((noise + value.var()) / rows) / value.mean())

    def _believed(self, facts: Floats) -> Floats:
        return facts @ self.beliefs[:, 1:].T + self.beliefs[:, 0]


@dataclass(frozen=True)
class Log:
    """Rows as recommend records them, and the policy's probabilities for the same customers."""

    facts: Floats
    actions: NDArray[np.int64]
    rewards: Floats
    logged: Floats
    target: Floats


def a_case(seed: int) -> Case:
    """One logger with one policy."""
    draw = np.random.default_rng((58, seed))
    worth = draw.normal(0.0, 1.2, ACTIONS)
    linear = draw.normal(0.0, 0.5, (ACTIONS, FACTS))
    truth = np.column_stack([worth, linear])
    beliefs = truth + draw.normal(0.0, 0.7, truth.shape) * [1.0, *[0.4] * FACTS]
    agreement = draw.uniform(-1.0, 1.0)
    apart = draw.normal(0.0, 1.0, truth.shape) * [1.2, *[0.5] * FACTS]
    own = agreement * beliefs + np.sqrt(1.0 - agreement**2) * apart
    return Case(
        worth,
        linear,
        draw.normal(0.0, 0.5, ACTIONS),
        beliefs,
        own,
        float(draw.choice(_TEMPERATURES)),
        float(draw.choice(_CHANCE)),
        float(draw.uniform(0.0, 1.0)),
        float(draw.uniform(0.5, 4.0)),
    )


def a_log(case: Case, rows: int, seed: int) -> Log:
    """``rows`` decisions of different customers."""
    draw = np.random.default_rng((59, seed))
    facts = draw.standard_normal((rows, FACTS))
    logged = case.logger(facts)
    actions = (draw.random((rows, 1)) > np.cumsum(logged, axis=1)).sum(axis=1).clip(max=ACTIONS - 1)
    buying = case.buying(facts)[np.arange(rows), actions]
    rewards = (draw.random(rows) < buying).astype(float)
    return Log(facts, actions, rewards, logged, case.policy(facts))


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares
