"""A table of at most four segments, and the best action of each: found exactly; knows no learner and no wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints

_CUTS: Final = 12


@dataclass(frozen=True, slots=True)
class Split:
    """A question about one fact: is it known and at most ``limit``?"""

    fact: int
    limit: float

    def holds(self, facts: Floats) -> Bools:
        found: Bools = facts[:, self.fact] <= self.limit  # NaN is not
        return found


@dataclass(frozen=True, slots=True)
class Segments:
    """A question, and one more for each of its answers.

    Args:
        actions: Column of the best action of each segment: yes-yes, yes-no, no-yes, no-no.
    """

    first: Split
    if_yes: Split
    if_no: Split
    actions: tuple[int, int, int, int]

    def of(self, facts: Floats) -> Ints:
        """The segment of each customer, 0 to 3, shape (n,)."""
        yes = self.first.holds(facts)
        inner = np.where(yes, self.if_yes.holds(facts), self.if_no.holds(facts))
        return np.where(yes, 0, 2) + np.where(inner, 0, 1)

    def chosen(self, facts: Floats) -> Ints:
        """Column of the action of each customer, shape (n,)."""
        return np.asarray(self.actions)[self.of(facts)]


def segments(facts: Floats, worth: Floats) -> Segments | None:
    """The table with the largest sum of worth, of all that can be made of cuts at quantiles; None without any cut.

    Args:
        worth: Of each action for each row, shape (n, actions): doubly robust scores, or what a model makes of them.
    Source: Athey and Wager (2021), Policy learning with observational data: exact search of shallow trees.
    """
    splits = _splits(facts)
    if not splits:
        return None
    answers = np.column_stack([each.holds(facts) for each in splits]).astype(np.float64)
    # Sums of worth over rows that answer yes to both of two questions give those of all four answers.
    both = np.stack([answers.T @ (answers * column[:, None]) for column in worth.T], axis=-1)
    yes = np.einsum("iik->ik", both)
    total = worth.sum(axis=0)
    yes_no = yes[:, None] - both
    no_yes = yes[None, :] - both
    no_no = total - yes[:, None] - yes[None, :] + both
    after_yes = both.max(axis=-1) + yes_no.max(axis=-1)
    after_no = no_yes.max(axis=-1) + no_no.max(axis=-1)
    first = int((after_yes.max(axis=1) + after_no.max(axis=1)).argmax())
    second, third = int(after_yes[first].argmax()), int(after_no[first].argmax())
    leaves = (both[first, second], yes_no[first, second], no_yes[first, third], no_no[first, third])
    a, b, c, d = (int(each.argmax()) for each in leaves)
    return Segments(splits[first], splits[second], splits[third], (a, b, c, d))


def _splits(facts: Floats) -> list[Split]:
    found = []
    for fact, column in enumerate(facts.T):
        known = column[np.isfinite(column)]
        if not len(known):
            continue
        cuts = np.unique(np.quantile(known, np.arange(1, _CUTS) / _CUTS, method="lower"))
        limits = cuts[cuts < known.max()].tolist()
        if not limits and known.min() < known.max():
            limits = [float(known.min())]
        # Known or not may be what matters.
        if len(known) < len(column):
            limits.append(float(known.max()))
        found += [Split(fact, limit) for limit in limits]
    return found
