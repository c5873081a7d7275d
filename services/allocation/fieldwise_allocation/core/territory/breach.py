"""What breaking a hard rule counts while a search is under way; knows no search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.territory.arcs import Arcs
from fieldwise_allocation.core.territory.problem import Floats, Problem

# Of a band's own price, and of the typical one: just above what a breach would save. Dearer breaches make the search
# stiff: measured on the tuning seeds, twice the price leaves half as much gap again.
OWN, TYPICAL = 1.2, 0.3


@dataclass(frozen=True)
class Breach:
    """Penalties of a search.

    Args:
        band: Plan units per unit outside each band, 0 for soft bands, shape (k, r).
        other: Plan units per move too many and per rep too few in an area.
    """

    band: Floats
    other: float

    def times(self, factor: float) -> Breach:
        """The same, firmer."""
        return Breach(self.band * factor, self.other * factor)


def mild(problem: Problem, arcs: Arcs, price: Floats, move_price: float) -> Breach:
    """Penalties just above the prices of the bands and of a move, so that a search may pass through breaches.

    Args:
        price: Of the bands, shape (k, r).
    """
    hard = np.isinf(problem.outside)
    per_account = float(arcs.cost[:, 0].mean()) + 1e-9
    amount = problem.amount.mean(axis=1)[problem.band_measure]
    # A band that costs nothing has no price to go by: what an account costs per unit stands in.
    usual = 0.1 * per_account / np.where(amount > 0, amount, 1.0)
    for b in range(len(price)):
        if hard[b].any():
            usual[b] = max(usual[b], float(np.median(np.abs(price[b, hard[b]]))))
    band = np.where(hard, OWN * np.abs(price) + TYPICAL * usual[:, None], 0.0)
    return Breach(np.ascontiguousarray(band), OWN * move_price + per_account)
