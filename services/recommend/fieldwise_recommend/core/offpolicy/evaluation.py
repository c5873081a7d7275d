"""A policy's value with interval, support and verdict, or the reason why the log cannot tell; knows no wire and no store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.estimators import DR, Valued, Weighed, gain, valued
from fieldwise_recommend.core.offpolicy.intervals import Estimate, interval, standard_error
from fieldwise_recommend.core.offpolicy.outcome_model import outcome_model
from fieldwise_recommend.core.offpolicy.reach import Support, reach, spread_of_actions, support
from fieldwise_runtime.errors import InvalidRequest, Violation

# Why the log cannot tell.
TOO_FEW_EFFECTIVE_ROWS: Final = "TOO_FEW_EFFECTIVE_ROWS"
HEAVY_TAIL: Final = "HEAVY_TAIL"
INTERVAL_TOO_WIDE: Final = "INTERVAL_TOO_WIDE"
BEYOND_REACH: Final = "BEYOND_REACH"
# What can be said of a policy beside the logged one.
BETTER: Final = "BETTER"
WORSE: Final = "WORSE"
NOT_ENOUGH_EVIDENCE: Final = "NOT_ENOUGH_EVIDENCE"
REFUSED: Final = "REFUSED"

_ROUNDING: Final = 1e-6
_LEAST_SHARE: Final = 0.1
_NORMAL: Final = 1.96


@dataclass(frozen=True, slots=True)
class Limits:
    """When an estimate is refused.

    Args:
        confidence: Of all intervals.
        fewest_effective_rows: Fewer say nothing of a mean.
        heaviest_share: Most of the weight that the five heaviest rows may have.
        widest_by_chance: Most that chance may move the value to either side (95 %), as a share of it.
        most_beyond: Most of the policy's choices that may be beyond reach. Both were set on worlds of known truth, so that
            most estimates off by over a fifth are refused, and one in twenty of the others (benchmarks/recommend/offpolicy).
    """

    confidence: float = 0.95
    fewest_effective_rows: float = 5.0
    heaviest_share: float = 0.9
    widest_by_chance: float = 0.225
    most_beyond: float = 0.32


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the log says of a policy.

    Args:
        estimates: By method; DR is the one to go by.
        logged: Value of the policy that made the log, on the same decisions.
        gain: What it brings beyond logged, estimated in one: both are from the same customers.
        refusals: Why the log cannot tell; empty where it can.
    """

    estimates: Mapping[str, Estimate]
    logged: Estimate
    gain: Estimate
    support: Support
    refusals: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """REFUSED, or what the interval of the gain allows to say."""
        if self.refusals:
            return REFUSED
        if self.gain.low > 0.0:
            return BETTER
        return WORSE if self.gain.high < 0.0 else NOT_ENOUGH_EVIDENCE


class Evaluator:
    """Evaluates policies on one log; the regression is fitted once for all of them."""

    def __init__(self, choices: Choices, limits: Limits = Limits(), seed: int = 0) -> None:
        self._choices = choices
        self._limits = limits
        self._customers = len(np.unique(choices.customers))
        self._model = outcome_model(choices, seed)
        self._spread = spread_of_actions(choices, self._model.expected)

    def evaluate(self, target: Floats) -> Evaluation:
        """Values a policy.

        Args:
            target: Probability of each action under the policy, shape (n, actions).
        Raises:
            InvalidRequest: Another shape, or rows that do not add up to 1.
        """
        _check(target, self._choices.logged.shape)
        reached = reach(self._choices, target, self._model.expected, self._spread)
        weighed = Weighed(self._choices, target, reached, self._model, self._spread)
        found = valued(weighed)
        doubly = found[DR]
        estimates = {method: self._within(self._interval(each)) for method, each in found.items()}
        logged = self._interval(_logged(self._choices))
        ahead = self._interval(gain(weighed, doubly))
        behind = support(self._choices, target, reached)
        return Evaluation(estimates, logged, ahead, behind, self._refusals(behind, doubly, abs(logged.value)))

    def _within(self, estimate: Estimate) -> Estimate:
        """A mean of rewards is not beyond the rewards, whatever the weights say."""
        lowest, highest = float(self._choices.rewards.min()), float(self._choices.rewards.max())
        value, low, high = np.clip([estimate.value, estimate.low, estimate.high], lowest, highest).tolist()
        return Estimate(value, estimate.standard_error, low, high)

    def _interval(self, each: Valued) -> Estimate:
        confidence = self._limits.confidence
        return interval(each.value, self._error(each), self._customers, confidence, each.below, each.above)

    def _error(self, each: Valued) -> float:
        """The larger of what came and what was to be expected: in heavy tails the rows that came say too little."""
        rows = len(self._choices.rewards)
        return max(standard_error(each.deviations, self._choices.customers), math.sqrt(each.variance / rows))

    def _refusals(self, behind: Support, doubly: Valued, logged: float) -> tuple[str, ...]:
        """Whatever confidence is asked for: what can be told does not hang on it."""
        limits = self._limits
        # A value around 0 is compared with the logged one: no error is small beside nothing.
        scale = max(abs(doubly.value), _LEAST_SHARE * logged)
        holds = {
            TOO_FEW_EFFECTIVE_ROWS: behind.effective_rows < limits.fewest_effective_rows,
            HEAVY_TAIL: behind.heaviest_share > limits.heaviest_share,
            INTERVAL_TOO_WIDE: _NORMAL * self._error(doubly) > limits.widest_by_chance * scale,
            BEYOND_REACH: behind.beyond > limits.most_beyond,
        }
        return tuple(reason for reason, refused in holds.items() if refused)


def _logged(choices: Choices) -> Valued:
    value = float(choices.rewards.mean())
    return Valued(value, choices.rewards - value, 0.0, 0.0, 0.0)


def _check(target: Floats, shape: tuple[int, ...]) -> None:
    if target.shape != shape:
        remedy = f"give a probability for each action of each decision, shape {shape}"
        raise InvalidRequest([Violation.of("target", target.shape, remedy)])
    wrong = (target < 0.0).any(axis=1) | ~(np.abs(target.sum(axis=1) - 1.0) <= _ROUNDING)
    if wrong.any():
        remedy = "give probabilities of 0 or more that add up to 1 for each decision"
        raise InvalidRequest(
            [Violation.of(f"target[{int(wrong.argmax())}]", f"{int(wrong.sum())} rows", remedy)]
        )
