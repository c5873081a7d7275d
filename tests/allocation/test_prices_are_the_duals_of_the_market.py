"""Prices against scipy's solver, against brute force, and against what prices must do."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from fieldwise_allocation.core.prices import kernel, solve, survey
from fieldwise_allocation.core.prices.clearing import Wrong, _check, clear
from fieldwise_allocation.core.prices.market import Floats, Market
from fieldwise_allocation.core.prices.solve import Solved
from tests.allocation.price_builders import Offer, capacities, market, market_of, offers

RESOURCES = [name for name, _ in capacities(1)]


@pytest.fixture(params=["at once", "by kernels"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small markets are solved at once, large ones by kernels: both have to do all of this."""
    if request.param == "by kernels":
        monkeypatch.setattr(solve, "DIRECT", 60)
        monkeypatch.setattr(solve, "WHOLE", 40)
        monkeypatch.setattr(solve, "SAMPLED", 30)
    return str(request.param)


def rows_of(asked: Market) -> tuple[sparse.csr_matrix, Floats]:
    """One row a customer, one a resource."""
    k = len(asked.value)
    rows = np.concatenate([asked.customer_of(), asked.customers + asked.resource])
    columns = np.concatenate([np.arange(k), asked.owner_of()])
    entries = np.concatenate([np.ones(k), asked.amount])
    shape = (asked.customers + len(asked.capacity), k)
    limits = np.concatenate([np.ones(asked.customers), asked.capacity])
    return sparse.csr_matrix((entries, (rows, columns)), shape=shape), limits


def optimum(asked: Market) -> float:
    rows, limits = rows_of(asked)
    return -float(linprog(-asked.value, A_ub=rows, b_ub=limits, bounds=(0, None), method="highs").fun)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.usefixtures("way")
def test_the_bound_is_the_value_that_another_solver_finds(seed: int) -> None:
    asked = market(120, seed=seed)
    assert clear(asked).bound == pytest.approx(optimum(asked), rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_no_choice_is_worth_more_than_the_bound(seed: int) -> None:
    asked = market(4, seed=seed)
    rows, limits = rows_of(asked)
    dense = rows.toarray()
    best = max(
        float(asked.value @ choice)
        for choice in map(np.array, itertools.product((0, 1), repeat=len(asked.value)))
        if (dense @ choice <= limits + 1e-9).all()
    )
    found = clear(asked)
    assert found.value <= best + 1e-9 <= found.bound + 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_any_prices_give_a_bound(seed: int) -> None:
    asked = market(60, seed=seed)
    price = np.random.default_rng(seed).uniform(0, 3, len(asked.capacity))
    assert survey.survey(asked, price, price).bound >= optimum(asked) * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("way")
def test_the_choice_stays_within_every_capacity_and_one_action_a_customer(seed: int) -> None:
    asked = market(200, seed=seed)
    found = clear(asked)
    rows, limits = rows_of(asked)
    taken = np.zeros(len(asked.value))
    taken[found.chosen] = 1
    assert (rows @ taken <= limits * (1 + 1e-9)).all()
    assert found.used == pytest.approx((rows @ taken)[asked.customers :])
    assert found.value == pytest.approx(asked.value @ taken)
    assert found.gap < 0.02


@pytest.mark.parametrize("radius", [0.0, 0.05, 0.5])
def test_nobody_whom_prices_nearby_could_move_is_left_out(radius: float) -> None:
    asked = market(300)
    rng = np.random.default_rng(1)
    price = rng.uniform(0, 2, len(asked.capacity))
    before = survey.survey(asked, price, np.full_like(price, radius))
    for _ in range(20):
        nearby = price + rng.uniform(-radius, radius, len(price))
        after = survey.survey(asked, nearby, np.zeros_like(price))
        assert not ((after.best != before.best) & ~before.near).any()


@pytest.mark.usefixtures("way")
def test_slack_means_a_price_of_zero_and_scarcity_a_price_above() -> None:
    plenty, scarce = clear(market(100, scarcity=100)), clear(market(100, scarcity=0.3))
    assert not plenty.price.any()
    assert plenty.gap == pytest.approx(0, abs=1e-9)
    assert (scarce.price > 0).all()


@pytest.mark.parametrize("resource", range(4), ids=RESOURCES)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("way")
def test_halving_a_budget_never_lowers_its_price_and_lowers_its_use(resource: int, seed: int) -> None:
    asked = market(150, seed=seed)
    half = np.where(np.arange(4) == resource, 0.5, 1.0)
    before, after = clear(asked), clear(replace(asked, capacity=asked.capacity * half))
    assert after.price[resource] >= before.price[resource] - 1e-9
    assert after.used[resource] <= before.used[resource]
    assert after.bound <= before.bound + 1e-9


def test_of_several_right_prices_the_lowest_is_taken() -> None:
    """Two want one of two slots each, a third would pay 4: with two slots anything from 4 to 7 clears, with one more 4."""
    slot = (("email-slots", 1.0),)
    wanted = [Offer(f"customers/{i}", "actions/a", value, slot) for i, value in enumerate((9.0, 7.0, 4.0))]
    for capacity, price in ((0.0, 9.0), (1.0, 7.0), (2.0, 4.0), (3.0, 0.0)):
        found = clear(market_of(wanted, [("email-slots", capacity)]))
        assert found.price[0] == pytest.approx(price)
        assert found.gap == pytest.approx(0, abs=1e-9)


def test_values_in_another_unit_scale_the_prices() -> None:
    one, thousand = clear(market(150)), clear(market(150, scale=1000))
    assert thousand.price == pytest.approx(1000 * one.price)


@pytest.mark.usefixtures("way")
def test_customers_who_are_offered_the_same_change_no_price_when_they_are_taken_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = offers(12, seed=3)
    many = [replace(offer, customer=f"{offer.customer}/{n}") for n in range(25) for offer in kinds]
    asked = market_of(many, capacities(300, 0.7))
    together = clear(asked)
    monkeypatch.setattr("fieldwise_allocation.core.prices.groups.ALIKE", 2.0)
    apart = clear(asked)
    assert together.bound == pytest.approx(apart.bound, rel=1e-9)
    assert together.bound == pytest.approx(optimum(asked), rel=1e-6)
    assert together.gap < 0.02


def test_what_nobody_wants_has_no_price() -> None:
    found = clear(market_of([], [("email-slots", 5.0)]))
    assert (found.value, found.bound, found.gap, found.price.tolist()) == (0, 0, 0, [0])
    assert found.chosen.size == 0


def test_a_budget_of_nothing_is_priced_out_of_reach() -> None:
    call = Offer("customers/1", "actions/call", 30.0, (("reps/r0/minutes", 10.0),))
    found = clear(market_of([call], [("reps/r0/minutes", 0.0)]))
    assert found.price[0] == pytest.approx(3.0)
    assert found.chosen.size == 0


def test_the_assumed_share_counts_value_that_rests_on_priors() -> None:
    known = Offer("customers/1", "actions/a", 3.0)
    prior = Offer("customers/2", "actions/a", 1.0, assumed=True)
    assert clear(market_of([known, prior], [])).assumed_share == 0.25


def test_prices_that_were_not_reached_still_give_a_choice_that_keeps_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solve, "DIRECT", 60)
    monkeypatch.setattr(solve, "PASSES", 2)
    found = clear(market(400))
    assert 0 < found.gap < 0.5


def test_what_the_solver_takes_too_much_of_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = market(200)
    greedy = asked.first[:-1][np.diff(asked.first) > 0]
    nothing = np.empty(0, dtype=np.int64)
    everything = Solved(np.zeros(4), greedy, nothing, np.empty(0))
    monkeypatch.setattr("fieldwise_allocation.core.prices.clearing.solve", lambda _: everything)
    found = clear(asked)
    assert 0 < found.value < found.bound
    assert (found.used <= asked.capacity * (1 + 1e-9)).all()


def test_a_choice_that_breaks_a_rule_is_never_given_out() -> None:
    asked = market(20)
    both = np.array([0, 1])
    fair = asked.used(both[:1], np.ones(1))
    assert asked.customer_of()[:2].tolist() == [0, 0]
    with pytest.raises(Wrong, match="two actions"):
        _check(asked, both, fair, 1.0, 2.0)
    with pytest.raises(Wrong, match="resource 2 was used"):
        _check(asked, both[:1], asked.capacity + np.eye(4)[2], 1.0, 2.0)
    with pytest.raises(Wrong, match="above its bound"):
        _check(asked, both[:1], fair, 2.0, 1.0)


def test_duals_that_are_the_solvers_rounding_are_nothing() -> None:
    assert kernel.DUST < 1e-9
    assert clear(market(150, scarcity=100)).price.tolist() == [0, 0, 0, 0]
