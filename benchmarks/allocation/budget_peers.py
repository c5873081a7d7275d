"""What is done without a dual: even shares, shares by potential, greedy on the next level; knows no bound."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from benchmarks.allocation.budget_world import World

Ints = npt.NDArray[np.int64]


def uniform(world: World) -> Ints:
    """The same level everywhere, the rest to the first segments, one level each, while every budget lasts."""
    unit = world.use[:, :, 1]
    level = int((world.budget / unit.sum(axis=1)).min())
    levels = np.full(unit.shape[1], min(level, world.value.shape[1] - 1), dtype=np.int64)
    left = world.budget - (unit * levels).sum(axis=1)
    more = (np.cumsum(unit, axis=1) <= left[:, None]).all(axis=0)
    levels[more] = np.minimum(levels[more] + 1, world.value.shape[1] - 1)
    return levels


def proportional(world: World) -> Ints:
    """Means by potential, as much of each as the scarcest budget allows; whole levels, none beyond the highest."""
    unit, most = world.use[:, :, 1], world.value.shape[1] - 1

    def at(scale: float) -> Ints:
        by_resource = world.potential * scale / np.maximum(unit[0], 1e-12)
        return np.asarray(np.minimum(most, np.floor(by_resource)), dtype=np.int64)

    low, high = 0.0, 1e6
    for _ in range(80):
        middle = (low + high) / 2
        fits = ((unit * at(middle)).sum(axis=1) <= world.budget).all()
        low, high = (middle, high) if fits else (low, middle)
    return at(low)


def greedy(world: World) -> Ints:
    """Always the next level of most value per share of the budgets it takes, until none fits."""
    unit, most = world.use[:, :, 1], world.value.shape[1] - 1
    burden = (unit / world.budget[:, None]).sum(axis=0)
    gain = np.diff(world.value, axis=1) / np.maximum(burden, 1e-300)[:, None]
    levels = np.zeros(unit.shape[1], dtype=np.int64)
    left = world.budget.copy()
    queue = [(-gain[j, 0], j) for j in range(len(levels))]
    heapq.heapify(queue)
    while queue:
        _, j = heapq.heappop(queue)
        if (unit[:, j] <= left).all():
            left -= unit[:, j]
            levels[j] += 1
            if levels[j] < most:
                heapq.heappush(queue, (-gain[j, levels[j]], j))
    return levels


PEERS = {"greedy on margins": greedy, "proportional to potential": proportional, "uniform": uniform}
