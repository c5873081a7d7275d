"""Minimum of many small functions at once, one per series; knows no series."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from ..features import Floats

# Loss of k points for each of n functions: parameters of shape (p, k, n) to losses of shape (k, n).
Loss = Callable[[Floats], Floats]


def moves(parameters: int) -> Floats:
    """One step each way along each axis; of two parameters along the diagonals as well; shape (parameters, n_moves)."""
    most = 2 if parameters == 2 else 1
    steps = product((-1.0, 0.0, 1.0), repeat=parameters)
    return np.array([step for step in steps if 1 <= np.count_nonzero(step) <= most]).T


def minimum(loss: Loss, grid: Floats, low: Floats, high: Floats, size: int, rounds: int = 12) -> Floats:
    """Parameters with the least loss, shape (p, size).

    The best point of a common grid, then compass search: a step that helps is kept, one that does not is halved.

    Args:
        grid: Shape (p, n_points). low, high: Bounds, shape (p,).
    Source: Kolda, Lewis & Torczon (2003), Optimization by direct search, algorithm 3.2.
    """
    best, least = lowest(loss, np.repeat(grid[:, :, None], size, axis=2))
    way = moves(len(grid))[:, :, None]
    step = np.repeat(((high - low) / 8)[:, None], size, axis=1)
    for _ in range(rounds):
        points = np.clip(best[:, None] + step[:, None] * way, low[:, None, None], high[:, None, None])
        found, value = lowest(loss, points)
        better = value < least
        best, least = np.where(better, found, best), np.where(better, value, least)
        step = np.where(better, step, step / 2)
    return best


def lowest(loss: Loss, points: Floats) -> tuple[Floats, Floats]:
    """The best of the points of each function, shape (p, n), and its loss, shape (n,)."""
    losses = loss(points)
    at = np.where(np.isnan(losses), np.inf, losses).argmin(axis=0)[None]
    return np.take_along_axis(points, at[None], axis=1)[:, 0], np.take_along_axis(losses, at, axis=0)[0]
