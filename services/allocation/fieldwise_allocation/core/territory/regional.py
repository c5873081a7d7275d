"""The search for a large plan in regions, which others may do at the same time, with other seams each wave; knows no process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.territory.crew import Crew
from fieldwise_allocation.core.territory.found import Impossible, Watch
from fieldwise_allocation.core.territory.prices import Prices
from fieldwise_allocation.core.territory.problem import Ints, feasible
from fieldwise_allocation.core.territory.regions import Cut, Region, split
from fieldwise_allocation.core.territory.rounds import (
    ARCS,
    FIRST,
    ROUND,
    WIDE,
    Search,
    from_the_rules,
    ground_at,
    mended,
    one_round,
)

# Proposals per account of each wave after a plan was made anew at fine prices.
WAVES = (ROUND, 2 * ROUND, 4 * ROUND, 8 * ROUND)
# How often the seams are drawn anew while a first plan still breaks rules.
MENDINGS = 6
# A plan is told when so many more regions are done: to cost it takes a tenth of what a region takes.
TELL = 8


@dataclass(frozen=True)
class Errand:
    """What is to be done in one region.

    Args:
        prices: Of the region's reps, from the whole: they say what an hour is worth beyond the region.
        per_account: Proposals, from the cheapest reps on; 0: only mend what is broken in the plan as it is.
        by_rules: Where mending fails, a plan from the hard rules alone, which is dear until the next wave.
    """

    region: Region
    prices: Prices
    per_account: int
    seed: int
    by_rules: bool


def improved(errand: Errand, watch: Watch) -> Ints:
    """A plan of the region that costs no more than the one it was cut from, where that one kept the hard rules."""
    region = errand.region
    search = Search(region.problem, watch, np.zeros(region.problem.low.shape))
    search.offer(region.rep_of)
    if search.best is not None and not errand.per_account:
        return region.rep_of
    try:
        ground = ground_at(search, errand.prices, ARCS if errand.per_account else WIDE)
    except Impossible:
        # As it was cut, the region has too much or too little: the seams are mended later.
        return region.rep_of
    if search.over():
        return region.rep_of
    if not errand.per_account:
        rep_of = mended(search, ground, region.rep_of, errand.seed)
        search.offer(rep_of)
        if search.best is None and errand.by_rules:
            from_the_rules(search, ground, errand.seed)
        return rep_of if search.best is None else search.best
    rep_of = one_round(search, ground, ground.arcs.rep[:, 0], errand.per_account, errand.seed)
    return rep_of if search.best is None else search.best


def first_in_regions(
    search: Search, prices: Prices, crew: Crew, seed: int, *, per_account: int = FIRST
) -> None:
    """A plan made anew: everyone takes the cheapest rep, regions make it keep the rules, and what is broken is mended.

    What one region has too much of belongs to its neighbours: the seams go elsewhere each time.
    """
    start = ground_at(search, prices, 1).arcs.rep[:, 0]
    rep_of = _wave(search, start, prices, per_account, seed, crew)
    for turn in range(1, MENDINGS + 1):
        if search.over() or feasible(search.problem, rep_of):
            return
        rep_of = _wave(search, rep_of, prices, 0, seed + turn, crew, by_rules=turn > MENDINGS // 2)
    if search.best is None:
        search.offer(mended(search, ground_at(search, prices, WIDE), rep_of, seed))


def better_in_regions(search: Search, prices: Prices, crew: Crew, seed: int) -> None:
    """Anew at better prices, for no seam is in the way of a plan from the cheapest reps; then from the best, wave after wave."""
    first_in_regions(search, prices, crew, seed, per_account=ROUND)
    for turn, per_account in enumerate(WAVES, MENDINGS + 1):
        if search.over() or search.best is None:
            break
        _wave(search, search.best, prices, per_account, seed + turn, crew)


def _wave(
    search: Search,
    rep_of: Ints,
    prices: Prices,
    per_account: int,
    seed: int,
    crew: Crew,
    *,
    by_rules: bool = False,
) -> Ints:
    """All regions once."""
    cut = Cut.of(search.problem, rep_of, split(search.problem.home, seed))
    merged, whole = rep_of.copy(), feasible(search.problem, rep_of)
    errands = _errands(search, cut, Errand(cut[0], prices, per_account, seed, by_rules))
    for done, (index, found) in enumerate(crew.each(improved, errands, search.watch), 1):
        merged[cut.rows[index]] = cut.groups[index][found]
        if whole and done % TELL == 0:
            search.offer(merged.copy())
    search.offer(merged.copy())
    return merged


def _errands(search: Search, cut: Cut, like: Errand) -> Iterator[Errand]:
    """Region by region, made when somebody has time for it, and no more of them when time is up."""
    for index, reps in enumerate(cut.groups):
        if search.over():
            break
        prices = Prices(like.prices.worth[:, reps], like.prices.move)
        yield replace(like, region=cut[index], prices=prices)
