"""When agents trade in a search, how many of them and at what heat; knows no other step of the search."""

from __future__ import annotations

from fieldwise_allocation.core.assignment.annealing import Round
from fieldwise_allocation.core.assignment.search import LANE_SEEDS, LONGEST_RUN, Search
from fieldwise_allocation.core.assignment.trades import TRADERS, traded

# Trades of a series, and what one is worth in proposals.
TRADES, PROPOSALS_PER_TRADE = 6_000, 1_500
# Where a better plan may use so few pairs, no cold trade leads on from a plan that is near the best: heats of the series
# in turn (five of them: with five reheats between two series, each has its turn), and the one heat of all others.
FEW_PAIRS, HEATS, HEAT = 3_000, (0.1, 1.0, 0.2, 2.0, 0.4), 0.1
NEAR = 5
# So few agents have many items each, of which a trade among four would move too small a part.
FEW_AGENTS, FEW_TRADERS = 5, 3
# Series in a row that may bring nothing, and the share of the work, before a search goes on to something else.
PATIENCE, SHARE = 8, 0.1


def trade(search: Search) -> None:
    """One series of trades from the best plan; none where items are counted, for a trade does not look at numbers."""
    if search.best is None or search.ended() or search.problem.counted:
        return
    trades = min(TRADES, int(search.work * LONGEST_RUN) // PROPOSALS_PER_TRADE)
    heat = HEATS[search.rounds % len(HEATS)] if search.pairs <= FEW_PAIRS else HEAT
    task = Round(heat, NEAR, trades, search.rounds + search.lane * LANE_SEEDS, search.best)
    traders = FEW_TRADERS if search.problem.agents <= FEW_AGENTS else TRADERS
    found = traded(search.problem, search.prices, search.reduced, task, search.watch.over, traders)
    search.done += trades * PROPOSALS_PER_TRADE
    search.rounds += 1
    if found is None:
        return
    if found[1] < search.cost:
        search.idle = 0
        search.take(*found)
    else:
        # As good as the best, but elsewhere: the way on may be from there.
        search.best = found[0]


def trade_until_idle(search: Search) -> None:
    """Series of trades for as long as they pay."""
    idle, until = 0, search.done + search.work * SHARE
    while idle < PATIENCE and search.done < until and not search.ended():
        before = search.cost
        trade(search)
        idle = 0 if search.cost < before else idle + 1
