"""In how many baskets things and pairs of things are; knows no statistics.

A basket is whatever its number says: a receipt, or a customer's purchases in a window of days.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldwise_recommend.core.arrays import Floats, Ints

# Above it, a table of all pairs would take more than a hundred megabytes.
MOST_THINGS: Final = 4_000
# Sizes of baskets that are told apart: neighbours are put together where there are more.
_SIZES: Final = 40
# Pairs that are counted in one go: counting goes over the whole table each time.
_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True)
class Counts:
    """Things by how often they are bought.

    Attributes:
        baskets: How many there are.
        things: Numbers of the things that were counted, ascending, shape (k,).
        single: Baskets with each of them, shape (k,).
        pair: Baskets with both, for a smaller row and a larger column; else 0; shape (k, k).
        expected: Baskets with both if things were dealt at random among baskets of the same size, shape (k, k).
    """

    baskets: int
    things: Ints
    single: Ints
    pair: Ints
    expected: Floats


def windows(customer: Ints, day: Ints, length: int) -> Ints:
    """The basket of each purchase when a basket is all that a customer buys in one of the windows that follow each other.

    Args:
        day: Days since any day; not negative.
        length: Days of a window, 1 or more.
    """
    window = day // length
    return customer * (int(window.max(initial=0)) + 1) + window


def counted(basket: Ints, thing: Ints, fewest: int, least_share: float = 0.0) -> Counts:
    """Counts of the things that are in enough baskets, of the most frequent MOST_THINGS if there are more.

    Args:
        basket, thing: One row per line, not negative; a thing that is twice in a basket counts once.
        fewest: Baskets with the thing.
        least_share: Of all baskets.
    """
    if not len(basket):
        none = np.zeros(0, np.int64)
        return Counts(0, none, none, np.zeros((0, 0), np.int64), np.zeros((0, 0)))
    width = int(thing.max()) + 1
    # Sorting takes half the time where the numbers fit into 32 bits.
    small = (int(basket.max()) + 1) * width < 2**31
    cells = np.sort((basket * width + thing).astype(np.int32 if small else np.int64))
    cells = cells[np.concatenate([[True], cells[1:] != cells[:-1]])]
    baskets = cells // width
    things = cells - baskets * width
    begins = np.flatnonzero(np.concatenate([[True], baskets[1:] != baskets[:-1]]))
    sizes = np.diff(np.append(begins, len(baskets)))
    frequency = np.bincount(things, minlength=width)
    kept = _kept(frequency, max(fewest, ceil(least_share * len(sizes))))
    place = np.full(width, -1, np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    column = place[things]
    mine = np.flatnonzero(column >= 0)
    expected = _expected(sizes, np.repeat(_strata(sizes), sizes)[mine], column[mine], len(kept))
    pair = _pairs(baskets[mine], column[mine], len(kept))
    return Counts(len(sizes), kept, frequency[kept], pair, expected)


def _strata(sizes: Ints) -> Ints:
    """Each basket's place among the sizes, small ones first."""
    limits = np.unique(np.quantile(sizes, np.linspace(0, 1, _SIZES + 1)[1:-1]))
    return np.searchsorted(limits, sizes)


def _expected(sizes: Ints, stratum: Ints, column: NDArray[np.int32], width: int) -> Floats:
    """Shared baskets by chance: a large basket has more of everything, so things meet in it that have nothing to do with each other.

    In a basket of s different things, one that is there leaves s - 1 of the s places for the other.
    """
    own = _strata(sizes)
    baskets = np.bincount(own)
    places = np.bincount(own, sizes)
    rooms = np.divide(places - baskets, places * baskets, out=np.zeros(len(baskets)), where=places > 0)
    bought = np.bincount(stratum * width + column, minlength=len(baskets) * width).reshape(-1, width)
    expected: Floats = (bought * rooms[:, None]).T @ bought
    return expected


def _kept(frequency: Ints, fewest: int) -> Ints:
    frequent = np.flatnonzero(frequency >= max(fewest, 1))
    if len(frequent) > MOST_THINGS:
        most = np.argsort(-frequency[frequent], kind="stable")[:MOST_THINGS]
        frequent = np.sort(frequent[most])
    return frequent


def _pairs(basket: Ints, column: NDArray[np.int32], width: int) -> Ints:
    """Rows lie by basket and, in it, by column: each is paired with the next, the one after it, until a basket has no more."""
    table = np.zeros(width * width, np.int64)
    if not len(basket):
        return table.reshape(width, width)
    first = np.flatnonzero(np.concatenate([[True], basket[1:] != basket[:-1]]))
    size = np.diff(np.append(first, len(basket)))
    # How many rows of the same basket come after each row.
    after = np.repeat(first + size, size) - np.arange(len(basket)) - 1
    rows = np.flatnonzero(after > 0)
    after = after[rows]
    left = column[rows] * np.int32(width)
    waiting: list[NDArray[np.int32]] = []
    step = 1
    while len(rows):
        waiting.append(left + column[rows + step])
        if sum(map(len, waiting)) >= _AT_ONCE:
            table += np.bincount(np.concatenate(waiting), minlength=len(table))
            waiting = []
        step += 1
        more = np.flatnonzero(after >= step)
        rows, after, left = rows[more], after[more], left[more]
    if waiting:
        table += np.bincount(np.concatenate(waiting), minlength=len(table))
    return table.reshape(width, width)
