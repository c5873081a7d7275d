"""What pricing a market gives; knows neither how it is found nor a solver: the serving process reads it."""

from __future__ import annotations

from dataclasses import dataclass

from fieldwise_allocation.core.prices.market import Floats, Ints


@dataclass(frozen=True)
class Clearing:
    """Prices and the choice they lead to; resources in the order of the market.

    Args:
        price: Currency units per unit of each resource, 0 or more, shape (m,).
        used: By the feasible choice, shape (m,).
        value: Of the feasible choice.
        bound: No choice within the capacities is worth more: the value of the duals, checked over all candidates.
        assumed_share: Of the value, what rests on stated priors.
        chosen: Candidates of the feasible choice, in the order of the market.
    """

    price: Floats
    used: Floats
    value: float
    bound: float
    assumed_share: float
    chosen: Ints

    @property
    def gap(self) -> float:
        """(bound - value) / bound; 0 when the bound is 0."""
        return max(0.0, self.bound - self.value) / self.bound if self.bound > 0 else 0.0
