"""Which pairs of things are believed to be bought together, and how strong they are; knows no wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.pair_rules.book import Rule
from fieldwise_recommend.core.pair_rules.counting import Counts, counted
from fieldwise_recommend.core.pair_rules.significance import believed, lift_interval, sized_tail, upper_tail


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pair must show.

    Args:
        least_support: Share of baskets with each of the two, in (0, 1).
        fewest_baskets: With both.
        false_share: Of the believed pairs at most this share is expected to be chance.
        least_lift: The lower end of the lift's interval must reach it, and the lift among baskets of the same sizes; at least 1.
    """

    least_support: float = 0.001
    fewest_baskets: int = 30
    false_share: float = 0.01
    least_lift: float = 1.2


@dataclass(frozen=True)
class Pairs:
    """Believed pairs, the highest lower end of lift first. One place per pair in each column.

    Attributes:
        baskets: All baskets.
        one, other: Numbers of the two things.
        with_one, with_other, both: Baskets with each and with both.
        lift, lift_low, lift_high: Against independence, with its 95 % interval.
        sized_lift: Against things dealt at random among baskets of the same sizes.
        chance: One-sided p-value, the larger one of both nulls.
        tests: Pairs that could have been found.
    """

    baskets: int
    one: Ints
    other: Ints
    with_one: Ints
    with_other: Ints
    both: Ints
    lift: Floats
    lift_low: Floats
    lift_high: Floats
    sized_lift: Floats
    chance: Floats
    tests: int

    def __len__(self) -> int:
        return len(self.both)


def mined(basket: Ints, thing: Ints, terms: Terms) -> Pairs:
    """The believed pairs of some baskets; one row per line, numbers not negative."""
    return pairs_of(counted(basket, thing, terms.fewest_baskets, terms.least_support), terms)


def pairs_of(counts: Counts, terms: Terms) -> Pairs:
    """The believed pairs of counts. Pairs of frequent things that are seldom together count as tests that failed."""
    total, single = counts.baskets, counts.single
    cell = np.flatnonzero(counts.pair >= terms.fewest_baskets)
    row, column = np.divmod(cell, max(len(single), 1))
    both = counts.pair.ravel()[cell]
    # The exact test is dear. What is too weak is not tested, which counts as a test that failed.
    lift, low, high = lift_interval(both, single[row], single[column], total)
    expected = counts.expected.ravel()[cell]
    strong = np.flatnonzero((low >= terms.least_lift) & (both >= terms.least_lift * expected))
    row, column, both, expected = row[strong], column[strong], both[strong], expected[strong]
    chance = np.maximum(sized_tail(both, expected), upper_tail(both, single[row], single[column], total))
    tests = len(single) * (len(single) - 1) // 2
    kept = np.flatnonzero(believed(chance, tests, terms.false_share))
    kept = kept[np.argsort(-low[strong[kept]], kind="stable")]
    lift, low, high = (each[strong[kept]] for each in (lift, low, high))
    row, column = row[kept], column[kept]
    return Pairs(
        total,
        counts.things[row],
        counts.things[column],
        single[row],
        single[column],
        both[kept],
        lift,
        low,
        high,
        both[kept] / expected[kept],
        chance[kept],
        tests,
    )


def rules_of(pairs: Pairs, names: Sequence[str]) -> Iterator[Rule]:
    """Both directions of each pair, in the order of the pairs."""
    columns = (
        pairs.one, pairs.other, pairs.with_one, pairs.with_other, pairs.both,
        pairs.lift, pairs.lift_low, pairs.lift_high, pairs.sized_lift, pairs.chance,
    )  # fmt: skip
    for one, other, with_one, with_other, both, *strength in zip(*(c.tolist() for c in columns), strict=True):
        support = both / pairs.baskets
        yield Rule(names[one], names[other], support, both / with_one, *strength)
        yield Rule(names[other], names[one], support, both / with_other, *strength)
