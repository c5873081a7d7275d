"""Logged choices as arrays, and what may be asked of them; knows no estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_runtime.errors import InvalidRequest, Violation

# Probabilities of one decision may miss 1 by their rounding.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Choices:
    """Decisions made with chance, and what came of them.

    Args:
        rewards: What came of each decision, shape (n,).
        actions: Position of the chosen action, shape (n,).
        logged: Probability with which each action was chosen, 0 where it was none of the candidates, shape (n, actions); rows
            add up to 1.
        facts: What was known of the customer, shape (n, facts); NaN where a fact was not known.
        customers: Whose decision it was, any integers, shape (n,). Decisions about one customer are not independent.
    Raises:
        InvalidRequest: Shapes differ, a reward is not finite, probabilities are none, or a chosen action had none.
    """

    rewards: Floats
    actions: Ints
    logged: Floats
    facts: Floats
    customers: Ints

    def __post_init__(self) -> None:
        faults = [*_shape_faults(self)]
        if not faults:
            faults = [*_value_faults(self)]
        if faults:
            raise InvalidRequest(faults)

    @property
    def propensities(self) -> Floats:
        """Probability of each choice that was made, shape (n,)."""
        made: Floats = self.logged[np.arange(len(self.actions)), self.actions]
        return made

    def taken(self, rows: Bools) -> Choices:
        """The choices of these rows only."""
        return Choices(
            self.rewards[rows], self.actions[rows], self.logged[rows], self.facts[rows], self.customers[rows]
        )


def _shape_faults(choices: Choices) -> list[Violation]:
    rows = len(choices.rewards)
    if not rows:
        return [Violation.of("rewards", 0, "give at least one decision")]
    found = []
    for name, value, dimensions in (
        ("rewards", choices.rewards, 1),
        ("actions", choices.actions, 1),
        ("logged", choices.logged, 2),
        ("facts", choices.facts, 2),
        ("customers", choices.customers, 1),
    ):
        if value.ndim != dimensions or len(value) != rows:
            remedy = f"give {rows} rows, one for each reward, in {dimensions} dimension(s)"
            found.append(Violation.of(name, value.shape, remedy))
    return found


def _value_faults(choices: Choices) -> list[Violation]:
    found = []
    unknown = int((~np.isfinite(choices.rewards)).sum())
    if unknown:
        found.append(
            Violation.of("rewards", f"{unknown} not finite", "leave out decisions whose window is open")
        )
    logged = choices.logged
    wrong = (logged < 0.0).any(axis=1) | ~(np.abs(logged.sum(axis=1) - 1.0) <= _ROUNDING)
    if wrong.any():
        remedy = "give probabilities of 0 or more that add up to 1 for each decision"
        found.append(Violation.of(f"logged[{int(wrong.argmax())}]", f"{int(wrong.sum())} rows", remedy))
    if ((choices.actions < 0) | (choices.actions >= logged.shape[1])).any():
        found.append(
            Violation.of("actions", int(choices.actions.max()), "give positions in the columns of logged")
        )
    elif (choices.propensities <= 0.0).any():
        remedy = "a choice that was made had a probability above 0; check how the log was joined"
        found.append(Violation.of("logged", f"{int((choices.propensities <= 0.0).sum())} choices", remedy))
    return found


def folds(customers: Ints, count: int, seed: tuple[int, ...]) -> Ints:
    """A fold for each row, even in customers; all rows of a customer are in one."""
    distinct, position = np.unique(customers, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(distinct)) % count
    fold: Ints = drawn[position]
    return fold
