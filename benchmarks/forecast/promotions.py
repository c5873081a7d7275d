"""Simulated contests of a champion and a challenger whose true difference is known; knows no gate.

Fixed before the gate was tuned. Their errors are as alike as those of a refitted and a frozen XGBoost on Complete
Journey's 202 commodities: correlation .975, and a spread of the weekly gain of 3.3 % (own measurement, weeks 32-47).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SERIES = 200
# Weeks that are compared before a promotion, and weeks in which the promoted model then has to prove itself.
SEEN, NEXT = 20, 4
ALIKE = 0.975
# Share of an error's variance that all series have in common in a week (a holiday, a storm).
COMMON = 0.06
# The advantage of a challenger is not the same in all weeks: it wanders, with this spread and memory.
WANDERING, MEMORY = 0.01, 0.7


@dataclass(frozen=True)
class Contest:
    """Absolute errors, shape (n_series, SEEN + NEXT); ``advantage`` is the share by which the challenger's are smaller."""

    advantage: float
    champion: Floats
    challenger: Floats
    naive: Floats

    @property
    def next_gain(self) -> float:
        """Gain of the challenger in the weeks after the promotion, over all series: below -.01 it is over 1 % worse."""
        theirs, ours = (losses[:, SEEN:].sum() for losses in (self.champion, self.challenger))
        return float(1 - ours / theirs)


def contest(advantage: float, chance: np.random.Generator) -> Contest:
    """One contest: the challenger's errors are ``1 - advantage`` times as large as the champion's on average."""
    size = np.exp(chance.normal(0, 0.8, (SERIES, 1)))
    first, second = shocks(chance), shocks(chance)
    other = ALIKE * first + np.sqrt(1 - ALIKE**2) * second
    shrink = 1 - advantage - wander(chance)
    # The naive forecast is a tenth worse and rests on the same surprises.
    return Contest(advantage, np.abs(size * first), np.abs(size * other * shrink), 1.1 * np.abs(size * first))


def shocks(chance: np.random.Generator) -> Floats:
    """Surprises of mean 0 and variance 1, heavy-tailed, partly common to all series of a week."""
    weeks = SEEN + NEXT
    own = chance.standard_t(5, (SERIES, weeks)) / np.sqrt(5 / 3)
    common = chance.standard_t(5, (1, weeks)) / np.sqrt(5 / 3)
    return np.asarray(np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * own)


def wander(chance: np.random.Generator) -> Floats:
    """How the advantage strays from week to week, shape (SEEN + NEXT,)."""
    steps = chance.normal(0, WANDERING * np.sqrt(1 - MEMORY**2), SEEN + NEXT)
    path = np.empty(SEEN + NEXT)
    path[0] = chance.normal(0, WANDERING)
    for week in range(1, len(path)):
        path[week] = MEMORY * path[week - 1] + steps[week]
    return path
