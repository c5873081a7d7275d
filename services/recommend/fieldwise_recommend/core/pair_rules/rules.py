"""Rules "who buys this buys that": which pairs are believed, how strong they are, what goes with a basket; knows no wire."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fieldwise_recommend.core.pair_rules.counting import Counts, Ints, counted
from fieldwise_recommend.core.pair_rules.significance import Floats, believed, lift_interval, upper_tail


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pair must show.

    Args:
        least_support: Share of baskets with each of the two, in (0, 1).
        fewest_baskets: With both.
        false_share: Of the believed pairs at most this share is expected to be chance.
        least_lift: The lower end of the lift's interval must reach it; at least 1.
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
        chance: One-sided exact p-value.
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
    strong = np.flatnonzero(low >= terms.least_lift)
    row, column, both = row[strong], column[strong], both[strong]
    chance = upper_tail(both, single[row], single[column], total)
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
        chance[kept],
        tests,
    )


class Rule(NamedTuple):
    """Who buys ``given`` also buys ``goes``: in the same basket or window.

    Args:
        support: Share of baskets with both.
        confidence: Share of the baskets with ``given`` that have ``goes`` too.
        lift, lift_low, lift_high: Against independence, with the 95 % interval.
        chance: One-sided exact p-value.
    """

    given: str
    goes: str
    support: float
    confidence: float
    lift: float
    lift_low: float
    lift_high: float
    chance: float


def rules_of(pairs: Pairs, names: Sequence[str]) -> Iterator[Rule]:
    """Both directions of each pair, in the order of the pairs."""
    columns = (
        pairs.one, pairs.other, pairs.with_one, pairs.with_other, pairs.both,
        pairs.lift, pairs.lift_low, pairs.lift_high, pairs.chance,
    )  # fmt: skip
    for one, other, with_one, with_other, both, *strength in zip(*(c.tolist() for c in columns), strict=True):
        support = both / pairs.baskets
        yield Rule(names[one], names[other], support, both / with_one, *strength)
        yield Rule(names[other], names[one], support, both / with_other, *strength)


class RuleBook:
    """Rules by what they are given, to look up what goes with a basket."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_given: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_given.setdefault(rule.given, []).append(rule)
        for own in self._by_given.values():
            own.sort(key=lambda rule: (-rule.confidence, rule.goes))

    def companion(self, basket: Collection[str], had: Collection[str]) -> Rule | None:
        """The surest rule from the basket to what the customer did not buy lately; None when there is none.

        Args:
            basket: What he bought last.
            had: What not to name: the basket itself, and what he has enough of.
        """
        best: Rule | None = None
        for given in basket:
            for rule in self._by_given.get(given, ()):
                if best is not None and rule.confidence <= best.confidence:
                    break
                if rule.goes not in had:
                    best = rule
                    break
        return best
