"""What is bought together in Complete Journey: time over all receipts, and whether the best rules hold later.

Protocol, fixed beforehand. Things are the 2,378 types of product, baskets the receipts of the year; reading the data is not timed, making
lines distinct is. Holding: rules of weeks 1 to 39, the 100 with the highest lower end of lift, looked up in weeks 40 to 53. In windows:
what a household buys in one of the 30-day windows that follow each other. Chance: things dealt anew to the lines of the receipts, so that
receipts keep their sizes and things their numbers; no rule is true then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import numpy as np
from scipy import sparse

from benchmarks.recommend.journey_types import Lines, Numbers, lines
from benchmarks.report import Row
from fieldwise_recommend.core.pair_rules.counting import counted, windows
from fieldwise_recommend.core.pair_rules.rules import Pairs, Terms, mined

LAST_WEEK = 39
BEST = 100
HELD_LIFT = 1.5
WINDOW_DAYS = 30
SEED = 20_261_122


def rows(*, quick: bool) -> Iterator[Row]:
    bought = lines()
    terms = Terms()
    yield from timed(bought, terms, rounds=3 if quick else 7)
    yield from held("receipts", bought.basket, bought, terms, target=">= 95")
    yield from held(
        f"windows of {WINDOW_DAYS} days", windows(bought.household, bought.day, WINDOW_DAYS), bought, terms
    )
    dealt = np.random.default_rng(SEED).permutation(bought.kind)
    found = len(mined(bought.basket, dealt, terms))
    yield Row("pair rules found where things are dealt by chance", found, "count", "must", "<= 0")


def timed(bought: Lines, terms: Terms, *, rounds: int) -> Iterator[Row]:
    ours, theirs = [], []
    pairs = mined(bought.basket, bought.kind, terms)
    for _ in range(rounds):
        begun = time.process_time()
        mined(bought.basket, bought.kind, terms)
        ours.append(time.process_time() - begun)
        begun = time.process_time()
        counted_by_product(bought, terms)
        theirs.append(time.process_time() - begun)
    receipts = len(np.unique(bought.basket))
    what = f"pair rules over {receipts:,} receipts, CPU"
    peer = "scipy.sparse product, counts alone"
    yield Row(what, median(ours), "s", "must", "<= 0.5", peer, median(theirs))
    yield Row(what, median(ours), "s", "stretch", "<= 0.15")
    yield Row(f"pair rules believed, of {pairs.tests:,} pairs tested", len(pairs), "count")


def counted_by_product(bought: Lines, terms: Terms) -> int:
    """Pairs with enough receipts by the product of the table of receipts with itself."""
    ones = np.ones(len(bought.kind), np.int32)
    table = sparse.csr_matrix((ones, (bought.basket, bought.kind)))
    table.data[:] = 1
    fewest = max(terms.fewest_baskets, int(np.ceil(terms.least_support * table.shape[0])))
    frequent = np.flatnonzero(np.asarray(table.sum(axis=0)).ravel() >= fewest)
    kept = table[:, frequent]
    together = (kept.T @ kept).tocoo()
    return int(((together.data >= terms.fewest_baskets) & (together.row < together.col)).sum())


def held(of: str, basket: Numbers, bought: Lines, terms: Terms, target: str = "") -> Iterator[Row]:
    early = bought.week <= LAST_WEEK
    pairs = mined(basket[early], bought.kind[early], terms)
    later = lifts_later(pairs, basket[~early], bought.kind[~early])
    best = 100 * float((later[:BEST] >= HELD_LIFT).mean())
    name = f"pair rules in {of}, the best {BEST} of weeks 1-{LAST_WEEK} with lift {HELD_LIFT} in weeks 40-53"
    yield Row(name, best, "%", "must" if target else "info", target)
    yield Row(f"pair rules in {of}, all of them with lift above 1 then", 100 * float((later > 1).mean()), "%")
    yield Row(f"pair rules in {of}, how many", len(pairs), "count")


def lifts_later(pairs: Pairs, basket: Numbers, kind: Numbers) -> np.ndarray:
    """Lift of each pair in later baskets; 0 where they were never together."""
    later = counted(basket, kind, 1)
    place = np.full(int(kind.max()) + 1 + int(pairs.other.max(initial=0)), -1)
    place[later.things] = np.arange(len(later.things))
    one, other = place[pairs.one], place[pairs.other]
    known = (one >= 0) & (other >= 0)
    together = np.where(known, later.pair[one, other], 0)
    return together * later.baskets / np.where(known, later.single[one] * later.single[other], 1)
