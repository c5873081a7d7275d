"""Soft minima over the arcs of accounts, with slope and curvature by price; knows no bands and no steps."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.compiled import compiled
from fieldwise_allocation.core.territory.conjugate import NEGLIGIBLE
from fieldwise_allocation.core.territory.problem import Floats, Ints


@compiled
def soften(  # noqa: C901 - one loop over arcs, the measures and the move in it
    rep: Ints,
    cost: Floats,
    hours: Floats,
    amount: Floats,
    incumbent: Ints,
    worth: Floats,
    move_price: float,
    softness: float,
    share: Floats,
    slope: Floats,
) -> float:
    """The sum of soft minima over the arcs of each account; fills the arcs' shares and adds to the slope."""
    height = 0.0
    measures, reps = worth.shape
    most = rep.shape[1]
    reduced = np.empty(most)
    for j in range(len(rep)):
        least, count = np.inf, 0
        for k in range(most):
            i = rep[j, k]
            if i < 0:
                break
            value = cost[j, k] - worth[0, i] * hours[j, k]
            for b in range(1, measures):
                value -= worth[b, i] * amount[b, j]
            if incumbent[j] >= 0 and i != incumbent[j]:
                value += move_price
            reduced[k] = value
            least = min(least, value)
            count += 1
        share[j, count:] = 0.0
        if count == 0:
            continue
        total = 0.0
        for k in range(count):
            # Far arcs have no share: exp is the dear part of a pass.
            over = (reduced[k] - least) / softness
            share[j, k] = np.exp(-over) if over < 30 else 0.0
            total += share[j, k]
        height += least - softness * np.log(total)
        for k in range(count):
            part = share[j, k] / total
            share[j, k] = part
            if part == 0.0:
                continue
            i = rep[j, k]
            slope[i] -= part * hours[j, k]
            for b in range(1, measures):
                slope[b * reps + i] -= part * amount[b, j]
            if incumbent[j] >= 0 and i != incumbent[j]:
                slope[-1] += part
    return height


@compiled
def curve(  # noqa: C901 - one loop over arcs, the measures and the move in it
    rep: Ints,
    hours: Floats,
    amount: Floats,
    incumbent: Ints,
    share: Floats,
    reps: int,
    curvature: Floats,
) -> None:
    """Adds the covariance of what each account brings, over its arcs; the last row and column are its move."""
    most, measures = rep.shape[1], len(amount)
    index = np.empty(most * measures + 1, dtype=np.int64)
    mean = np.empty(most * measures + 1)
    last = len(curvature) - 1
    for j in range(len(rep)):
        used, going = 0, 0.0
        if (share[j] >= NEGLIGIBLE).sum() <= 1:
            continue  # one rep has it all, so nothing varies: most accounts end like this
        for k in range(most):
            part = share[j, k]
            if part < NEGLIGIBLE:
                continue
            i, first = rep[j, k], used
            goes = incumbent[j] >= 0 and i != incumbent[j]
            going += part if goes else 0.0
            for b in range(measures):
                index[used] = b * reps + i
                mean[used] = part * (hours[j, k] if b == 0 else amount[b, j])
                used += 1
            for u in range(first, used):
                for v in range(first, used):
                    curvature[index[u], index[v]] += mean[u] * mean[v] / part
                if goes:
                    curvature[index[u], last] -= mean[u]
                    curvature[last, index[u]] -= mean[u]
        index[used], mean[used] = last, -going
        curvature[last, last] += going
        for u in range(used + 1):
            for v in range(used + 1):
                curvature[index[u], index[v]] -= mean[u] * mean[v]
