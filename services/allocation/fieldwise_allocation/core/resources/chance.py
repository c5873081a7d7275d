"""Probability that sales reach a target; knows no plan and no solver."""

from __future__ import annotations

import math
from statistics import NormalDist

NORMAL = NormalDist()


def reach(mean: float, own: float, common: float, target: float) -> float:
    """P(sales >= target).

    Sales of cell j are ``m_j (1 + common Z) + e_j``: one factor Z for all, and noise of its own, independent.
    The sum is taken as normal, as sums of many cells are.

    Args:
        mean: Sum of the cells' expected sales.
        own: Standard deviation of the sum of the cells' own noise.
        common: Standard deviation of the common factor, as a share of sales.
    """
    deviation = math.hypot(own, common * mean)
    if deviation == 0:
        return float(mean >= target * (1 - 1e-12))
    return NORMAL.cdf((mean - target) / deviation)


def margin(probability: float) -> float:
    """Standard deviations that the mean has to lie above a target."""
    return NORMAL.inv_cdf(probability)
