"""Usual practice: K-means on the map and each cluster to the rep whose home suits; knows nothing of workload or rules."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

ROUNDS = 15
SEED = 7
# Centres move by a sample; every account then goes to its nearest.
SAMPLE = 20_000
BLOCK_PAIRS = 4_000_000


def k_means(place: Floats, home: Floats) -> Indices:
    """The rep of each account.

    Args:
        place: Unit vectors of the accounts, shape (n, 3).
        home: Unit vectors of the homes, shape (r, 3); with any NaN, clusters go to reps in their order.
    Source: Lloyd (1982), Least squares quantization in PCM; Arthur & Vassilvitskii (2007), k-means++.
    """
    rng = np.random.default_rng(SEED)
    some = place
    if len(place) > SAMPLE:
        some = place[np.sort(rng.choice(len(place), SAMPLE, replace=False))]
    centre = _spread_out(some, len(home), rng)
    for _ in range(ROUNDS):
        cluster = nearest(some, centre)
        held = np.bincount(cluster, minlength=len(home))
        middle = np.stack([np.bincount(cluster, axis, len(home)) for axis in some.T], axis=1)
        length = np.linalg.norm(middle, axis=1)
        # A centre that nobody is near to stays where it is.
        moved = np.where(
            ((held > 0) & (length > 0))[:, None], middle / np.maximum(length, 1e-300)[:, None], centre
        )
        if np.abs(moved - centre).max() < 1e-7:
            break
        centre = moved
    cluster = nearest(place, centre)
    if np.isnan(home).any():
        return cluster
    apart = 2.0 - 2.0 * centre @ home.T
    return cheapest_match(np.sqrt(np.maximum(apart, 0.0)))[cluster]


def _spread_out(place: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Places to start from: each next one drawn by its squared distance to those before."""
    chosen = [int(rng.integers(len(place)))]
    apart = np.full(len(place), np.inf)
    for _ in range(count - 1):
        apart = np.minimum(apart, np.maximum(2.0 - 2.0 * place @ place[chosen[-1]], 0.0))
        total = float(apart.sum())
        # More reps than places: what is left over starts where the first did.
        chosen.append(
            int(np.searchsorted(np.cumsum(apart), rng.random() * total)) if total > 0 else chosen[0]
        )
    return place[np.minimum(chosen, len(place) - 1)].copy()


def nearest(place: Floats, centre: Floats) -> Indices:
    """The centre nearest to each place: of unit vectors that with the largest product."""
    step = max(1, BLOCK_PAIRS // len(centre))
    parts = [np.argmax(place[s : s + step] @ centre.T, axis=1) for s in range(0, len(place), step)]
    return np.concatenate(parts).astype(np.int64)


def cheapest_match(cost: Floats) -> Indices:
    """The column of each row in the cheapest one-to-one match of a square matrix.

    Source: Jonker & Volgenant (1987), A shortest augmenting path algorithm for the linear assignment problem.
    """
    count = len(cost)
    column_price, row_of = np.zeros(count), np.full(count, -1, dtype=np.int64)
    row_price, column_of = np.zeros(count), np.full(count, -1, dtype=np.int64)
    for start in range(count):
        least = np.full(count, np.inf)
        came_from = np.full(count, start, dtype=np.int64)
        done = np.zeros(count, dtype=np.bool_)
        row, far, end = start, 0.0, -1
        while end < 0:
            through = far + cost[row] - row_price[row] - column_price
            better = ~done & (through < least)
            least[better], came_from[better] = through[better], row
            end_candidate = int(np.argmin(np.where(done, np.inf, least)))
            far = float(least[end_candidate])
            done[end_candidate] = True
            if row_of[end_candidate] < 0:
                end = end_candidate
            else:
                row = int(row_of[end_candidate])
        _reprice(row_price, column_price, row_of, least, done, far, start)
        while end >= 0:
            row = int(came_from[end])
            row_of[end] = row
            column_of[row], end = end, int(column_of[row])
            if row == start:
                break
    return column_of


def _reprice(
    row_price: Floats,
    column_price: Floats,
    row_of: Indices,
    least: Floats,
    done: npt.NDArray[np.bool_],
    far: float,
    start: int,
) -> None:
    """Prices under which every match so far, and the new path, stays cheapest."""
    seen = np.flatnonzero(done & (row_of >= 0))
    row_price[row_of[seen]] += far - least[seen]
    column_price[np.flatnonzero(done)] -= far - least[done]
    row_price[start] += far
