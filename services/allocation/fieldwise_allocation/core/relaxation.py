"""The territory problem with accounts divisible: a bound, prices of hours, and a nearly whole plan; no rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.bound import lagrangian_bound, reduced_cost
from fieldwise_allocation.core.hour_prices import smooth_prices
from fieldwise_allocation.core.instance import Bools, Floats, Instance, Ints
from fieldwise_allocation.core.linear import Programme, Solution, Unsolved, solve_linear

ROUNDS = 4
# Pairs per account at the start; pricing over all pairs adds whatever is missing.
FIRST_PAIRS = 4
# A bound this close to the value of the programme over the pairs so far is worth no further round.
CLOSED = 1e-4


@dataclass(frozen=True)
class Relaxation:
    """The relaxed optimum.

    Args:
        bound: No plan costs less; priced over all pairs.
        price: Plan units per hour of each rep that give ``bound``, shape (r,).
        rep_of: The rep with the largest part of each account, shape (n,).
    """

    bound: float
    price: Floats
    rep_of: Ints


def relax(instance: Instance) -> Relaxation:
    """Column generation from smoothed prices: a few pairs per account, more where the prices ask for them."""
    price = smooth_prices(instance)
    best = Relaxation(lagrangian_bound(instance, price), price, _cheapest(instance, price))
    pairs = _nearest_pairs(instance, price)
    for _ in range(ROUNDS):
        try:
            solution = solve_linear(_programme(instance, pairs))
        except Unsolved:
            break  # the smoothed prices still give a valid bound and a start
        price = solution.duals[len(instance.workload) :]
        bound = lagrangian_bound(instance, price)
        rep_of = _largest_part(pairs, solution)
        best = Relaxation(max(bound, best.bound), price if bound > best.bound else best.price, rep_of)
        missing = _missing(instance, pairs, price, solution)
        if bound >= solution.objective - CLOSED * abs(solution.objective) or not missing.any():
            break
        pairs |= missing
    return best


def _cheapest(instance: Instance, price: Floats) -> Ints:
    return np.asarray(np.argmin(reduced_cost(instance, price), axis=1))


def _nearest_pairs(instance: Instance, price: Floats) -> Bools:
    """The pairs of lowest reduced cost, and every incumbent: he is never far from the optimum."""
    keep = min(FIRST_PAIRS, len(instance.target))
    order = np.argpartition(reduced_cost(instance, price), keep - 1, axis=1)[:, :keep]
    pairs = np.zeros_like(instance.allowed)
    np.put_along_axis(pairs, order, True, axis=1)
    held = np.flatnonzero(instance.incumbent >= 0)
    pairs[held, instance.incumbent[held]] = True
    return pairs & instance.allowed


def _programme(instance: Instance, pairs: Bools) -> Programme:
    """Rows: one per account, then one band per rep, which a dear slack may leave while pairs are missing."""
    account, rep = np.nonzero(pairs)
    n, r, k = len(instance.workload), len(instance.target), len(account)
    slack = np.arange(2 * r)
    penalty = _penalty(instance)
    return Programme(
        cost=np.concatenate([instance.cost[account, rep], np.full(2 * r, penalty)]),
        high=np.concatenate([np.ones(k), np.full(2 * r, np.inf)]),
        row_low=np.concatenate([np.ones(n), instance.low]),
        row_high=np.concatenate([np.ones(n), instance.high]),
        entries=(
            np.concatenate([account, n + rep, n + slack % r]),
            np.concatenate([np.arange(k), np.arange(k), k + slack]),
            np.concatenate([np.ones(k), instance.workload[account], np.where(slack < r, 1.0, -1.0)]),
        ),
    )


def _penalty(instance: Instance) -> float:
    """Plan units per hour outside a band: above what any account could save per hour."""
    busy = instance.workload > 0
    dearest = np.where(instance.allowed, instance.cost, 0.0)[busy].max(axis=1, initial=0.0)
    # A tiny account makes a dear hour; the 99th percentile is a price no band needs to exceed.
    return 3.0 * float(np.quantile(dearest / instance.workload[busy], 0.99)) + 1.0


def _largest_part(pairs: Bools, solution: Solution) -> Ints:
    part = np.full(pairs.shape, -1.0)
    part[pairs] = solution.values[: int(pairs.sum())]
    return np.asarray(np.argmax(part, axis=1))


def _missing(instance: Instance, pairs: Bools, price: Floats, solution: Solution) -> Bools:
    """For each account the pair that undercuts what it pays now, if one does."""
    reduced = instance.cost - instance.workload[:, None] * price
    cheapest = np.argmin(reduced, axis=1)
    rows = np.arange(len(cheapest))
    pays = solution.duals[: len(rows)]
    better = reduced[rows, cheapest] < pays - 1e-9 * (1 + np.abs(pays))
    missing = np.zeros_like(pairs)
    missing[rows[better], cheapest[better]] = True
    return missing & ~pairs
