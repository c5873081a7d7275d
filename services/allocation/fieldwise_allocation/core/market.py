"""Prices of scarce things: the linear programme over all candidates, its duals, and a choice within capacity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.linear import Floats, Ints, Programme, solve_linear

# Duals below this share of the largest value per unit are the solver's rounding.
DUST = 1e-12


@dataclass(frozen=True, order=True)
class Candidate:
    """Something that could be done for a customer.

    Args:
        value: Over leaving alone, costs taken off, in whole currency units; may be negative.
        uses: (resource, amount) in the order of the resources' names, no resource twice.
        assumed: The value rests on a stated prior.
    """

    customer: str
    action: str
    value: float
    uses: tuple[tuple[str, float], ...] = ()
    assumed: bool = False


@dataclass(frozen=True)
class Market:
    """Candidates in canonical order, and the capacity of each resource per period."""

    candidates: tuple[Candidate, ...]
    capacity: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, candidates: Iterable[Candidate], capacity: Iterable[tuple[str, float]]) -> Market:
        """Sorted by name: where several dual prices are equally right, the order of arrival must not choose."""
        return cls(tuple(sorted(candidates)), tuple(sorted(capacity)))


@dataclass(frozen=True)
class Clearing:
    """Prices and the choice they lead to; resources in the order of the market.

    Args:
        prices: Currency units per unit of each resource, 0 or more, shape (m,).
        used: By the feasible choice, shape (m,).
        value: Of the feasible choice.
        bound: No choice within the capacities is worth more: the value of the duals, checked over all candidates.
        chosen: Positions of the candidates of the feasible choice.
    """

    prices: Floats
    used: Floats
    value: float
    bound: float
    assumed_share: float
    chosen: tuple[int, ...]

    @property
    def gap(self) -> float:
        """(bound - value) / bound; 0 when the bound is 0."""
        return max(0.0, self.bound - self.value) / self.bound if self.bound > 0 else 0.0


@dataclass(frozen=True)
class _Columns:
    """The candidates worth anything, as columns: k candidates, c customers, m resources."""

    position: Ints
    customer: Ints
    value: Floats
    use: tuple[Ints, Ints, Floats]  # (candidate, resource, amount)
    capacity: Floats

    def reduced(self, prices: Floats) -> Floats:
        """Value of each candidate once its uses are paid for, shape (k,)."""
        candidate, resource, amount = self.use
        paid = np.bincount(candidate, weights=prices[resource] * amount, minlength=len(self.value))
        return np.asarray(self.value - paid)


def clear(market: Market) -> Clearing:
    """Each customer at most one candidate, each resource at most its capacity, the value as large as can be.

    The prices are the duals of the capacity rows; a resource that the optimum leaves slack has price 0. Where the
    optimum is degenerate several prices are right; the canonical order and a deterministic simplex always pick the
    same ones, and every one of them falls or stays when its own capacity grows (the optimum is concave in it).
    """
    columns = _columns(market)
    if not len(columns.value):
        nothing = np.zeros(len(columns.capacity))
        return Clearing(nothing, nothing, 0.0, 0.0, 0.0, ())
    solution = solve_linear(_programme(columns))
    prices = _clean(
        columns, -solution.duals[-len(columns.capacity) :] if len(columns.capacity) else np.empty(0)
    )
    picked, used = _choose(columns, prices, solution.values)
    value = float(columns.value[picked].sum())
    chosen = tuple(int(columns.position[k]) for k in picked)
    assumed = sum(market.candidates[k].value for k in chosen if market.candidates[k].assumed)
    return Clearing(
        prices=prices,
        used=used,
        value=value,
        bound=max(price_bound(columns, prices), value),
        assumed_share=assumed / value if value > 0 else 0.0,
        chosen=chosen,
    )


def price_bound(columns: _Columns, prices: Floats) -> float:
    """Weak duality: capacity at these prices, and what each customer's best candidate is worth above them."""
    best = np.zeros(int(columns.customer.max(initial=-1)) + 1)
    np.maximum.at(best, columns.customer, columns.reduced(prices))
    return float(columns.capacity @ prices + best.sum())


def _columns(market: Market) -> _Columns:
    position = np.array([k for k, c in enumerate(market.candidates) if c.value > 0], dtype=np.int64)
    kept = [market.candidates[k] for k in position]
    index = {name: i for i, (name, _) in enumerate(market.capacity)}
    customers = {name: i for i, name in enumerate(dict.fromkeys(c.customer for c in kept))}
    uses = [(k, index[name], amount) for k, c in enumerate(kept) for name, amount in c.uses if amount > 0]
    table = np.array(uses, dtype=np.float64).reshape(-1, 3)
    return _Columns(
        position=position,
        customer=np.array([customers[c.customer] for c in kept], dtype=np.int64),
        value=np.array([c.value for c in kept]),
        use=(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2]),
        capacity=np.array([amount for _, amount in market.capacity]),
    )


def _programme(columns: _Columns) -> Programme:
    customers, k = int(columns.customer.max()) + 1, len(columns.value)
    candidate, resource, amount = columns.use
    rows = customers + len(columns.capacity)
    return Programme(
        cost=-columns.value,
        high=np.full(k, np.inf),  # the customer's row keeps it at 1
        row_low=np.full(rows, -np.inf),
        row_high=np.concatenate([np.ones(customers), columns.capacity]),
        entries=(
            np.concatenate([columns.customer, customers + resource]),
            np.concatenate([np.arange(k), candidate]),
            np.concatenate([np.ones(k), amount]),
        ),
    )


def _clean(columns: _Columns, prices: Floats) -> Floats:
    _, resource, amount = columns.use
    dearest = np.zeros(len(prices))
    np.maximum.at(dearest, resource, columns.value[columns.use[0]] / amount)
    return np.where(prices > DUST * (1 + dearest), prices, 0.0)


def _choose(columns: _Columns, prices: Floats, share: Floats) -> tuple[list[int], Floats]:
    """A choice in whole candidates: the optimum's own first, then what still fits, best at these prices first."""
    order = np.lexsort((-columns.reduced(prices), -np.round(share, 6)))
    candidate, resource, amount = columns.use
    starts = np.searchsorted(candidate, np.arange(len(columns.value) + 1))
    left = columns.capacity * (1 + 1e-12)
    used = np.zeros_like(left)
    served: set[int] = set()
    picked: list[int] = []
    for k in order:
        needs = slice(starts[k], starts[k + 1])
        if columns.customer[k] in served or (amount[needs] > left[resource[needs]]).any():
            continue
        left[resource[needs]] -= amount[needs]
        used[resource[needs]] += amount[needs]
        served.add(int(columns.customer[k]))
        picked.append(int(k))
    return sorted(picked), used


def unknown_resources(candidates: Sequence[Candidate], known: Iterable[str]) -> list[tuple[int, int, str]]:
    """(candidate, use, resource) of every use that has no budget."""
    names = set(known)
    return [
        (k, u, resource)
        for k, candidate in enumerate(candidates)
        for u, (resource, _) in enumerate(candidate.uses)
        if resource not in names
    ]
