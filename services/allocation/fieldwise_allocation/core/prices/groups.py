"""Customers who are offered exactly the same, taken together: where values come from a few segments, most are. Knows no solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.prices.market import Ints, Market

# Looked at to see whether many are alike; and how many of them must be for grouping to be worth its time.
SAMPLE, ALIKE = 2_000, 0.5
# Odd constants with well-mixed bits, for multiplicative hashing (Steele, Lea and Flood 2014, splitmix64).
_MIX = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)
_SHIFT = np.uint64(31)

Hashes = npt.NDArray[np.uint64]


def grouped(market: Market) -> tuple[Market, Ints]:
    """One customer for each kind, standing for all of them, and the kind of each customer; when few are alike, the same market."""
    kinds = _alike(market)
    if kinds is None:
        return market, np.arange(market.customers)
    _, one, kind, count = np.unique(kinds, return_index=True, return_inverse=True, return_counts=True)
    groups, _ = market.of_customers(one.astype(np.int64))
    return replace(groups, weight=count.astype(np.float64)), kind.astype(np.int64)


def _alike(market: Market) -> Hashes | None:
    """A number for each customer, equal for equal offers; None when hardly anybody is like another."""
    every = max(1, -(-market.customers // SAMPLE))
    sample, _ = market.of_customers(np.arange(0, market.customers, every))
    if len(np.unique(_hashes(sample))) > (1 - ALIKE) * sample.customers:
        return None
    return _hashes(market)


def _hashes(market: Market) -> Hashes:
    """64 bits of each customer's offers, in their order; two of a million that differ are taken for equal once in 10^7 markets."""
    of_use = _mixed(_mixed(market.amount.view(np.uint64)) + market.resource.astype(np.uint64))
    of_candidate = _mixed(_mixed(market.value.view(np.uint64)) + _summed(of_use, market.first_use))
    place = np.arange(len(of_candidate)) - np.repeat(market.first[:-1], np.diff(market.first))
    return _summed(_mixed(of_candidate + place.astype(np.uint64)), market.first)


def _mixed(bits: Hashes) -> Hashes:
    bits = (bits + _MIX[0]) * _MIX[1]
    return np.asarray((bits ^ (bits >> _SHIFT)) * _MIX[2])


def _summed(bits: Hashes, first: Ints) -> Hashes:
    """Sum of each run, modulo 2^64; 0 for an empty one."""
    total = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(bits, dtype=np.uint64)))
    return np.asarray(total[first[1:]] - total[first[:-1]])
