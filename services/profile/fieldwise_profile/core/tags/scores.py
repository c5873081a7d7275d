"""Chances, log loss and AUC of scores; knows no learner and no tag."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SURE: Final = 35.0


def probability(log_odds: Array) -> Array:
    """Probability of the outcome for each row."""
    found: Array = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -_SURE, _SURE)))
    return found


def row_losses(chance: Array, outcome: Array) -> Array:
    """Log loss of each row, in nats."""
    losses: Array = -np.where(outcome > 0.5, np.log(chance), np.log1p(-chance))
    return losses


class Ranked:
    """Rows in the order of a score, for the AUC under many weightings of the rows."""

    def __init__(self, score: Array, outcome: Array) -> None:
        self._order = np.argsort(score, kind="stable")
        ordered = score[self._order]
        self._ties = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self._positive = outcome[self._order]

    def auc(self, weights: Array | None = None) -> float:
        """Probability that a row with the outcome scores above one without, ties counting half; NaN without either."""
        weight = np.ones(len(self._order)) if weights is None else weights[self._order]
        positive = np.add.reduceat(weight * self._positive, self._ties)
        negative = np.add.reduceat(weight * (1 - self._positive), self._ties)
        below = np.cumsum(negative) - negative
        pairs = float(positive.sum() * negative.sum())
        return float((positive * (below + negative / 2)).sum()) / pairs if pairs else float("nan")


def auc(score: Array, outcome: Array) -> float:
    """Area under the ROC curve."""
    return Ranked(score, outcome).auc()
