"""Columns that already hold the answer; knows no learner and no file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fieldwise_runtime.errors import Violation

from ..features import Floats
from .table import Numbers, Table, Texts

# A column that says more than this of the target at the same row is a copy of it, not a cause.
COPY = 0.9999
# With fewer rows than this, a column may follow the target so closely by chance.
FEWEST_ROWS = 8
REMEDY = "it is known only with the target itself: leave it out (--without {name}) or choose another target"


def leaks(table: Table, target: str) -> list[Violation]:
    """A violation per column that is the target in other words, whether equal, linear or merely monotone."""
    actual = table.numbers(target)
    others = table.without(target).columns.items()
    return [
        Violation.of(name, how, REMEDY.format(name=name))
        for name, column in others
        for how in told(column, actual)
    ]


def told(column: object, actual: Floats) -> Iterator[str]:
    """At most one sentence on how the column copies the target."""
    match column:
        case Numbers(values):
            found = copied(values, actual)
        case Texts(codes, levels):
            found = labelled(codes, len(levels), actual)
        case _:
            found = ""
    if found:
        yield found


def copied(values: Floats, actual: Floats) -> str:
    both = np.isfinite(values) & np.isfinite(actual)
    x, y = values[both], actual[both]
    if len(x) < FEWEST_ROWS or x.min() == x.max() or y.min() == y.max():
        return ""
    if np.array_equal(x, y):
        return "equal to the target in every row"
    straight = correlation(x, y)
    if abs(straight) > COPY:
        return f"correlation {straight:.6f} with the target at the same row"
    return monotone(x, y)


def monotone(x: Floats, y: Floats) -> str:
    """A copy that is bent, such as a logarithm or a square: the order of the rows is the target's."""
    # Ties say little: two columns of zeros and ones agree in order when they agree in half of it.
    if min(len(np.unique(x)), len(np.unique(y))) < max(FEWEST_ROWS, len(x) // 20):
        return ""
    order = correlation(ranks(x), ranks(y))
    return f"rank correlation {order:.6f} with the target at the same row" if abs(order) > COPY else ""


def ranks(values: Floats) -> Floats:
    """Places in ascending order; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    mean: Floats = np.cumsum(count) - (count - 1) / 2
    return mean[place.ravel()]


def labelled(codes: NDArray[np.int32], levels: int, actual: Floats) -> str:
    """A text that is the target under another name: each stands for one value of it."""
    known = (codes >= 0) & np.isfinite(actual)
    kinds, y = codes[known], actual[known]
    distinct = len(np.unique(y))
    if distinct < FEWEST_ROWS or len(y) < 2 * distinct:
        return ""
    low, high = np.full(levels, np.inf), np.full(levels, -np.inf)
    np.minimum.at(low, kinds, y)
    np.maximum.at(high, kinds, y)
    used = np.isfinite(low)
    if (low[used] == high[used]).all() and used.sum() < len(y) / 2:
        return f"each of its {used.sum()} texts stands for one value of the target"
    return ""


def correlation(x: Floats, y: Floats) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) / np.sqrt((x @ x) * (y @ y)))
