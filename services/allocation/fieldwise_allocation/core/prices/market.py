"""What prices are solved for, in columns: customers' candidates, what they use, capacities; knows no solver and no names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Market:
    """Customers' candidates, one after the other; c customers, k candidates, u uses, m resources.

    Args:
        capacity: Of each resource in the period, shape (m,).
        first: Candidates of customer i are first[i] to first[i + 1], shape (c + 1,).
        value: Over leaving alone, in whole currency units, more than 0, shape (k,).
        first_use: Uses of candidate j are first_use[j] to first_use[j + 1], shape (k + 1,).
        resource: Of each use, no resource twice in a candidate, shape (u,).
        amount: Of each use, more than 0, shape (u,).
        assumed: Whether a candidate's value rests on a stated prior, shape (k,).
        weight: How many customers like him each one stands for; 1 but in a market of groups, shape (c,).
    """

    capacity: Floats
    first: Ints
    value: Floats
    first_use: Ints
    resource: Places
    amount: Floats
    assumed: Flags
    weight: Floats

    @classmethod
    def of(
        cls,
        capacity: Floats,
        first: Ints,
        value: Floats,
        first_use: Ints,
        resource: Places,
        amount: Floats,
        assumed: Flags,
    ) -> Market:
        """A market in which each customer stands for himself."""
        return cls(capacity, first, value, first_use, resource, amount, assumed, np.ones(len(first) - 1))

    @property
    def customers(self) -> int:
        return len(self.first) - 1

    def customer_of(self) -> Ints:
        """The customer of each candidate, shape (k,)."""
        return np.repeat(np.arange(self.customers), np.diff(self.first))

    def owner_of(self) -> Ints:
        """The candidate of each use, shape (u,)."""
        return np.repeat(np.arange(len(self.value)), np.diff(self.first_use))

    def used(self, chosen: Ints, times: Floats) -> Floats:
        """What these candidates use of each resource, each taken so many times, shape (m,)."""
        owner, uses = spread(self.first_use, chosen)
        taken = self.amount[uses] * times[owner]
        return np.bincount(self.resource[uses], weights=taken, minlength=len(self.capacity)).astype(
            np.float64
        )

    def of_customers(self, customers: Ints) -> tuple[Market, Ints]:
        """These customers alone, in this order, with all the capacity; and the places of their candidates here."""
        _, candidates = spread(self.first, customers)
        counts = self.first[customers + 1] - self.first[customers]
        return self.of_candidates(candidates, counts, self.weight[customers]), candidates

    def of_candidates(self, candidates: Ints, counts: Ints, weight: Floats) -> Market:
        """These candidates alone, ``counts`` of them for each customer in turn."""
        _, uses = spread(self.first_use, candidates)
        return Market(
            capacity=self.capacity,
            first=offsets(counts),
            value=self.value[candidates],
            first_use=offsets(self.first_use[candidates + 1] - self.first_use[candidates]),
            resource=self.resource[uses],
            amount=self.amount[uses],
            assumed=self.assumed[candidates],
            weight=weight,
        )


def offsets(counts: Ints | Places) -> Ints:
    """Where each run begins when runs of these lengths follow each other, and where the last ends."""
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def spread(first: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """For rows whose entries are first[i] to first[i + 1]: (place of the row in ``rows``, entry) of every entry."""
    counts = first[rows + 1] - first[rows]
    owner = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(owner)) - np.repeat(offsets(counts)[:-1], counts)
    return owner, first[rows][owner] + within
