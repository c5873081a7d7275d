"""Added reward of each action for each customer: learners stacked and drawn to the average; knows no policy and no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import nnls

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.offpolicy.choices import folds
from fieldwise_recommend.core.uplift.contrasts import NOTHING, Scores
from fieldwise_recommend.core.uplift.learners import LEARNERS, Learned, Learner

_FOLDS: Final = 3
# With fewer contrasts of an action nothing is said but their average.
_FEWEST: Final = 200


@dataclass(frozen=True, slots=True)
class Added:
    """What one action adds.

    Args:
        average: Over all customers it was open to.
        error: Standard error of that.
        parts: What was learned, its own mean, and the weight of its deviations from that.
    """

    average: float
    error: float
    parts: tuple[tuple[Learned, float, float], ...]

    def of(self, facts: Floats) -> Floats:
        """For each customer, shape (n,)."""
        found = np.full(len(facts), self.average)
        for learned, mean, weight in self.parts:
            found += weight * (learned(facts) - mean)
        return found


@dataclass(frozen=True, slots=True)
class Effects:
    """What each action adds, in the order of the columns; doing nothing adds 0."""

    added: tuple[Added, ...]

    def of(self, facts: Floats) -> Floats:
        """Added reward, shape (n, actions)."""
        return np.column_stack([each.of(facts) for each in self.added])


def effects(known: Scores, seed: int = 0, learners: Sequence[Learner] = LEARNERS) -> Effects:
    """Learns what each action adds for whom.

    Each learner answers for customers it has not seen; the weights of their answers (0 or more, least squares against the
    contrasts) are what the answers have earned there. Where nothing is to be found they are near 0, and everybody gets the average.
    """
    contrasts = known.contrasts
    fold = folds(known.customers, _FOLDS, (53, seed))
    found = [Added(0.0, 0.0, ())]
    for action in range(NOTHING + 1, contrasts.shape[1]):
        seen = np.isfinite(contrasts[:, action])
        found.append(_added(known.facts[seen], contrasts[seen, action], fold[seen], learners, seed))
    return Effects(tuple(found))


def _added(facts: Floats, contrasts: Floats, fold: Ints, learners: Sequence[Learner], seed: int) -> Added:
    if not len(contrasts):
        return Added(-np.inf, np.inf, ())
    average = float(contrasts.mean())
    error = float(contrasts.std() / np.sqrt(len(contrasts)))
    if len(contrasts) < _FEWEST:
        return Added(average, error, ())
    answers = np.empty((len(contrasts), len(learners)))
    for each in range(_FOLDS):
        mine = fold == each
        for place, learner in enumerate(learners):
            learned = learner(facts[~mine], contrasts[~mine], seed)
            # Against the mean over those it was fitted on: only differences between customers are weighed.
            answers[mine, place] = learned(facts[mine]) - float(contrasts[~mine].mean())
    weights = _weights(answers, contrasts - average)
    parts = []
    for learner, weight in zip(learners, weights.tolist(), strict=True):
        if weight:
            learned = learner(facts, contrasts, seed)
            parts.append((learned, float(learned(facts).mean()), weight))
    return Added(average, error, tuple(parts))


def _weights(answers: Floats, contrasts: Floats) -> Floats:
    """Weights of 0 or more, together 1 at most: an answer is never believed more than it claims."""
    weights: Floats = nnls(answers, contrasts)[0]
    total = float(weights.sum())
    return weights / total if total > 1.0 else weights
