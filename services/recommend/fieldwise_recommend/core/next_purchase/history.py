"""Who bought what and when, in columns and as tables of customers by things; knows no model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fieldwise_recommend.core.arrays import Ints

Table = NDArray[np.float32]


@dataclass(frozen=True)
class History:
    """Each thing that a customer bought on a day, once, ascending by customer.

    Attributes:
        customers: How many there are.
        customer: From 0, shape (n,).
        thing: From 0, below the length of ``group``.
        day: Days since any day.
        group: What each thing belongs to, from 0, shape (n_things,).
    """

    customers: int
    customer: Ints
    thing: Ints
    day: Ints
    group: Ints

    @property
    def things(self) -> int:
        return len(self.group)

    @cached_property
    def cells(self) -> Ints:
        """Place of each row in a table of customers by things."""
        return self.customer * self.things + self.thing

    def before(self, day: int) -> History:
        return self._where(self.day < day)

    def between(self, first: int, end: int) -> History:
        """From the first day to the one before the end."""
        return self._where((self.day >= first) & (self.day < end))

    def of_customers(self, first: int, end: int) -> History:
        """Some customers, numbered from 0."""
        rows = slice(*np.searchsorted(self.customer, [first, end]))
        return History(end - first, self.customer[rows] - first, self.thing[rows], self.day[rows], self.group)

    def _where(self, mask: NDArray[np.bool_]) -> History:
        return History(self.customers, self.customer[mask], self.thing[mask], self.day[mask], self.group)

    def table(self, weights: NDArray[np.float64] | None = None) -> Table:
        """Days, or weights, by customer and thing."""
        size = self.customers * self.things
        flat = np.bincount(self.cells, weights, minlength=size)
        return flat.reshape(self.customers, self.things).astype(np.float32)

    @cached_property
    def trips(self) -> Ints:
        """Days on which each customer bought anything."""
        if not len(self.day):
            return np.zeros(self.customers, np.int64)
        span = int(self.day.max()) + 1
        days = np.unique(self.customer * span + self.day) // span
        return np.bincount(days, minlength=self.customers)


def history_of(customer: Ints, thing: Ints, day: Ints, *, customers: int, group: Ints) -> History:
    """From lines in any order, of which some may say the same; numbers and days are not negative."""
    span = int(day.max(initial=0)) + 1
    rows = np.unique((customer * len(group) + thing) * span + day)
    cell = rows // span
    return History(customers, cell // len(group), cell % len(group), rows % span, group)
