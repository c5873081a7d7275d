"""Conjugate gradients and sparse curvature in compiled loops; knows no bound."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.compiled import compiled
from fieldwise_allocation.core.territory.problem import Bools, Floats, Ints

# Of the slope: what may be left unsolved.
LEFT, TURNS = 1e-4, 500
# Shares below this bend no curve.
NEGLIGIBLE = 1e-4


@compiled
def conjugate(
    start: Ints,
    column: Ints,
    value: Floats,
    move: Floats,
    corner: float,
    extra: Floats,
    scale: Floats,
    free: Bools,
    slope: Floats,
    taken: Floats,
) -> None:
    """Fills ``taken``, from 0 on, so that every result climbs; ``scale`` is the diagonal with all that is added to it.

    Source: Hestenes and Stiefel (1952), Methods of conjugate gradients for solving linear systems.
    """
    reps, measures, last = len(start) - 1, value.shape[1], len(slope) - 1
    rest, image = np.where(free, slope, 0.0), np.zeros(len(slope))
    ahead = rest / scale
    height = (rest * ahead).sum()
    enough = LEFT * LEFT * height
    for _ in range(TURNS):
        if height <= enough:
            break
        image[:] = extra * ahead
        image[last] += corner * ahead[last]
        for u in range(last):
            image[u] += move[u] * ahead[last]
            image[last] += move[u] * ahead[u]
        for i in range(reps):
            for k in range(start[i], start[i + 1]):
                for b in range(measures):
                    for c in range(measures):
                        image[b * reps + i] += value[k, b, c] * ahead[c * reps + column[k]]
        image[:] = np.where(free, image, 0.0)
        bend = (ahead * image).sum()
        if not bend > 0:
            break
        far = height / bend
        taken += far * ahead
        rest -= far * image
        before, height = height, (rest * rest / scale).sum()
        ahead = rest / scale + (height / before) * ahead


@compiled
def neighbours(rep: Ints, place: Ints) -> None:
    """Marks with 1 in ``place`` (r, r) the reps who share an account, and each himself."""
    for i in range(len(place)):
        place[i, i] = 1
    for j in range(len(rep)):
        for u in range(rep.shape[1]):
            if rep[j, u] < 0:
                break
            for v in range(u):
                place[rep[j, u], rep[j, v]] = 1
                place[rep[j, v], rep[j, u]] = 1


@compiled
def curve_sparsely(  # noqa: C901, PLR0912 - one loop over arcs, the measures and the move in it
    rep: Ints,
    hours: Floats,
    amount: Floats,
    incumbent: Ints,
    share: Floats,
    place: Ints,
    value: Floats,
    move: Floats,
) -> float:
    """As `soft_minimum.curve`, by the ``place`` of each pair of reps in ``value``; returns the corner of the move.

    A pair of two reps is counted in one of its two places only: the other is its mirror.
    """
    measures, reps, corner = len(amount), len(place), 0.0
    most = rep.shape[1]
    index, mean = np.empty(most, dtype=np.int64), np.empty((most, measures))
    for j in range(len(rep)):
        used, going = 0, 0.0
        if (share[j] >= NEGLIGIBLE).sum() <= 1:
            continue
        for k in range(most):
            part = share[j, k]
            if part < NEGLIGIBLE:
                continue
            i = rep[j, k]
            goes = incumbent[j] >= 0 and i != incumbent[j]
            going += part if goes else 0.0
            own = place[i, i]
            index[used] = i
            for b in range(measures):
                mean[used, b] = part * (hours[j, k] if b == 0 else amount[b, j])
                if goes:
                    move[b * reps + i] -= mean[used, b]
            for b in range(measures):
                for c in range(measures):
                    value[own, b, c] += mean[used, b] * mean[used, c] * (1 / part - 1)
            used += 1
        corner += going - going * going
        for u in range(used):
            for b in range(measures):
                move[b * reps + index[u]] += mean[u, b] * going
            row, hours_here = place[index[u]], mean[u, 0]
            for v in range(u):
                value[row[index[v]], 0, 0] -= hours_here * mean[v, 0]
            for v in range(u if measures > 1 else 0):
                for b in range(measures):
                    for c in range(0 if b else 1, measures):
                        value[row[index[v]], b, c] -= mean[u, b] * mean[v, c]
    return corner
