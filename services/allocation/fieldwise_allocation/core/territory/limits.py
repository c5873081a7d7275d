"""What a load costs outside its bands, and the same seen from a price per unit; knows nothing of accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.territory.problem import Floats, Problem
from fieldwise_allocation.core.travel import DETOUR, EARTH_RADIUS_KM


@dataclass(frozen=True)
class SoftBands:
    """The softened band terms of the bound: their sum, slope (m, r) and negative second derivative (m, r)."""

    height: float
    slope: Floats
    curvature: Floats


@dataclass(frozen=True)
class Limits:
    """The loads at which a cost outside bands can be least, for any price: the corners of the bands.

    Args:
        load: Shape (q, m, r).
        cost: Plan units for lying outside soft bands at that load, infinite outside hard ones, shape (q, m, r).
    """

    load: Floats
    cost: Floats

    def least(self, worth: Floats) -> Floats:
        """The least over loads of cost + worth x load: the band terms of the bound, shape (m, r)."""
        return np.asarray((self.cost + worth * self.load).min(axis=0))

    def soft(self, worth: Floats, softness: float) -> SoftBands:
        """The same with a soft minimum."""
        value = self.cost + worth * self.load
        least = value.min(axis=0)
        share = np.exp(np.maximum((least - value) / softness, -700.0))
        share[np.isinf(self.cost)] = 0.0
        total = share.sum(axis=0)
        share /= total
        mean = (share * self.load).sum(axis=0)
        spread = (share * (self.load - mean) ** 2).sum(axis=0)
        return SoftBands(float((least - softness * np.log(total)).sum()), mean, spread / softness)


def limits(problem: Problem) -> Limits:
    """The corners of every rep's bands; a load is never below 0 nor above all there is."""
    measures, reps = len(problem.amount), problem.reps
    most = np.maximum(problem.amount.sum(axis=1) + _longest_ways(problem), 1e-9)
    ends = np.zeros((measures, reps)), np.broadcast_to(most[:, None], (measures, reps))
    corners = [*ends]
    for b, measure in enumerate(problem.band_measure):
        for edge in (problem.low[b], problem.high[b]):
            corner = np.zeros((measures, reps))
            corner[measure] = np.clip(edge, 0.0, most[measure])
            corners.append(corner)
    load = np.array(corners)
    return Limits(load, _cost_of(problem, load))


def dearest(problem: Problem) -> float:
    """More than any assignment that keeps the hard rules costs: a bound above it proves that there is none."""
    around = np.pi * DETOUR * EARTH_RADIUS_KM
    most = (problem.amount.sum(axis=1) + _longest_ways(problem))[problem.band_measure, None]
    out = np.maximum(problem.low, most)
    soft = np.where(np.isfinite(problem.outside), problem.outside, 0.0)
    return float(1.001 * (problem.per_km.sum() * around + problem.per_move.sum() + (soft * out).sum())) + 1e-6


def _longest_ways(problem: Problem) -> Floats:
    """Hours that travel can add at most, shape (m,)."""
    ways = np.zeros(len(problem.amount))
    ways[0] = problem.pace.sum() * np.pi * DETOUR * EARTH_RADIUS_KM
    return ways


def _cost_of(problem: Problem, load: Floats) -> Floats:
    cost = np.zeros(load.shape)
    for b, measure in enumerate(problem.band_measure):
        here = load[:, measure]
        out = np.maximum(np.maximum(problem.low[b] - here, here - problem.high[b]), 0.0)
        out[out <= 1e-12 * np.maximum(np.abs(here), 1.0)] = 0.0
        cost[:, measure] += np.where(out > 0, np.where(out > 0, out, 1.0) * problem.outside[b], 0.0)
    return cost
