"""Four ways to value a policy from another's choices, each with what its rows and its bounds leave open; knows no refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.offpolicy.choices import Choices, Floats
from fieldwise_recommend.core.offpolicy.reach import Reach

# Inverse propensity scoring, the same normalised by its weights, the regression alone, and both together.
IPS: Final = "IPS"
SNIPS: Final = "SNIPS"
DM: Final = "DM"
DR: Final = "DR"
METHODS: Final = (IPS, SNIPS, DM, DR)


@dataclass(frozen=True, slots=True)
class Valued:
    """A policy's value by one method.

    Args:
        deviations: What each row moves it by, mean 0, shape (n,).
        variance: Of a row, as the known probabilities and the regression foretell it. Rows that were unlikely and did not come
            are in it, which the rows that came know nothing of. 0 where it cannot be told.
        below, above: How far the choices beyond reach could take the value, either way.
    """

    value: float
    deviations: Floats
    variance: float
    below: float
    above: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """A policy to evaluate beside the log: its probabilities, its reach and what a regression expects of each action.

    Args:
        target: Probability of each action under the policy, shape (n, actions); rows add up to 1.
        expected: Expected reward of each action, from rows of other customers, shape (n, actions).
        spread: Variance of rewards around that, shape (actions,).
    """

    choices: Choices
    target: Floats
    reach: Reach
    expected: Floats
    spread: Floats

    @property
    def weights(self) -> Floats:
        """Weight of each row, 0 beyond reach, shape (n,)."""
        rows: Floats = self.reach.ratio[np.arange(len(self.target)), self.choices.actions]
        return rows

    def scattered(self, around: Floats | float) -> float:
        """E[weight^2 x (reward - around)^2]: shape of ``around`` is (n, actions) or none."""
        apart = self.spread + (self.expected - around) ** 2
        inside = np.where(self.reach.inside, self.target, 0.0)
        return float((inside * self.reach.ratio * apart).sum(axis=1).mean())


def valued(weighed: Weighed) -> dict[str, Valued]:
    """The policy's value by each method.

    Choices beyond reach have no weight. IPS takes the middle of what bounds allow for them, SNIPS takes them to be like the
    others, DR what the regression expects; the interval of each spans the bounds. That of DM is the spread of its rows only: a
    regression does not know its own error.

    Source: Horvitz and Thompson (1952) for IPS; Swaminathan and Joachims (2015), *The self-normalized estimator*, for SNIPS;
        Dudik, Langford and Li (2011), *Doubly robust policy evaluation and learning*, for DR, here with normalised weights
        as in Thomas and Brunskill (2016), section 5; Manski (1990), *Nonparametric bounds*, for what is beyond reach.
    """
    model = (weighed.target * weighed.expected).sum(axis=1)
    direct = float(model.mean())
    alone = Valued(direct, model - direct, 0.0, 0.0, 0.0)
    weight = weighed.weights
    if not weight.any():
        # No row tells of the policy: bounds remain.
        lowest, highest = weighed.reach.lowest, weighed.reach.highest
        nothing = np.zeros_like(model)
        open_ = Valued((lowest + highest) / 2.0, nothing, 0.0, *[(highest - lowest) / 2.0] * 2)
        led = Valued(direct, model - direct, 0.0, direct - lowest, max(highest - direct, 0.0))
        return {IPS: open_, SNIPS: open_, DM: alone, DR: led}
    return {IPS: _ips(weighed, weight), SNIPS: _snips(weighed, weight), DM: alone, DR: _dr(weighed, weight)}


def _ips(weighed: Weighed, weight: Floats) -> Valued:
    reach = weighed.reach
    each = weight * weighed.choices.rewards
    inside = float(each.mean())
    half = reach.beyond * (reach.highest - reach.lowest) / 2.0
    middle = inside + reach.beyond * (reach.lowest + reach.highest) / 2.0
    return Valued(middle, each - inside, max(weighed.scattered(0.0) - inside**2, 0.0), half, half)


def _snips(weighed: Weighed, weight: Floats) -> Valued:
    reach = weighed.reach
    mean = float(weight.mean())
    value = float((weight * weighed.choices.rewards).mean()) / mean
    deviations = weight * (weighed.choices.rewards - value) / mean * (1.0 - reach.beyond)
    below, above = reach.beyond * (value - reach.lowest), reach.beyond * max(reach.highest - value, 0.0)
    return Valued(value, deviations, weighed.scattered(value), below, above)


def _dr(weighed: Weighed, weight: Floats) -> Valued:
    """Doubly robust, trusting the regression by as much as it explains of the weighted rewards.

    Trust 1 is the textbook's, 0 is SNIPS: a regression that explains nothing of this policy's rows would add its noise to them.
    """
    choices, reach = weighed.choices, weighed.reach
    within = 1.0 - reach.beyond
    normal = weight / (float(weight.mean()) / within)
    plain = float((normal * choices.rewards).mean()) / within
    trust = _trust(weighed, normal, plain)
    # Within reach only: beyond, the regression is all there is.
    expected = np.where(reach.inside, plain + trust * (weighed.expected - plain), weighed.expected)
    model = (weighed.target * expected).sum(axis=1)
    residual = choices.rewards - expected[np.arange(len(model)), choices.actions]
    correction = float((normal * residual).mean())
    deviations = model - model.mean() + normal * (residual - correction / within)
    beyond = float(np.where(reach.inside, 0.0, weighed.target * expected).sum(axis=1).mean())
    return Valued(
        float(model.mean()) + correction,
        deviations,
        weighed.scattered(expected) + float(model.var()),
        max(beyond - reach.beyond * reach.lowest, 0.0),
        max(reach.beyond * reach.highest - beyond, 0.0),
    )


def _trust(weighed: Weighed, normal: Floats, plain: float) -> float:
    """Coefficient of the regression as a control variate, from 0 to 1.

    Source: Vlassis, Bibaut, Dimakopoulou and Jebara (2019), *On the design of estimators for bandit off-policy evaluation*.
    """
    choices, reach = weighed.choices, weighed.reach
    chosen = weighed.expected[np.arange(len(normal)), choices.actions]
    around = float((normal * chosen).mean()) / (1.0 - reach.beyond)
    model = np.where(reach.inside, weighed.target * weighed.expected, 0.0).sum(axis=1)
    control = normal * (chosen - around) - (model - model.mean())
    squares = float((control**2).sum())
    explained = float((control * normal * (choices.rewards - plain)).sum())
    return min(max(explained / squares, 0.0), 1.0) if squares > 0.0 else 1.0
