"""Whether rows can be kept at all, proven by prices; knows no value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fieldwise_allocation.core.resources import duals
from fieldwise_allocation.core.resources.programme import Floats, Ints, Programme

# Broken by more than this share of a row's size: proven, not rounded.
PROVEN = 1e-7


def least_worth(programme: Programme) -> float:
    """No choice is worth less, rows or not."""
    return float(np.where(programme.present, programme.value, np.inf).min(axis=1).sum())


def impossible(programme: Programme) -> Ints:
    """The rows that no choice keeps even when each stands alone."""
    rows = programme.rows
    least = np.array([_least_taken(programme, r) for r in range(len(rows))])
    slack = 1e-9 * np.maximum(1.0, np.abs(rows.limit))
    return np.flatnonzero(least > rows.bound + slack) if len(rows) else np.empty(0, np.int64)


def _least_taken(programme: Programme, row: int) -> float:
    rows = programme.rows
    taken = rows.sign[row] * programme.amount[rows.measure[row]]
    least = np.where(programme.present, taken, np.inf).min(axis=1)
    return float(least[rows.member[row]].sum())


def blame(programme: Programme) -> Floats:
    """Price of each row, in sizes of rows, when only keeping rows counts; empty where all can be kept in shares."""
    cleared = duals.clear(_worthless(programme), most=1.0)
    return cleared.price / programme.weight if cleared.ceiling < -PROVEN else np.empty(0)


def together(programme: Programme, rows: Ints) -> bool:
    """Whether these rows alone cannot hold together."""
    part = programme.with_rows(programme.rows.only(rows))
    return bool(impossible(part).size or blame(part).size)


def _worthless(programme: Programme) -> Programme:
    return replace(programme, value=np.where(programme.present, 0.0, -np.inf))
