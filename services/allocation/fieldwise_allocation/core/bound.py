"""A lower bound on the cost of any plan, from a price per rep and hour; needs no solver to be checked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fieldwise_allocation.core.instance import Floats, Instance

# Accounts are priced in blocks, so that a block of (accounts x reps) stays in cache.
BLOCK = 4096


def lagrangian_bound(instance: Instance, price: Floats) -> float:
    """No plan costs less than this, whatever the prices.

    LB(mu) = sum_j min_i (c_ij - w_j mu_i) + sum_i (low_i if mu_i > 0 else high_i) mu_i: the band rows, relaxed.

    Args:
        price: mu, plan units per hour of each rep's workload, shape (r,); any sign.
    Source: Fisher (1981), The Lagrangian relaxation method for solving integer programming problems.
    """
    accounts = sum(float(block.min(axis=1).sum()) for block in _reduced_blocks(instance, price))
    return accounts + float((np.where(price > 0, instance.low, instance.high) * price).sum())


def reduced_cost(instance: Instance, price: Floats) -> Floats:
    """Cost of each pair once the rep's hours are priced, above the account's cheapest rep; shape (n, r)."""
    reduced = instance.cost - instance.workload[:, None] * price
    return np.asarray(reduced - reduced.min(axis=1, keepdims=True))


def _reduced_blocks(instance: Instance, price: Floats) -> Iterator[Floats]:
    starts = range(0, len(instance.workload), BLOCK)
    return (instance.cost[s : s + BLOCK] - instance.workload[s : s + BLOCK, None] * price for s in starts)
