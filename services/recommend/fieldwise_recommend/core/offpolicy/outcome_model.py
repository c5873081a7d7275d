"""What each action would have brought each customer, by regression on others' decisions; knows no weight."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from fieldwise_recommend.core.offpolicy.choices import Choices, Flags, Floats, Integers

FOLDS: Final = 5
# How strongly an action's own line is drawn to the line of all actions: rows that the pull is worth.
_PULLS: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
# Keeps the common line solvable when facts repeat each other.
_RIDGE: Final = 1e-3
# Newton steps of the logistic line; from the fourth on nothing moves that an estimate would show.
_STEPS: Final = 5
_MOST_LOG_ODDS: Final = 8.0
# More facts have too many pairs for the rows that there are.
_MOST_FACTS_IN_PAIRS: Final = 8


class _Moments(NamedTuple):
    """Sums over rows of z z', z y and y^2, one for each action; those of all rows less those of a fold are of the others."""

    squares: Floats
    products: Floats
    outcomes: Floats


def expected_rewards(choices: Choices, seed: int = 0) -> Floats:
    """Expected reward of every action for every decision, shape (n, actions), each from the other folds' customers.

    A line in the facts for each action, drawn to a common line: an action that was hardly tried is taken to be like the
    others. How strongly it is drawn, and whether products of two facts are in it, is chosen by the error on the rows left out.
    Where rewards are 0 or 1 only, the line is one of log-odds; else predictions are kept within the rewards seen.
    """
    fold_of = _folds(choices.customers, seed)
    count = choices.logged.shape[1]
    straight = _standardised(choices.facts)
    bases = [straight]
    if choices.facts.shape[1] <= _MOST_FACTS_IN_PAIRS:
        bases.append(_with_pairs(straight))
    tried = [_best_pull(basis, choices, fold_of) for basis in bases]
    lines = bases[int(np.argmin([error for error, _ in tried]))]
    _, pull = min(tried)
    yes_or_no = bool(np.isin(choices.rewards, (0.0, 1.0)).all())
    expected = np.empty((len(lines), count))
    for fold in range(FOLDS):
        others = fold_of != fold
        of = (lines[others], choices.actions[others], choices.rewards[others])
        mine = fold_of == fold
        if yes_or_no:
            expected[mine] = _chance(lines[mine] @ _logistic(*of, count, pull).T)
        else:
            expected[mine] = lines[mine] @ _fit(_moments(*of, count), pull).T
    return expected.clip(choices.rewards.min(), choices.rewards.max())


def _standardised(facts: Floats) -> Floats:
    """Facts of mean 0 and spread 1 beside a column of ones; what is not known stands at the mean."""
    known = np.isfinite(facts)
    counted = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, facts, 0.0).sum(axis=0) / counted
    centred = np.where(known, facts - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / counted)
    return np.column_stack([np.ones(len(facts)), centred / np.where(spread > 0.0, spread, 1.0)])


def _with_pairs(lines: Floats) -> Floats:
    """Beside each fact its products with itself and the others."""
    first, second = np.triu_indices(lines.shape[1] - 1)
    facts = lines[:, 1:]
    return np.column_stack([lines, _standardised(facts[:, first] * facts[:, second])[:, 1:]])


def _folds(customers: Integers, seed: int) -> Integers:
    """A fold for each row; all rows of a customer are in one."""
    distinct, position = np.unique(customers, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(distinct)) % FOLDS
    fold: Integers = drawn[position]
    return fold


def _best_pull(lines: Floats, choices: Choices, fold_of: Integers) -> tuple[float, float]:
    """The least squared error on rows left out, and the pull that has it."""
    count = choices.logged.shape[1]
    parts: list[_Moments] = []
    for fold in range(FOLDS):
        mine: Flags = fold_of == fold
        parts.append(_moments(lines[mine], choices.actions[mine], choices.rewards[mine], count))
    whole = _Moments(*(np.sum(each, axis=0) for each in zip(*parts, strict=True)))
    errors = []
    for pull in _PULLS:
        error = 0.0
        for part in parts:
            others = _Moments(*(every - own for every, own in zip(whole, part, strict=True)))
            error += _squared_error(_fit(others, pull), part)
        errors.append((error, pull))
    return min(errors)


def _moments(
    lines: Floats, actions: Integers, rewards: Floats, count: int, weight: Floats | None = None
) -> _Moments:
    width = lines.shape[1]
    squares, products, outcomes = np.zeros((count, width, width)), np.zeros((count, width)), np.zeros(count)
    for action in np.unique(actions):
        rows = actions == action
        mine, reward = lines[rows], rewards[rows]
        weighed = mine if weight is None else mine * weight[rows, None]
        squares[action], products[action], outcomes[action] = (
            weighed.T @ mine,
            weighed.T @ reward,
            reward @ reward,
        )
    return _Moments(squares, products, outcomes)


def _fit(moments: _Moments, pull: float) -> Floats:
    """Coefficients of each action, shape (actions, 1 + facts).

    Minimises the squared error plus pull x |own line - common line|^2; the actions' own parts are eliminated first, so that
    the largest system to solve is as wide as one line.
    """
    eye = np.eye(moments.squares.shape[1])
    held = moments.squares + pull * eye
    of_squares = np.linalg.solve(held, moments.squares)
    of_products = np.linalg.solve(held, moments.products[..., None])[..., 0]
    left = (moments.squares @ (eye - of_squares)).sum(axis=0) + _RIDGE * eye
    right = (moments.products - np.einsum("aij,aj->ai", moments.squares, of_products)).sum(axis=0)
    common = np.linalg.solve(left, right)
    own: Floats = common + of_products - of_squares @ common
    return own


def _logistic(lines: Floats, actions: Integers, rewards: Floats, count: int, pull: float) -> Floats:
    """The same for log-odds, by weighted squares (IRLS); a row says as much as its spread, and so does the pull."""
    mean = float(rewards.mean())
    coefficients = np.zeros((count, lines.shape[1]))
    coefficients[:, 0] = np.log(max(mean, 1e-3) / max(1.0 - mean, 1e-3))
    spread = max(mean * (1.0 - mean), 1e-3)
    for _ in range(_STEPS):
        odds = np.einsum("ij,ij->i", lines, coefficients[actions]).clip(-_MOST_LOG_ODDS, _MOST_LOG_ODDS)
        chance = _chance(odds)
        weight = np.maximum(chance * (1.0 - chance), 1e-3)
        working = odds + (rewards - chance) / weight
        coefficients = _fit(_moments(lines, actions, working, count, weight), pull * spread)
    return coefficients


def _chance(odds: Floats) -> Floats:
    probability: Floats = 1.0 / (1.0 + np.exp(-odds.clip(-_MOST_LOG_ODDS, _MOST_LOG_ODDS)))
    return probability


def _squared_error(coefficients: Floats, part: _Moments) -> float:
    fitted = np.einsum("ai,aij,aj->a", coefficients, part.squares, coefficients)
    crossed = np.einsum("ai,ai->a", coefficients, part.products)
    return float((part.outcomes - 2.0 * crossed + fitted).sum())
