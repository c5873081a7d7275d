"""Rules of things that are bought together: counts against brute force, what is believed, and what goes with a basket."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import hypergeom

from fieldwise_recommend.core.pair_rules.book import Rule, RuleBook
from fieldwise_recommend.core.pair_rules.counting import counted, windows
from fieldwise_recommend.core.pair_rules.rules import Terms, mined, rules_of
from fieldwise_recommend.core.pair_rules.significance import believed, lift_interval, upper_tail

THINGS = tuple(f"T{number}" for number in range(40))


def shop(seed: int, *, baskets: int = 6_000, planted: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Lines of baskets with independent things, each in 3 to 15 of 100; with ``planted`` of the baskets with T1, T7 comes along."""
    rng = np.random.default_rng(seed)
    there = rng.random((baskets, len(THINGS))) < rng.uniform(0.03, 0.15, len(THINGS))
    there[:, 7] |= there[:, 1] & (rng.random(baskets) < planted)
    basket, thing = np.nonzero(there)
    order = rng.permutation(len(basket))
    return basket[order], thing[order]


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_counted_as_by_hand_however_lines_lie_and_repeat(seed: int) -> None:
    rng = np.random.default_rng(seed)
    basket, thing = rng.integers(0, 30, 300), rng.integers(0, 12, 300)
    counts = counted(basket, thing, 3)
    sets = [set(thing[basket == each].tolist()) for each in np.unique(basket)]
    assert counts.baskets == len(sets)
    frequent = [each for each in range(12) if sum(each in own for own in sets) >= 3]
    assert counts.things.tolist() == frequent
    for row, column in combinations(range(len(frequent)), 2):
        both = sum({frequent[row], frequent[column]} <= own for own in sets)
        assert counts.pair[row, column] == both
    assert not np.tril(counts.pair).any()


def test_a_planted_rule_is_found_with_its_support_and_confidence_and_nothing_else_is() -> None:
    basket, thing = shop(1, planted=0.4)
    found = list(rules_of(mined(basket, thing, Terms()), THINGS))
    assert {(rule.given, rule.goes) for rule in found} == {("T1", "T7"), ("T7", "T1")}
    rule = next(rule for rule in found if rule.given == "T1")
    with_one = set(basket[thing == 1].tolist())
    with_both = with_one & set(basket[thing == 7].tolist())
    assert rule.support == pytest.approx(len(with_both) / len(np.unique(basket)))
    assert rule.confidence == pytest.approx(len(with_both) / len(with_one))
    assert 0.35 < rule.confidence < 0.6
    assert rule.lift_low < rule.lift < rule.lift_high
    assert rule.chance < 1e-6


def test_where_nothing_goes_together_hardly_a_shop_has_a_rule() -> None:
    lenient = Terms(false_share=0.05, least_lift=1.0)
    assert sum(len(mined(*shop(seed), lenient)) > 0 for seed in range(20)) <= 3


def test_things_that_meet_only_because_some_baskets_are_large_make_no_rule() -> None:
    rng = np.random.default_rng(5)
    size = np.where(rng.random(8_000) < 0.1, 40, 3)
    basket = np.repeat(np.arange(8_000), size)
    thing = rng.integers(0, 100, len(basket))
    # Against mere independence nearly every pair would be one.
    counts = counted(basket, thing, 30)
    lifts = counts.pair * counts.baskets / np.outer(counts.single, counts.single)
    assert np.median(lifts[np.triu_indices(100, 1)]) > 2
    assert len(mined(basket, thing, Terms())) == 0


def test_chances_are_those_of_fishers_exact_test() -> None:
    one, other = np.array([40, 900, 3, 40]), np.array([50, 700, 3, 40])
    both = np.array([9, 120, 3, 40])
    expected = hypergeom.sf(both - 1, 6_000, one, other)
    assert upper_tail(both, one, other, 6_000) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("share", "lift"), [(0.3, 2.0), (0.3, 3.2), (0.1, 1.0), (0.05, 8.0)])
def test_the_interval_of_a_lift_holds_it_as_often_as_it_says_however_frequent_things_are(
    share: float, lift: float
) -> None:
    cells = [
        lift * share**2,
        share - lift * share**2,
        share - lift * share**2,
        1 - 2 * share + lift * share**2,
    ]
    both, first, second, _ = np.random.default_rng(1).multinomial(6_000, cells, 4_000).T
    _, low, high = lift_interval(both, both + first, both + second, 6_000)
    assert 0.94 < np.mean((low <= lift) & (lift <= high)) < 0.96


def test_pairs_that_were_not_tested_count_as_failed_tests() -> None:
    chances = np.array([0.001, 0.02, 0.03])
    assert believed(chances, 3, 0.05).tolist() == [True, True, True]
    assert believed(chances, 40, 0.05).tolist() == [True, False, False]
    assert believed(chances, 4_000, 0.05).tolist() == [False, False, False]


def test_in_windows_things_go_together_that_are_never_on_one_receipt() -> None:
    rng = np.random.default_rng(3)
    customer = np.repeat(np.arange(400), 2)
    day = np.tile([3, 12], 400) + 30 * rng.integers(0, 4, 400).repeat(2)
    planted = rng.random(400) < 0.2
    thing = np.where(planted.repeat(2), np.tile([1, 7], 400), rng.integers(10, 30, 800))
    receipts = np.arange(800)
    assert len(mined(receipts, thing, Terms())) == 0
    found = mined(windows(customer, day, 30), thing, Terms(least_lift=1.0))
    assert (found.one.tolist(), found.other.tolist()) == ([1], [7])


def test_what_goes_with_a_basket_is_the_surest_thing_that_he_has_not() -> None:
    def rule(given: str, goes: str, confidence: float) -> Rule:
        return Rule(given, goes, 0.01, confidence, 2.0, 1.5, 2.5, 2.0, 1e-9)

    book = RuleBook([rule("A", "B", 0.3), rule("A", "C", 0.5), rule("D", "E", 0.4)])
    assert book.companion(["A", "D"], ["A", "D"]) == rule("A", "C", 0.5)
    assert book.companion(["A", "D"], ["A", "D", "C"]) == rule("D", "E", 0.4)
    assert book.companion(["A"], ["A", "B", "C"]) is None
    assert book.companion([], []) is None


def test_no_baskets_make_no_rules() -> None:
    none = np.zeros(0, np.int64)
    assert len(mined(none, none, Terms())) == 0
