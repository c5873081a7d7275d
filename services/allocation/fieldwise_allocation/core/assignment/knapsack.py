"""The best bundle within a capacity, by dynamic programming in compiled form; knows no agent."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.assignment.problem import Floats, Ints
from fieldwise_allocation.core.compiled import compiled


@compiled
def packed(value: Floats, weight: Ints, capacity: int, inside: Ints) -> float:
    """Value of the best bundle; ``inside`` is set to 1 for its items.

    Items of no positive value stay out, those of infinite negative value too.
    """
    n = len(value)
    best = np.zeros(capacity + 1)
    taken = np.zeros((n, capacity + 1), dtype=np.uint8)
    for j in range(n):
        inside[j] = 0
        if value[j] > 0.0 and weight[j] <= capacity:
            for room in range(capacity, weight[j] - 1, -1):
                more = best[room - weight[j]] + value[j]
                if more > best[room]:
                    best[room] = more
                    taken[j, room] = 1
    room = capacity
    for j in range(n - 1, -1, -1):
        if taken[j, room]:
            inside[j] = 1
            room -= weight[j]
    return float(best[capacity])
