"""Four ways to value a policy from another's choices, each with what its rows and its bounds leave open; knows no refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.intervals import standard_error
from fieldwise_recommend.core.offpolicy.outcome_model import OutcomeModel
from fieldwise_recommend.core.offpolicy.reach import Reach

# Inverse propensity scoring, the same normalised by its weights, the regression alone, and both together.
IPS: Final = "IPS"
SNIPS: Final = "SNIPS"
DM: Final = "DM"
DR: Final = "DR"
METHODS: Final = (IPS, SNIPS, DM, DR)
# A regression is taken to be off by so many times its own doubt: it does not know what it is blind to. Set on simulated policies
# that are not among those reported.
_BLINDNESS: Final = 1.25


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
        spread: Variance of rewards around what the regression expects, shape (actions,).
    """

    choices: Choices
    target: Floats
    reach: Reach
    model: OutcomeModel
    spread: Floats

    @property
    def expected(self) -> Floats:
        """Expected reward of each action, from rows of other customers, shape (n, actions)."""
        return self.model.expected

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
    """Doubly robust: what the regression expects, and the rows' correction of it."""
    reach = weighed.reach
    expected = weighed.target * weighed.expected
    beyond = float(np.where(reach.inside, 0.0, expected).sum(axis=1).mean())
    inside = np.where(reach.inside, weighed.target, 0.0)
    _, correction, deviations = _corrections(weighed, weight)
    return _corrected(
        weighed,
        expected.sum(axis=1),
        correction,
        deviations,
        weighed.model.doubt(inside),
        float(((inside * reach.ratio) @ weighed.spread).mean()),
        max(beyond - reach.beyond * reach.lowest, 0.0),
        max(reach.beyond * reach.highest - beyond, 0.0),
    )


def gain(weighed: Weighed, doubly: Valued) -> Valued:
    """What the policy brings beyond the logged one, doubly robust; 0 without doubt for the logged policy itself.

    Its variance is of (policy - log)^2 / log: from the same customers, both move together.
    """
    choices, reach = weighed.choices, weighed.reach
    apart = weighed.target - choices.logged
    possible = reach.inside & (choices.logged > 0.0)
    squares = np.divide(apart**2, choices.logged, out=np.zeros_like(apart), where=possible)
    residual, correction, deviations = _corrections(weighed, weighed.weights)
    return _corrected(
        weighed,
        (apart * weighed.expected).sum(axis=1),
        correction - float(residual.mean()),
        deviations - (residual - residual.mean()),
        weighed.model.doubt(np.where(possible, apart, 0.0)),
        float((squares @ weighed.spread).mean()),
        doubly.below,
        doubly.above,
    )


def _corrections(weighed: Weighed, weight: Floats) -> tuple[Floats, float, Floats]:
    """Residuals of the regression, their mean under the policy, weights normalised, and what each row moves that by."""
    choices, within = weighed.choices, 1.0 - weighed.reach.beyond
    residual = choices.rewards - weighed.expected[np.arange(len(weight)), choices.actions]
    mean = float(weight.mean())
    normal = weight * (within / mean) if mean else weight
    correction = float((normal * residual).mean())
    return residual, correction, normal * (residual - (correction / within if within else 0.0))


def _corrected(
    weighed: Weighed,
    model: Floats,
    correction: float,
    deviations: Floats,
    doubt: float,
    foretold: float,
    below: float,
    above: float,
) -> Valued:
    """The regression's value, corrected by as much of its residuals' mean as is not their noise.

    Where the rows that speak of a policy are few and the regression is sure, their correction would add more noise than it
    takes error away; at least half of it is believed. The share is near 1 where the correction is far beyond its noise: a regression
    that is wrong is found out. The error is that of the whole correction, since a regression does not know what it is blind to.

    Args:
        model: What the regression expects of each row.
        deviations: What each row moves the correction by.
        doubt: The regression's own error.
        foretold: Variance of a row's correction, as the known probabilities foretell it.
    Source: Morris (1983), *Parametric empirical Bayes inference*, for drawing one estimate to another.
    """
    noise = max(standard_error(deviations, weighed.choices.customers) ** 2, foretold / len(model))
    open_ = max((_BLINDNESS * doubt) ** 2, noise, correction**2 - noise)
    share = open_ / (open_ + noise) if noise else 1.0
    return Valued(
        float(model.mean()) + share * correction,
        model - model.mean() + deviations,
        foretold + float(model.var()),
        below,
        above,
    )
