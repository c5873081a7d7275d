"""The best choice of a programme with a certified ceiling; knows no curve and no name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.resources import duals, hulls
from fieldwise_allocation.core.resources.feasibility import impossible, least_worth
from fieldwise_allocation.core.resources.programme import Floats, Ints, Programme
from fieldwise_allocation.core.resources.rounding import improved, rounded

# Near enough: the exact search does not start below this gap.
ENOUGH = 2e-5
# Options that the exact search is given at most, the cheapest at the prices.
CORE = 600
# Its share of the time left.
SEARCH_SHARE = 0.5


@dataclass(frozen=True)
class Found:
    """A choice that keeps every row.

    Args:
        choice: Option of each cell, shape (n,).
        ceiling: No choice is worth more.
        price: Worth of one more unit of each row's limit, shape (r,), >= 0.
    """

    choice: Ints
    value: float
    ceiling: float
    price: Floats

    @property
    def gap(self) -> float:
        return max(0.0, self.ceiling - self.value) / max(abs(self.ceiling), 1e-12)


class Infeasible(Exception):
    """No choice keeps the rows: proven by prices, or by going through all choices."""


class NotFound(Exception):
    """No choice that keeps the rows was found, and none was proven impossible."""


def solve(
    programme: Programme,
    seconds_left: Callable[[], float],
    *,
    start: Ints | None = None,
    exactly: bool = True,
) -> Found:
    """The best choice found: the same programme gives the same choice, unless the time ends the search.

    Args:
        start: A choice that keeps the rows; none worse is returned.
        exactly: Whether to search what rounding leaves open; without it the ceiling is the relaxation's.

    Raises:
        Infeasible: Proven.
        NotFound: Time or nodes ran out first.
    """
    prices = _prices(programme)
    if prices is None:
        raise Infeasible
    price, ceiling, first = prices
    choice = _better(programme, rounded(programme, price, first), _warm(programme, price, start))
    value = -np.inf if choice is None else programme.worth(choice)
    if choice is None or (exactly and ceiling - value > ENOUGH * max(abs(ceiling), 1e-12)):
        choice, proven = _searched(programme, price, ceiling, choice, seconds_left)
        value = programme.worth(choice)
        ceiling = value if proven else ceiling
    return Found(choice, value, max(ceiling, value), price)


def _warm(programme: Programme, price: Floats, start: Ints | None) -> Ints | None:
    return None if start is None else improved(programme, price, start)


def _better(programme: Programme, one: Ints | None, other: Ints | None) -> Ints | None:
    if one is None or other is None:
        return other if one is None else one
    return one if programme.worth(one) >= programme.worth(other) else other


def _prices(programme: Programme) -> tuple[Floats, float, Ints | None] | None:
    """(prices, ceiling, a choice to begin with); None where the prices prove that nothing keeps the rows."""
    if impossible(programme).size:
        return None
    rows = programme.rows
    if len(rows) == 1 and rows.sign[0] > 0 and rows.member.all():
        way = hulls.way(programme.value, programme.amount[rows.measure[0]])
        price = np.array([way.price(float(rows.limit[0]))])
        return price, programme.ceiling(price), way.choice(way.steps_within(float(rows.limit[0])))
    if not len(rows):
        return np.empty(0), programme.ceiling(np.empty(0)), None
    cleared = duals.clear(programme)
    if cleared.ceiling < least_worth(programme) - 1e-6 * np.abs(programme.value[programme.present]).max():
        return None
    return cleared.price, cleared.ceiling, None


def _searched(
    programme: Programme,
    price: Floats,
    ceiling: float,
    choice: Ints | None,
    seconds_left: Callable[[], float],
) -> tuple[Ints, bool]:
    """(best choice, proven) after the exact search over the options that can be part of a better one.

    An option whose loss at the prices is more than the gap is in no better choice; where more are left than the
    search can take, the cheapest are kept and nothing is proven.
    """
    # Imported here: the serving process imports the answers of this package, and loads no solver.
    from fieldwise_allocation.core.resources import exact

    reduced = programme.reduced(price)
    loss = reduced.max(axis=1)[:, None] - reduced
    worth = -np.inf if choice is None else programme.worth(choice)
    kept = programme.present & (loss <= ceiling - worth)
    most = CORE + len(kept)
    whole = int(kept.sum()) <= most
    if not whole:
        kept &= loss <= np.partition(loss.ravel(), most)[most]
    if choice is not None:
        kept[np.arange(len(kept)), choice] = True
    found = exact.best(programme, kept, SEARCH_SHARE * seconds_left(), choice)
    if found.choice is None and choice is None:
        raise Infeasible if whole and found.proven else NotFound
    if found.choice is not None and (choice is None or programme.worth(found.choice) > worth):
        choice = found.choice
    assert choice is not None
    return choice, whole and found.proven
