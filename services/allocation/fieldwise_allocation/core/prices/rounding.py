"""From the optimum in parts to a choice in whole candidates that keeps every capacity. Knows no solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.prices.market import Flags, Floats, Ints, Market, Places, spread
from fieldwise_allocation.core.prices.solve import Solved
from fieldwise_allocation.core.prices.survey import INTERPRETED, quick

# Capacities are kept up to the rounding of a sum.
ROUNDING = 1e-12
# A part this near to a whole one is the solver's rounding.
WHOLE = 1e-6


@dataclass(frozen=True)
class _Picks:
    """Candidates of the market, and of each the part of it that the optimum takes."""

    candidate: Ints
    part: Floats

    def with_whole(self, candidates: Ints) -> _Picks:
        """And these, which were taken whole and did not fit."""
        return _Picks(np.append(self.candidate, candidates), np.append(self.part, np.ones(len(candidates))))


def choose(market: Market, groups: Market, kind: Ints, solved: Solved) -> Ints:
    """The candidates taken, at most one of each customer, in the order of the market.

    What the optimum takes whole comes first, less what is worth least where that is too much; then whatever still fits: larger
    parts first, then what is worth most above prices.

    Args:
        groups: The market that was solved, one customer for each kind.
        kind: Of each customer, shape (c,).
    """
    customer_of = market.customer_of()
    settled, waiting = _members(market, groups, kind, solved)
    fitting = _within(market, settled, solved.price)
    taken = settled[fitting]
    served = np.zeros(market.customers, dtype=np.bool_)
    served[customer_of[taken]] = True
    order = _in_order(market, waiting.with_whole(settled[~fitting]), served[customer_of], solved.price)
    left = market.capacity * (1 + ROUNDING) - market.used(taken, np.ones(len(taken)))
    fits = np.zeros(len(order), dtype=np.bool_)
    fill = quick(_fill, len(order) > INTERPRETED)
    fill(order, customer_of[order], market.first_use, market.resource, market.amount, left, served, fits)
    return np.sort(np.concatenate([taken, order[fits]]))


def _in_order(market: Market, picks: _Picks, served: Flags, price: Floats) -> Ints:
    """The picks whose customers wait: larger parts first, then what is worth most above prices."""
    waiting = ~served[picks.candidate]
    candidate, part = picks.candidate[waiting], np.round(picks.part[waiting], 6)
    return candidate[np.lexsort((candidate, -_worth(market, candidate, price), -part))]


def _members(market: Market, groups: Market, kind: Ints, solved: Solved) -> tuple[Ints, _Picks]:
    """The choice of kinds handed to their members: (candidates taken whole, those open to the members left)."""
    by_kind = np.argsort(kind, kind="stable")
    first_member = np.searchsorted(kind[by_kind], np.arange(groups.customers + 1))
    group_of = groups.customer_of()

    def of_members(candidate: Ints, place: Ints) -> Ints:
        """The same candidate of the member at this place of ``by_kind``."""
        return market.first[by_kind[place]] + candidate - groups.first[group_of[candidate]]

    owner, places = spread(first_member, group_of[solved.settled])
    settled = of_members(solved.settled[owner], places)

    # Of an open kind, the first members take what is taken whole, one candidate after the other; the others wait.
    group = group_of[solved.open]
    whole = np.floor(solved.taken + WHOLE).astype(np.int64)
    before = np.cumsum(whole) - whole
    pick = np.repeat(np.arange(len(group)), whole)
    nth = np.arange(len(pick)) - before[np.searchsorted(group, group[pick])]
    taken = of_members(solved.open[pick], first_member[group[pick]] + nth)

    begin = first_member[:-1] + np.bincount(group, weights=whole, minlength=groups.customers).astype(np.int64)
    counts = first_member[group + 1] - begin[group]
    owner = np.repeat(np.arange(len(group)), counts)
    nth = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
    candidate = of_members(solved.open[owner], begin[group[owner]] + nth)
    part = (solved.taken - whole)[owner] / counts[owner]
    return np.concatenate([settled, taken]), _Picks(candidate, part)


def _within(market: Market, taken: Ints, price: Floats) -> Flags:
    """Which of the candidates stay, every capacity being kept: of what is used too much, what is worth least per unit goes."""
    kept = np.ones(len(taken), dtype=np.bool_)
    limit = market.capacity * (1 + ROUNDING)
    over = np.flatnonzero(market.used(taken, np.ones(len(taken))) > limit)
    if not len(over):
        return kept
    worth = _worth(market, taken, price)
    owner, uses = spread(market.first_use, taken)
    for r in over:
        users = (market.resource[uses] == r) & kept[owner]
        user, amount = owner[users], market.amount[uses[users]]
        cheapest = np.lexsort((taken[user], worth[user] / amount))
        # What was freed for another resource may do for this one.
        staying = amount.sum() - np.concatenate(([0.0], np.cumsum(amount[cheapest])))
        kept[user[cheapest[: np.argmax(staying <= limit[r])]]] = False
    return kept


def _worth(market: Market, candidates: Ints, price: Floats) -> Floats:
    """Value above prices."""
    owner, uses = spread(market.first_use, candidates)
    paid = np.bincount(
        owner, weights=market.amount[uses] * price[market.resource[uses]], minlength=len(candidates)
    )
    return np.asarray(market.value[candidates] - paid)


def _fill(
    order: Ints,
    customer: Ints,
    first_use: Ints,
    resource: Places,
    amount: Floats,
    left: Floats,
    served: Flags,
    fits: Flags,
) -> None:
    """Takes candidate after candidate where its customer waits and every use fits; lowers ``left`` and fills ``fits``."""
    for n in range(len(order)):
        if served[customer[n]]:
            continue
        uses = range(first_use[order[n]], first_use[order[n] + 1])
        fitting = True
        for u in uses:
            fitting = fitting and amount[u] <= left[resource[u]]
        if fitting:
            for u in uses:
                left[resource[u]] -= amount[u]
            served[customer[n]] = True
            fits[n] = True
