"""The stretches of time in which a customer may have left, and the points at which integrals over them are read; knows no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features import Floats
from .histories import Histories, Ints

# Gauss-Legendre points. On CDNOW eight per gap agree with sixty-four to 4e-7 of a log-likelihood per customer.
POINTS_OF_GAPS = 8
# A summary has only the last stretch, which is longer: twelve agree with sixty-four to 1e-9.
POINTS_OF_LAST = 12


@dataclass(frozen=True)
class Segments:
    """Stretches between purchases, each customer's in order, with quadrature points; equal for all parameters.

    Attributes:
        owner: Row of the histories, shape (m,).
        first: Index of each row's first stretch, shape (n,).
        after: Purchases after the stretch, shape (m,).
        time: Points, shape (m, points).
        width: What a point's value counts in the integral, shape (m, points).
    """

    owner: Ints
    first: Ints
    after: Floats
    time: Floats
    width: Floats

    def summed(self, values: Floats) -> Floats:
        """Sums over each customer's points: from shape (m, points) to (n,)."""
        return np.asarray(np.add.reduceat(values.sum(axis=1), self.first))


def last_stretch(histories: Histories) -> Segments:
    """Only from the last purchase until now: who leaves for good cannot have left before."""
    rows = np.arange(len(histories))
    return between(rows, rows, np.zeros(len(rows)), histories.recency, histories.age, POINTS_OF_LAST)


def all_stretches(histories: Histories) -> Segments:
    """From the first purchase until now, cut at every repeat. The histories must have times."""
    assert histories.times is not None
    repeats = histories.repeats.astype(np.int64)
    first = np.concatenate([[0], np.cumsum(repeats + 1)[:-1]])
    owner = np.repeat(np.arange(len(repeats)), repeats + 1)
    is_start = np.zeros(len(owner), dtype=bool)
    is_start[first] = True
    begin, end = np.zeros(len(owner)), histories.age[owner]
    begin[~is_start] = histories.times
    end[np.flatnonzero(~is_start) - 1] = histories.times
    after = (np.repeat(first + repeats, repeats + 1) - np.arange(len(owner))).astype(np.float64)
    return between(owner, first, after, begin, end, POINTS_OF_GAPS)


def between(
    owner: NDArray[np.integer],
    first: NDArray[np.integer],
    after: Floats,
    begin: Floats,
    end: Floats,
    points: int,
) -> Segments:
    places, shares = np.polynomial.legendre.leggauss(points)
    half = (end - begin)[:, None] / 2
    return Segments(
        owner.astype(np.int64),
        first.astype(np.int64),
        after,
        begin[:, None] + half * (places + 1),
        half * shares,
    )
