"""How far a log reaches: which choices of a policy it speaks of, and how many rows of it count; knows no estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.offpolicy.choices import Choices

# A single row may stand for at most this share of all rows; the share is chosen among these.
_LARGEST_SHARES: Final = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
# Rows that the spread of all actions is worth, beside an action's own.
_SHARED_ROWS: Final = 10.0
_HEAVIEST_ROWS: Final = 5
_NORMAL: Final = 1.96


@dataclass(frozen=True, slots=True)
class Reach:
    """The policy's choices that the log speaks of, and those beyond, which only a model or a bound can speak of.

    Args:
        ratio: How much more often the policy makes each choice than the log, 0 where it is beyond, shape (n, actions).
        inside: The choices within reach, shape (n, actions).
        beyond: Share of the policy's choices beyond reach.
        lowest, highest: Between which the expected reward beyond reach is taken to be.
    """

    ratio: Floats
    inside: Bools
    beyond: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Support:
    """What stands behind an estimate.

    Args:
        rows: Decisions in the log.
        effective_rows: (sum of weights)^2 / sum of squared weights: so many rows of the policy's own log would say as much.
        largest_weight: The heaviest row's weight.
        heaviest_share: Share of all weight on the five heaviest rows.
        unsupported: Share of the policy's choices that the logger would never have made.
        beyond: Share of the policy's choices that it would have made so seldom that no row can stand for them; the
            unsupported are among them.
    """

    rows: int
    effective_rows: float
    largest_weight: float
    heaviest_share: float
    unsupported: float
    beyond: float


def spread_of_actions(choices: Choices, expected: Floats) -> Floats:
    """Variance of the reward around its expectation for each action, drawn to that of all actions, shape (actions,)."""
    squares = (choices.rewards - expected[np.arange(len(expected)), choices.actions]) ** 2
    count = expected.shape[1]
    tried = np.bincount(choices.actions, minlength=count)
    own = np.bincount(choices.actions, weights=squares, minlength=count)
    drawn: Floats = (own + _SHARED_ROWS * squares.mean()) / (tried + _SHARED_ROWS)
    return drawn


def reach(choices: Choices, target: Floats, expected: Floats, spread: Floats) -> Reach:
    """Draws the line where what heavy rows add to the interval equals what giving them up would add.

    The line depends on probabilities and on the average spread, not on what single rows brought: choosing it moves no estimate.

    Source: Wang, Agarwal and Dudik (2017), *Optimal and adaptive off-policy evaluation in contextual bandits*, section 4.
    """
    rows = len(target)
    lowest = float(choices.rewards.min())
    # Expectations reach less far than single rewards, of which one may be a wholesale order.
    highest = float(np.quantile(expected, 0.99))
    row, action = np.nonzero(target)
    wanted, logged = target[row, action], choices.logged[row, action]
    ratio = np.divide(wanted, logged, out=np.full(len(wanted), np.inf), where=logged > 0.0)
    lines = np.maximum(rows * np.array(_LARGEST_SHARES), 1.0)
    # Sums below each line: how many of the others it lies above tells where a choice begins to count.
    after = len(lines) - np.searchsorted(lines[::-1], ratio)
    finite = np.where(np.isfinite(ratio), ratio, 0.0)
    within = _from_the_last(after, wanted, len(lines))
    second = _from_the_last(after, wanted * finite * spread[action], len(lines))
    beyond = np.maximum(float(wanted.sum()) - within, 0.0) / rows
    widths = _NORMAL * np.sqrt(second) / rows + beyond * (highest - lowest) / 2.0
    # Of lines that are as good, the highest: it gives up least.
    best = int(np.argmax(widths <= widths.min() + 1e-12))
    kept = ratio <= lines[best]
    dense, inside = np.zeros(target.shape), np.ones(target.shape, dtype=np.bool_)
    dense[row, action], inside[row, action] = np.where(kept, ratio, 0.0), kept
    return Reach(dense, inside, float(beyond[best]), lowest, max(highest, lowest))


def _from_the_last(after: Ints, amounts: Floats, count: int) -> Floats:
    """For each of ``count`` falling lines the sum of amounts whose ``after`` is beyond its place, shape (count,)."""
    sums = np.bincount(after, weights=amounts, minlength=count + 1)
    return np.cumsum(sums[::-1])[::-1][1:].astype(np.float64)


def support(choices: Choices, target: Floats, reached: Reach) -> Support:
    """What the log supports of a policy, all weights counted, those beyond reach included."""
    weight = target[np.arange(len(target)), choices.actions] / choices.propensities
    total, squares = float(weight.sum()), float((weight**2).sum())
    heaviest = float(np.sort(weight)[-_HEAVIEST_ROWS:].sum())
    return Support(
        len(weight),
        total**2 / squares if squares else 0.0,
        float(weight.max()),
        heaviest / total if total else 1.0,
        float(np.where(choices.logged > 0.0, 0.0, target).sum(axis=1).mean()),
        reached.beyond,
    )
