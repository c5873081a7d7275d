"""Lines of many actions, each drawn to a common line as strongly as the data says; knows no decision and no fold.

Each action's coefficients are a common line's plus its own, which are normal around 0. Coefficients come in groups (levels, slopes,
products); how far the own ones of a group spread, and the common ones but for the level, is learned with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from fieldwise_recommend.core.arrays import Floats, Ints

# The common level is as free as it can be while the system stays solvable.
_FREE: Final = 1e-3
_LEAST_PULL, _MOST_PULL = 0.05, 1e5
_FIRST_PULLS: Final = (1.0, 5.0, 20.0)
_STEPS: Final = 12
# Newton's steps at the end, where they cannot go astray; before them steps are bounded.
_NEWTON_STEPS: Final = 3
_BEFORE_PULLS: Final = 2
_MOST_LOG_ODDS: Final = 8.0
_LEAST_WEIGHT: Final = 1e-3


class Moments(NamedTuple):
    """Sums over rows of z z', z y and y^2, one for each action."""

    squares: Floats
    products: Floats
    outcomes: Floats


class _Solved(NamedTuple):
    """Own and common coefficients, and what their covariance is made of, in units of the noise."""

    common: Floats
    own: Floats
    inverse: Floats
    followed: Floats
    common_inverse: Floats


@dataclass(frozen=True, slots=True)
class DrawnLines:
    """Lines with what the data leaves open of them.

    Args:
        yes_or_no: The lines are of log-odds.
        coefficients: Of each action, shape (actions, terms).
        pulls: How strongly own coefficients are drawn to 0, in rows, shape (terms,).
        common_pulls: The same of the common ones.
        noise: Variance of an outcome around its line; 1 for log-odds.
        solved: The last step.
    """

    yes_or_no: bool
    coefficients: Floats
    pulls: Floats
    common_pulls: Floats
    noise: float
    solved: _Solved

    def doubt(self, gradient: Floats) -> float:
        """Standard deviation of a sum of coefficients times ``gradient``, shape (actions, terms), given the rows."""
        own = float(np.einsum("ai,aij,aj->", gradient, self.solved.inverse, gradient))
        free = np.eye(gradient.shape[1]) - self.solved.followed
        together = np.einsum("aij,ai->j", free, gradient)
        return float(np.sqrt(self.noise * (own + together @ self.solved.common_inverse @ together)))


def learned(
    lines: Floats, actions: Ints, outcomes: Floats, count: int, groups: Ints, yes_or_no: bool
) -> DrawnLines:
    """Fits all, pulls included.

    Args:
        lines: What an outcome is explained by, a column of ones first, shape (n, terms).
        count: Number of actions.
        groups: Group of each term, the column of ones in 0, shape (terms,).
    Source: MacKay (1992), *Bayesian interpolation*, for the pulls; Jaakkola and Jordan (2000), *Bayesian parameter estimation via
        variational methods*, for steps of log-odds that cannot go astray.
    """
    pulls = np.array(_FIRST_PULLS)[np.minimum(groups, len(_FIRST_PULLS) - 1)]
    common = np.where(groups == 0, _FREE, 1.0)
    unit = 1.0 if yes_or_no else max(float(outcomes.var()), 1e-12)
    noise, coefficients = unit, _level(outcomes, count, lines.shape[1], yes_or_no)
    moments = None if yes_or_no else moments_of(lines, actions, outcomes, count)
    solved: _Solved | None = None
    for step in range(_STEPS):
        if solved is not None and step > _BEFORE_PULLS:
            pulls, common = _pulls(solved, pulls, common, groups, noise, unit)
        bounded = step < _STEPS - _NEWTON_STEPS
        now = moments or _working(lines, actions, outcomes, coefficients, bounded)
        solved = _solved(now, pulls, common)
        coefficients = solved.common + solved.own
        if not yes_or_no:
            noise = max(_left(now, coefficients) / len(outcomes), 1e-9 * unit)
    assert solved is not None  # there are steps
    return DrawnLines(yes_or_no, coefficients, pulls, common, noise, solved)


def refitted(like: DrawnLines, lines: Floats, actions: Ints, outcomes: Floats) -> Floats:
    """Coefficients from some of the rows, drawn as all of them are, shape (actions, terms)."""
    count = len(like.coefficients)
    if not like.yes_or_no:
        solved = _solved(moments_of(lines, actions, outcomes, count), like.pulls, like.common_pulls)
        return solved.common + solved.own
    coefficients = like.coefficients
    for _ in range(_NEWTON_STEPS):
        solved = _solved(
            _working(lines, actions, outcomes, coefficients, bounded=False), like.pulls, like.common_pulls
        )
        coefficients = solved.common + solved.own
    return coefficients


def chance(odds: Floats) -> Floats:
    """Probability of log-odds."""
    probability: Floats = 1.0 / (1.0 + np.exp(-odds.clip(-_MOST_LOG_ODDS, _MOST_LOG_ODDS)))
    return probability


def moments_of(
    lines: Floats, actions: Ints, outcomes: Floats, count: int, weight: Floats | None = None
) -> Moments:
    """One for each action; rows count by ``weight``, shape (n,)."""
    width = lines.shape[1]
    squares, products, total = np.zeros((count, width, width)), np.zeros((count, width)), np.zeros(count)
    for action in np.unique(actions):
        rows = actions == action
        mine, outcome = lines[rows], outcomes[rows]
        weighed = mine if weight is None else mine * weight[rows, None]
        squares[action], products[action] = weighed.T @ mine, weighed.T @ outcome
        total[action] = outcome @ outcome
    return Moments(squares, products, total)


def _level(outcomes: Floats, count: int, terms: int, yes_or_no: bool) -> Floats:
    mean = float(outcomes.mean())
    if yes_or_no:
        mean = float(np.log(max(mean, 1e-3) / max(1.0 - mean, 1e-3)))
    coefficients = np.zeros((count, terms))
    coefficients[:, 0] = mean
    return coefficients


def _working(lines: Floats, actions: Ints, happened: Floats, coefficients: Floats, bounded: bool) -> Moments:
    """Moments of a step of log-odds: weighted squares; ``bounded`` takes the curvature that no point exceeds."""
    odds = np.einsum("ij,ij->i", lines, coefficients[actions])
    probability = chance(odds)
    if bounded:
        far = np.maximum(np.abs(odds), 1e-3)
        weight = np.tanh(far / 2.0) / (2.0 * far)
    else:
        weight = np.maximum(probability * (1.0 - probability), _LEAST_WEIGHT)
    return moments_of(lines, actions, odds + (happened - probability) / weight, len(coefficients), weight)


def _solved(moments: Moments, pulls: Floats, common: Floats) -> _Solved:
    """The actions' own parts are eliminated first, so that the largest system to solve is as wide as one line."""
    inverse = np.linalg.inv(moments.squares + np.diag(pulls)).astype(np.float64)
    followed: Floats = inverse @ moments.squares
    alone = np.einsum("aij,aj->ai", inverse, moments.products)
    # squares - squares inverse squares = squares inverse pulls: what the own parts leave to the common line.
    together: Floats = (moments.squares @ inverse * pulls).sum(axis=0) + np.diag(common)
    left = (moments.products - np.einsum("aij,aj->ai", moments.squares, alone)).sum(axis=0)
    common_inverse = np.linalg.inv(together).astype(np.float64)
    line = common_inverse @ left
    return _Solved(line, alone - followed @ line, inverse, followed, common_inverse)


def _pulls(
    solved: _Solved, pulls: Floats, common: Floats, groups: Ints, noise: float, unit: float
) -> tuple[Floats, Floats]:
    """From how far coefficients lie from 0, counting those that the data tells of; one more of ``unit`` keeps few from running off."""
    own_variance = np.einsum("aii->ai", solved.inverse) + np.einsum(
        "aij,jk,aik->ai", solved.followed, solved.common_inverse, solved.followed
    )
    common_variance = np.diag(solved.common_inverse)
    own_told, common_told = 1.0 - pulls * own_variance, 1.0 - common * common_variance
    new, new_common = pulls.copy(), common.copy()
    for group in np.unique(groups):
        mine = groups == group
        new[mine] = _pull(own_told[:, mine], solved.own[:, mine], noise, unit)
        if group:
            new_common[mine] = _pull(common_told[mine], solved.common[mine], noise, unit)
    return new, new_common


def _pull(told: Floats, coefficients: Floats, noise: float, unit: float) -> float:
    count = float(told.clip(0.0).sum()) + 1.0
    return float(np.clip(noise * count / (float((coefficients**2).sum()) + unit), _LEAST_PULL, _MOST_PULL))


def _left(moments: Moments, coefficients: Floats) -> float:
    fitted = np.einsum("ai,aij,aj->", coefficients, moments.squares, coefficients)
    return float(moments.outcomes.sum() - 2.0 * np.einsum("ai,ai->", coefficients, moments.products) + fitted)
