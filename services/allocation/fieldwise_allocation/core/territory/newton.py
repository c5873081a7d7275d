"""One damped step of Newton's method on a parabola, dense or, where prices are many, sparse; knows no prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fieldwise_allocation.core.territory.conjugate import conjugate
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints


class Bend(Protocol):
    """The negative Hessian of a bound by its u prices: those of m measures for each of r reps, and that of a move."""

    @property
    def diagonal(self) -> Floats:
        """Shape (u,)."""
        ...

    def solved(self, slope: Floats, free: Bools, added: Floats) -> Floats:
        """The step that flattens the slope with ``added`` on the diagonal of what is free; 0 elsewhere, shape (u,)."""
        ...


@dataclass(frozen=True)
class DenseBend:
    """All of it, shape (u, u)."""

    matrix: Floats

    @property
    def diagonal(self) -> Floats:
        return self.matrix.diagonal()

    def solved(self, slope: Floats, free: Bools, added: Floats) -> Floats:
        damped = self.matrix[np.ix_(free, free)]
        damped[np.diag_indices_from(damped)] += added[free]
        taken = np.zeros(len(slope))
        taken[free] = np.linalg.solve(damped, slope[free])
        return taken


@dataclass(frozen=True)
class SparseBend:
    """Only pairs of reps who share accounts; solved to a part of the slope, for a step is judged by what it gains.

    Args:
        start, column: The neighbours of rep i, himself among them, are column[start[i]:start[i + 1]].
        value: By neighbour and two measures, shape (neighbours, m, m).
        bands: Added to the diagonal of prices, shape (m, r).
        move: Of each price with that of a move, shape (m r,).
        corner: Of the price of a move with itself.
    """

    start: Ints
    column: Ints
    value: Floats
    bands: Floats
    move: Floats
    corner: float

    @property
    def diagonal(self) -> Floats:
        row = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        own = self.value[self.column == row]
        return np.append((np.diagonal(own, axis1=1, axis2=2).T + self.bands).ravel(), self.corner)

    def solved(self, slope: Floats, free: Bools, added: Floats) -> Floats:
        taken = np.zeros(len(slope))
        extra = added + np.append(self.bands.ravel(), 0.0)
        scale = np.where(free, self.diagonal + added, 1.0)
        conjugate(
            self.start, self.column, self.value, self.move, self.corner, extra, scale, free, slope, taken
        )
        return taken


def step(bend: Bend, slope: Floats, free: Bools, damping: float) -> Floats:
    """The step to the top of the parabola, damped; 0 where not ``free``.

    A rep with nothing to choose has no curvature of his own: the typical one keeps his step short.
    """
    added = damping * (bend.diagonal + float(np.median(bend.diagonal[free])) + 1e-12)
    return bend.solved(slope, free, added)
