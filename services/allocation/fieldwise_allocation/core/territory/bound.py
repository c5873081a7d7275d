"""A lower bound on the cost of any plan, from prices; valid for all prices, exact over all pairs; knows no search."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.territory.arcs import cheapest
from fieldwise_allocation.core.territory.limits import limits
from fieldwise_allocation.core.territory.problem import Floats, Problem


def bound(problem: Problem, price: Floats, move_price: float = 0.0) -> float:
    """No plan that keeps the hard rules costs less than this.

    LB(mu, nu) = sum_j min_i (c_ij + nu moved_ij - sum_b mu_bi a_ij) + sum_bi (low_bi if mu_bi > 0 else high_bi) mu_bi
    - nu most_moves: the bands and the limit of moves, relaxed. Staffing is left out, which only lowers it.

    Args:
        price: mu, plan units per unit of each band, shape (k, r); cut to what lying outside costs.
        move_price: nu; below 0 counts as 0.
    Source: Fisher (1981), The Lagrangian relaxation method for solving integer programming problems.
    """
    price = within(problem, price)
    nu = max(move_price, 0.0) if problem.most_moves is not None else 0.0
    pairs = cheapest(problem, worth_of(problem, price), nu, 1).reduced
    edge = np.where(price > 0, problem.low, np.where(price < 0, problem.high, 0.0))
    return float(pairs.sum() + (edge * price).sum() - nu * (problem.most_moves or 0))


def within(problem: Problem, price: Floats) -> Floats:
    """Prices cut to what a unit outside the band costs, and to at least 0 where no ceiling is: shape (k, r)."""
    price = np.clip(price, -problem.outside, problem.outside)
    return np.where(np.isinf(problem.high), np.maximum(price, 0.0), price)


def worth_of(problem: Problem, price: Floats) -> Floats:
    """What the bands' prices pay per unit of each measure, shape (m, r)."""
    worth = np.zeros((len(problem.amount), problem.reps))
    np.add.at(worth, problem.band_measure, price)
    return worth


def split(problem: Problem, worth: Floats) -> Floats:
    """Prices of the single bands that add up to ``worth`` and give the highest bound, shape (k, r).

    The bands are tried at the load where cost outside + worth x load is least: those it lies below take their whole
    positive price, those it lies above their whole negative one, and the band at whose edge it lies takes the rest.
    """
    corners = limits(problem)
    value = corners.cost + worth * corners.load
    load = np.take_along_axis(corners.load, value.argmin(axis=0)[None], axis=0)[0][problem.band_measure]
    hair = 1e-9 * np.maximum(np.abs(load), 1.0)
    finite = np.where(np.isfinite(problem.outside), problem.outside, 0.0)
    price = finite * ((load < problem.low - hair).astype(float) - (load > problem.high + hair))
    left = worth - worth_of(problem, price)
    at_edge = (np.abs(load - problem.low) <= hair) | (np.abs(load - problem.high) <= hair)
    for b in np.argsort(np.isinf(problem.outside).all(axis=1), kind="stable"):
        measure = problem.band_measure[b]
        more = np.where(at_edge[b], np.clip(left[measure], -problem.outside[b], problem.outside[b]), 0.0)
        price[b] += more
        left[measure] -= more
    return within(problem, price)
