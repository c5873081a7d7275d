"""What each action would have brought each customer, by regression on others' decisions, and how unsure that is; knows no weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.offpolicy.choices import Choices, folds
from fieldwise_recommend.core.offpolicy.drawn_lines import DrawnLines, chance, learned, refitted

FOLDS: Final = 5
# So many decisions tell a line as well as is needed; beyond them a sample is learned from, and all are expected of.
_MOST_ROWS: Final = 100_000
# More facts have too many pairs for the rows that there are.
_MOST_FACTS_IN_PAIRS: Final = 8
# Groups of terms: the level, facts, products of two facts, and how readily the logger chose the action.
_LEVEL, _FACTS, _PAIRS, _READINESS = range(4)
# Choices less likely were as good as never made: their log would stand for nothing that was seen.
_LEAST_PROBABILITY: Final = 1e-4
# Logs that differ by less do so by rounding.
_EVEN: Final = 1e-9


@dataclass(frozen=True, slots=True)
class OutcomeModel:
    """The regression.

    Args:
        expected: Expected reward of every action for every decision, each from other customers, shape (n, actions).
        terms: What expectations hang on beside the action, shape (n, terms).
        readiness: How readily the logger chose each action, shape (n, actions).
        lines: Fitted to all decisions.
    """

    expected: Floats
    terms: Floats
    readiness: Floats
    lines: DrawnLines

    def doubt(self, probability: Floats) -> float:
        """Standard deviation that the rows leave to the mean of ``probability`` x expected reward, shape (n, actions)."""
        moved = probability
        if self.lines.yes_or_no:
            expected = _expected(self.lines.coefficients, self.terms, self.readiness, yes_or_no=True)
            moved = probability * expected * (1.0 - expected)
        by_readiness = (moved * self.readiness).sum(axis=0)
        return self.lines.doubt(np.column_stack([moved.T @ self.terms, by_readiness]) / len(moved))


def outcome_model(choices: Choices, seed: int = 0) -> OutcomeModel:
    """A line in the facts and their products for each action, drawn to a common line: what was hardly tried is like the others.

    One more term is how readily the logger chose the action: where it knew something, what it avoided brings less, which decisions
    that were made do not show. Where rewards are 0 or 1 only, the line is one of log-odds; else predictions are kept within the
    rewards seen. No decision is expected of by a regression that saw its customer.

    Source: Scharfstein, Rotnitzky and Robins (1999), *Adjusting for nonignorable drop-out*, rejoinder, for the probability of the
        choice as a term of the regression.
    """
    terms, groups = _terms(choices.facts)
    readiness = _readiness(choices)
    rows = np.arange(len(terms))
    lines = np.column_stack([terms, readiness[rows, choices.actions]])
    yes_or_no = bool(np.isin(choices.rewards, (0.0, 1.0)).all())
    actions, rewards, count = choices.actions, choices.rewards, choices.logged.shape[1]
    sample = _sample(len(terms), seed)
    all_groups = np.append(groups, _READINESS)
    whole = learned(lines[sample], actions[sample], rewards[sample], count, all_groups, yes_or_no)
    expected = np.empty((len(terms), count))
    fold_of = folds(choices.customers, FOLDS, (seed,))
    for fold in range(FOLDS):
        mine: Bools = fold_of == fold
        others = sample & ~mine
        if mine.any():
            coefficients = refitted(whole, lines[others], actions[others], rewards[others])
            expected[mine] = _expected(coefficients, terms[mine], readiness[mine], yes_or_no)
    return OutcomeModel(expected.clip(rewards.min(), rewards.max()), terms, readiness, whole)


def _sample(rows: int, seed: int) -> Bools:
    taken = np.zeros(rows, dtype=np.bool_)
    taken[np.random.default_rng((71, seed)).permutation(rows)[:_MOST_ROWS]] = True
    return taken


def _expected(coefficients: Floats, terms: Floats, readiness: Floats, yes_or_no: bool) -> Floats:
    found: Floats = terms @ coefficients[:, :-1].T + readiness * coefficients[:, -1]
    return chance(found) if yes_or_no else found


def _terms(facts: Floats) -> tuple[Floats, Ints]:
    """A column of ones, facts, and products of each with itself and the others; the group of each column."""
    straight = _standardised(facts)
    width = facts.shape[1]
    groups = np.repeat([_LEVEL, _FACTS], [1, width])
    if not 0 < width <= _MOST_FACTS_IN_PAIRS:
        return straight, groups
    first, second = np.triu_indices(width)
    pairs = _standardised(straight[:, 1 + first] * straight[:, 1 + second])[:, 1:]
    return np.column_stack([straight, pairs]), np.append(groups, np.full(pairs.shape[1], _PAIRS))


def _standardised(facts: Floats) -> Floats:
    """Facts of mean 0 and spread 1 beside a column of ones; what is not known stands at the mean."""
    known = np.isfinite(facts)
    counted = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, facts, 0.0).sum(axis=0) / counted
    centred = np.where(known, facts - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / counted)
    return np.column_stack([np.ones(len(facts)), centred / np.where(spread > 0.0, spread, 1.0)])


def _readiness(choices: Choices) -> Floats:
    """Log of the logger's probabilities, of mean 0 and spread 1 over the actions that could be chosen; 0 where all are even."""
    possible = choices.logged > 0.0
    seen = np.log(np.maximum(choices.logged[possible], _LEAST_PROBABILITY))
    spread = float(seen.std())
    found = np.zeros_like(choices.logged)
    if spread > _EVEN:
        found[possible] = (seen - seen.mean()) / spread
        found[~possible] = found.min()
    return found
