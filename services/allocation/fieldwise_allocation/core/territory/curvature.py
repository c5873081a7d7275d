"""The curvature of a soft minimum over arcs, dense or, where prices are many, by pairs of reps who share accounts; knows no steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.territory.arcs import Arcs
from fieldwise_allocation.core.territory.conjugate import curve_sparsely, neighbours
from fieldwise_allocation.core.territory.newton import Bend, DenseBend, SparseBend
from fieldwise_allocation.core.territory.problem import Floats, Ints
from fieldwise_allocation.core.territory.soft_minimum import curve

# Above so many prices a dense solve costs more than all else: at 1,500 reps it took four fifths of the time.
MOST_DENSE = 700


@dataclass(frozen=True)
class Heard:
    """Accounts as a curvature needs them.

    Args:
        amount: Shape (m, n).
        incumbent: Shape (n,).
        reps: How many there are, r.
    """

    arcs: Arcs
    amount: Floats
    incumbent: Ints
    reps: int


@dataclass(frozen=True)
class Pattern:
    """Where each pair of reps stands: ``place`` (r, r) is -1 for pairs that share no account; start, column as in SparseBend.

    Args:
        mirror: Where each pair stands the other way round.
    """

    start: Ints
    column: Ints
    place: Ints
    mirror: Ints

    @classmethod
    def of(cls, arcs: Arcs, reps: int) -> Pattern:
        place = np.zeros((reps, reps), dtype=np.int32)
        neighbours(arcs.rep, place)
        row, column = np.nonzero(place)
        place[:] = -1
        place[row, column] = np.arange(len(row))
        start = np.searchsorted(row, np.arange(reps + 1))
        return cls(start.astype(np.int32), column.astype(np.int32), place, place[column, row])


def pattern(heard: Heard) -> Pattern | None:
    """The pattern of a sparse curvature; None where it is dense."""
    if len(heard.amount) * heard.reps < MOST_DENSE:
        return None
    return Pattern.of(heard.arcs, heard.reps)


def bend(heard: Heard, known: Pattern | None, share: Floats, factor: float, bands: Floats) -> Bend:
    """The negative Hessian: ``factor`` times the covariance of what accounts bring, and ``bands`` (m, r) on the diagonal."""
    measures = len(heard.amount)
    if known is None:
        matrix = np.zeros((measures * heard.reps + 1,) * 2)
        curve(heard.arcs.rep, heard.arcs.hours, heard.amount, heard.incumbent, share, heard.reps, matrix)
        matrix *= factor
        diagonal = np.arange(measures * heard.reps)
        matrix[diagonal, diagonal] += bands.ravel()
        return DenseBend(matrix)
    value, move = np.zeros((len(known.column), measures, measures)), np.zeros(measures * heard.reps)
    corner = curve_sparsely(
        heard.arcs.rep, heard.arcs.hours, heard.amount, heard.incumbent, share, known.place, value, move
    )
    apart = known.mirror != np.arange(len(value))
    value[apart] += value[known.mirror][apart].transpose(0, 2, 1)
    return SparseBend(known.start, known.column, value * factor, bands, move * factor, corner * factor)
