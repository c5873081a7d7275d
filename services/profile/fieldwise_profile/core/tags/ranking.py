"""Tags in the order in which they are useful together, and how many are enough; knows no rule and no customer.

Of tags that say nearly the same the most telling one stays. Then recursive elimination: boosted trees are grown on all tags,
for several draws of the customers with replacement; the fifth of the tags whose splits gained least over the draws goes, and
trees are grown on the rest. The last to go are the most useful.
Source: Guyon, Weston, Barnhill and Vapnik (2002), recursive feature elimination; Meinshausen and Buhlmann (2010), stability
selection, for the draws. What was tried beside it, on the older rows of Complete Journey, stands in `docs/methods/tags.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldwise_profile.core.tags.boosting import gains, log_odds
from fieldwise_profile.core.tags.scores import Array, auc

Places = NDArray[np.int64]
Told = Callable[[int, int], None]

FOLDS: Final = 5
# The knee: the fewest tags so near to the best of the curve.
KNEE: Final = 0.003
# From this correlation on two tags say the same, and share their gain: only one of them is looked at.
COPY: Final = 0.9
# Draws of customers at each step of the elimination, and the share of the tags that goes.
DRAWS: Final = 3
GOING: Final = 0.2


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""


def ranked(columns: Array, outcome: Array, groups: Places, most: int, told: Told = _ignore) -> list[int]:
    """Places of at most ``most`` columns, the most useful first.

    Args:
        columns: 0 or 1, shape (rows, tags).
        outcome: 0 or 1 for each row; both occur.
        groups: The customer of each row; customers are drawn whole.
    """
    dropped = _copies(columns, outcome)
    left = [place for place in range(columns.shape[1]) if place not in dropped]
    step = 0
    while left:
        gained = _gained(columns[:, left], outcome, groups, step)
        # Not past the number asked for in one go: the tags that stay are chosen at exactly that number.
        above = len(left) - most if len(left) > most else len(left)
        going = np.argsort(gained, kind="stable")[: min(above, max(1, int(GOING * len(left))))].tolist()
        dropped += [left[place] for place in going]
        left = [tag for place, tag in enumerate(left) if place not in going]
        step += 1
        told(len(dropped), columns.shape[1])
    return dropped[::-1][:most]


def _gained(columns: Array, outcome: Array, groups: Places, step: int) -> Array:
    """What each column's splits gained, over draws of customers."""
    names, place = np.unique(groups, return_inverse=True)
    found = np.zeros(columns.shape[1])
    for draw in range(step * DRAWS, (step + 1) * DRAWS):
        counts = np.random.default_rng(draw).poisson(1.0, len(names))[place].astype(np.float64)
        if len(np.unique(outcome[counts > 0])) < 2:
            counts = np.ones(len(outcome))  # too few customers to draw among
        found += gains(columns, outcome, counts, draw)
    return found


def _copies(columns: Array, outcome: Array) -> list[int]:
    """Columns that say nearly the same as one that says more of the outcome, the least telling first."""
    near = np.abs(correlations(columns)) >= COPY
    telling = np.abs(correlations(np.column_stack([columns, outcome]))[-1, :-1])
    kept: list[int] = []
    copies: list[int] = []
    for place in np.argsort(-telling, kind="stable").tolist():
        (copies if near[place, kept].any() else kept).append(place)
    return copies[::-1]


def correlations(columns: Array) -> Array:
    """Correlation of each pair of columns (phi, as they are bits); 0 with one that is the same everywhere."""
    centred = columns - columns.mean(axis=0)
    length = np.sqrt((centred * centred).sum(axis=0))
    found: Array = centred.T @ centred / np.maximum(np.outer(length, length), 1e-12)
    return found


def folds_of(groups: Places, chance: np.random.Generator) -> Places:
    """A fold for each row; rows of one group (a customer) share theirs."""
    names, place = np.unique(groups, return_inverse=True)
    return (chance.permutation(len(names)) % FOLDS)[place]


def crossed_curve(
    columns: Array,
    outcome: Array,
    groups: Places,
    most: int,
    chance: np.random.Generator,
    told: Told = _ignore,
) -> list[float]:
    """Mean AUC of the first 1, 2, ... tags on customers left out, each fold with a ranking of its own."""
    fold = folds_of(groups, chance)
    curves = []
    for number in range(FOLDS):
        inside, outside = fold != number, fold == number
        order = ranked(columns[inside], outcome[inside], groups[inside], most)
        curves.append(curve_of(columns, outcome, order, inside, outside))
        told(number + 1, FOLDS)
    length = min(map(len, curves))
    return [float(np.mean([curve[count] for curve in curves])) for count in range(length)]


def curve_of(
    columns: Array, outcome: Array, order: list[int], inside: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> list[float]:
    """AUC outside of the first 1, 2, ... columns of ``order``, learned inside."""
    found = []
    for count in range(1, len(order) + 1):
        chosen = columns[:, order[:count]]
        found.append(auc(log_odds(chosen[inside], outcome[inside], chosen[outside]), outcome[outside]))
    return found


def knee(curve: list[float]) -> int:
    """The fewest tags whose AUC is within `KNEE` of the best."""
    best = max(curve)
    return next(count for count, value in enumerate(curve, 1) if value >= best - KNEE)
