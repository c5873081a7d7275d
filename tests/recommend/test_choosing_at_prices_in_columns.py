"""What the benchmarks of arbitration compute in columns is what the service decides, and no way of filling overspends."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.recommend.arbitration_peers import ORDERS, dyer_zemel, sorted_by
from benchmarks.recommend.arbitration_world import NOTED, STEEP, World, market, world
from benchmarks.recommend.priced_choice import agreeing, as_prices, in_one_batch, overspent, served
from fieldwise_allocation.core.prices.clearing import clear
from fieldwise_recommend.core.ledger import Ledger


def bound_of(shown: World, budget: float) -> float:
    return clear(market(shown, budget)).bound * 1e6


@pytest.mark.parametrize(
    ("seed", "spread", "pacing"),
    [(101, NOTED, 1.0), (102, NOTED, 1.37), (103, STEEP, 0.6), (104, STEEP, 8.0)],
)
def test_the_columns_choose_as_the_service_does(seed: int, spread: object, pacing: float) -> None:
    shown = world(200, seed, STEEP if spread is STEEP else NOTED)
    price = clear(market(shown, 0.6)).price
    prices = as_prices(price, shown.capacity(0.6))
    assert agreeing(shown, range(shown.customers), prices, pacing) == 1.0


@pytest.mark.parametrize("budget", [0.2, 2.0, 20.0])
def test_nobody_gets_two_and_nothing_is_overspent(budget: float) -> None:
    shown = world(2_000, 105)
    cleared = clear(market(shown, budget))
    prices = as_prices(cleared.price, shown.capacity(budget))
    together, singly = Ledger(), Ledger()
    batch = in_one_batch(shown, prices, together)
    served(shown, np.arange(shown.customers), prices, singly)
    assert overspent(together, prices) == overspent(singly, prices) == 0.0
    got = [sum(together.holds(str(who), f"actions/{j}", ()) for j in range(10)) for who in range(2_000)]
    assert set(got) <= {0, 1}
    assert batch <= cleared.bound * 1e6
    assert batch > 0.99 * cleared.bound * 1e6


@pytest.mark.parametrize("budget", [0.6, 6.0])
def test_no_rival_is_above_the_bound(budget: float) -> None:
    shown = world(1_000, 106)
    bound = bound_of(shown, budget)
    for order in ORDERS:
        assert 0.0 < sorted_by(order, shown, budget) <= bound
    assert 0.5 * bound < dyer_zemel(shown, budget) <= bound


def test_with_one_budget_alone_dyer_zemel_is_nearly_the_best_that_can_be() -> None:
    shown = world(1_000, 107)
    free = World(shown.value, shown.cost, np.full(10, 1e9))
    assert dyer_zemel(free, 2.0) > 0.995 * bound_of(free, 2.0)
