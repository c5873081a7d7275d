"""Markets for the price benchmark, made from a seed; frozen before the solver was tuned. Knows no solver.

Customers differ a thousandfold in what they are worth, actions in what they cost, and what a customer answers to is his own. Every
candidate is worth something, so that none can be dropped unread. Capacities are shares of what all would take if everything were
free, so that all of them bind unless said otherwise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fieldwise_allocation.core.prices.market import Floats, Market, Places

ACTIONS = 10
# Money, and a cap on each of five channels; two actions go by each channel, a light and a heavy one.
BUDGET, CHANNELS = 0, 5
BUDGET_SHARE, CAP_SHARES = 0.25, (0.5, 0.3, 0.4, 0.2, 0.6)
COST = np.array([1.0, 3.0, 0.5, 1.5, 2.0, 6.0, 4.0, 9.0, 0.2, 0.8])
EFFECT = np.array([4.0, 9.0, 2.5, 6.0, 7.0, 15.0, 11.0, 22.0, 1.2, 3.0])


def capped(customers: int, seed: int) -> Market:
    """One budget and five caps: few resources, all of them wanted by everybody."""
    rng = np.random.default_rng(seed)
    value, cost = _offers(rng, customers)
    channel = 1 + np.arange(ACTIONS) // 2
    resource = np.empty((customers, ACTIONS, 2), dtype=np.int32)
    resource[:, :, 0], resource[:, :, 1] = BUDGET, channel
    amount = np.stack([cost, np.ones_like(cost)], axis=2)
    return _market(value, resource, amount, np.array([BUDGET_SHARE, *CAP_SHARES]))


def field(customers: int, reps: int, seed: int) -> Market:
    """Minutes of each rep, a budget, and slots of two channels: many resources, each customer touching four of them.

    Reps have equal hours and uneven territories, as most have: some run over twice, some have time to spare.
    """
    rng = np.random.default_rng(seed)
    value, cost = _offers(rng, customers)
    crowding = rng.dirichlet(np.full(reps, 3.0))
    rep = rng.choice(reps, customers, p=crowding)
    by_rep = np.arange(ACTIONS) // 2 >= 2  # calls, visits and demonstrations; mail and messages take a slot
    slot = reps + 1 + np.arange(ACTIONS) // 2 % 2
    resource = np.empty((customers, ACTIONS, 2), dtype=np.int32)
    resource[:, :, 0] = reps
    resource[:, :, 1] = np.where(by_rep, rep[:, None], slot)
    minutes = np.array([1, 1, 1, 1, 10.0, 30.0, 40.0, 90.0, 5.0, 15.0])
    taken = np.where(by_rep, minutes * rng.lognormal(0, 0.3, (customers, ACTIONS)), 1.0)
    amount = np.stack([cost, taken], axis=2)
    market = _market(value, resource, amount, np.concatenate([np.ones(reps), [0.3, 0.4, 0.4]]))
    wanted = market.capacity[:reps].sum()
    capacity = np.concatenate([np.full(reps, 0.4 * wanted / reps), market.capacity[reps:]])
    return replace(market, capacity=capacity)


def tied(customers: int, seed: int) -> Market:
    """The same offers for everybody in one of twenty groups: every price is a tie of thousands."""
    rng = np.random.default_rng(seed)
    value, cost = _offers(rng, 20)
    group = rng.integers(0, 20, customers)
    resource = np.empty((customers, ACTIONS, 2), dtype=np.int32)
    resource[:, :, 0], resource[:, :, 1] = BUDGET, 1 + np.arange(ACTIONS) // 2
    amount = np.stack([cost[group], np.ones((customers, ACTIONS))], axis=2)
    return _market(value[group], resource, amount, np.array([BUDGET_SHARE, *CAP_SHARES]))


def _offers(rng: np.random.Generator, customers: int) -> tuple[Floats, Floats]:
    """(value over leaving alone, cost) of each customer and action; values are rounded to micros, as they travel."""
    worth = rng.lognormal(0.0, 1.0, (customers, 1))
    answer = rng.lognormal(0.0, 0.8, (customers, ACTIONS))
    cost = COST * rng.lognormal(0.0, 0.25, (customers, ACTIONS))
    gross: Floats = EFFECT * worth * answer
    return np.maximum(gross - 1.5 * cost, 0.01 * gross).round(6), cost


def _market(value: Floats, resource: Places, amount: Floats, share: Floats) -> Market:
    """The offers as columns, and capacities as a share of what the best of each customer would take."""
    customers, actions, uses = resource.shape
    row, best = np.arange(customers), value.argmax(axis=1)
    wanted = np.bincount(resource[row, best].ravel(), weights=amount[row, best].ravel(), minlength=len(share))
    return Market.of(
        capacity=share * wanted,
        first=np.arange(customers + 1, dtype=np.int64) * actions,
        value=value.ravel(),
        first_use=np.arange(value.size + 1, dtype=np.int64) * uses,
        resource=resource.ravel(),
        amount=amount.ravel(),
        assumed=np.arange(value.size) % 4 == 0,
    )
