"""Prices against scipy's solver, against brute force, and against what prices must do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from fieldwise_allocation.core.market import Candidate, Market, clear
from tests.allocation.builders import capacities, market


def rows_of(asked: Market) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    customers = {name: i for i, name in enumerate(dict.fromkeys(c.customer for c in asked.candidates))}
    resources = {name: len(customers) + i for i, (name, _) in enumerate(asked.capacity)}
    rows = sparse.lil_matrix((len(customers) + len(resources), len(asked.candidates)))
    for k, candidate in enumerate(asked.candidates):
        rows[customers[candidate.customer], k] = 1
        for resource, amount in candidate.uses:
            rows[resources[resource], k] = amount
    limits = np.array([1.0] * len(customers) + [amount for _, amount in asked.capacity])
    return rows.tocsr(), limits, np.array([c.value for c in asked.candidates])


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_is_the_value_that_another_solver_finds(seed: int) -> None:
    asked = market(120, seed=seed)
    rows, limits, values = rows_of(asked)
    rival = linprog(-values, A_ub=rows, b_ub=limits, bounds=(0, None), method="highs")
    assert clear(asked).bound == pytest.approx(-rival.fun, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_no_choice_is_worth_more_than_the_bound(seed: int) -> None:
    asked = market(4, seed=seed)
    rows, limits, values = rows_of(asked)
    dense = rows.toarray()
    best = max(
        float(values @ choice)
        for choice in map(np.array, itertools.product((0, 1), repeat=len(values)))
        if (dense @ choice <= limits + 1e-9).all()
    )
    found = clear(asked)
    assert found.value <= best + 1e-9 <= found.bound + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_the_choice_stays_within_every_capacity_and_one_action_a_customer(seed: int) -> None:
    asked = market(200, seed=seed)
    found = clear(asked)
    used: dict[str, float] = {}
    for k in found.chosen:
        for resource, amount in asked.candidates[k].uses:
            used[resource] = used.get(resource, 0.0) + amount
    served = [asked.candidates[k].customer for k in found.chosen]
    assert len(served) == len(set(served))
    assert all(used.get(name, 0.0) <= limit * (1 + 1e-9) for name, limit in asked.capacity)
    assert found.used == pytest.approx([used.get(name, 0.0) for name, _ in asked.capacity])
    assert found.gap < 0.02


def test_slack_means_a_price_of_zero_and_scarcity_a_price_above() -> None:
    plenty, scarce = clear(market(100, scarcity=100)), clear(market(100, scarcity=0.3))
    assert not plenty.prices.any()
    assert plenty.gap == pytest.approx(0, abs=1e-9)
    assert (scarce.prices > 0).all()


@pytest.mark.parametrize("resource", [name for name, _ in capacities(1, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_halving_a_budget_never_lowers_its_price_and_lowers_its_use(resource: str, seed: int) -> None:
    asked = market(150, seed=seed)
    halved = Market.of(asked.candidates, [(n, c / 2 if n == resource else c) for n, c in asked.capacity])
    before, after = clear(asked), clear(halved)
    i = [name for name, _ in asked.capacity].index(resource)
    assert after.prices[i] >= before.prices[i] - 1e-9
    assert after.used[i] <= before.used[i]
    assert after.bound <= before.bound + 1e-9


def test_values_in_another_unit_scale_the_prices() -> None:
    one, thousand = clear(market(150)), clear(market(150, scale=1000))
    assert thousand.prices == pytest.approx(1000 * one.prices)


def test_the_order_of_the_candidates_changes_nothing() -> None:
    asked = market(150)
    shuffled = [asked.candidates[k] for k in np.random.default_rng(0).permutation(len(asked.candidates))]
    again = clear(Market.of(shuffled, reversed(asked.capacity)))
    assert (again.prices == clear(asked).prices).all()
    assert again.chosen == clear(asked).chosen


def test_what_is_worth_nothing_is_not_chosen() -> None:
    found = clear(Market.of([Candidate("customers/1", "actions/a", -1.0)], [("email-slots", 5.0)]))
    assert (found.value, found.bound, found.gap, found.chosen) == (0, 0, 0, ())


def test_a_budget_of_nothing_is_priced_out_of_reach() -> None:
    call = Candidate("customers/1", "actions/call", 30.0, (("reps/r0/minutes", 10.0),))
    found = clear(Market.of([call], [("reps/r0/minutes", 0.0)]))
    assert found.prices[0] >= 3.0 - 1e-9
    assert found.chosen == ()


def test_the_assumed_share_counts_value_that_rests_on_priors() -> None:
    known = Candidate("customers/1", "actions/a", 3.0)
    prior = Candidate("customers/2", "actions/a", 1.0, assumed=True)
    assert clear(Market.of([known, prior], [])).assumed_share == 0.25
