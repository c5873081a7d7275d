"""Candidates as they came in, in columns, and the one order in which they are priced; knows no wire and no file."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.prices.market import Flags, Floats, Market, Places, offsets

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Columns:
    """Customers one after the other, the candidates of each in the order of their actions, uses in that of the resources.

    Args:
        customer: A key of each customer's name, shape (c,).
        candidates: How many each has, shape (c,).
        value: Of each candidate, more than 0, shape (k,).
        assumed: Of each candidate, shape (k,).
        uses: How many each has, shape (k,).
        resource: Of each use, as a place among the capacities, shape (u,).
        amount: Of each use, more than 0, shape (u,).
    """

    customer: Keys
    candidates: Counts
    value: Floats
    assumed: Flags
    uses: Counts
    resource: Places
    amount: Floats

    @classmethod
    def joined(cls, parts: list[Columns]) -> Columns:
        """One behind the other."""
        return cls(
            **{
                each.name: np.concatenate([getattr(part, each.name) for part in parts])
                for each in fields(cls)
            }
        )

    def market(self, capacity: Floats) -> Market:
        """The market in the order of the customers' keys: what comes first must not be what arrived first."""
        arrived = Market.of(
            capacity,
            offsets(self.candidates),
            self.value,
            offsets(self.uses),
            self.resource,
            self.amount,
            self.assumed,
        )
        ordered, _ = arrived.of_customers(np.argsort(self.customer, kind="stable"))
        return ordered
