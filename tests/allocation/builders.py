"""Small questions and markets for the tests of allocation; each shows only what matters."""

from __future__ import annotations

import itertools
import time

import numpy as np

from fieldwise_allocation.core.instance import build
from fieldwise_allocation.core.market import Candidate, Market
from fieldwise_allocation.core.question import Account, Place, Question, Rep, Rules
from fieldwise_allocation.core.solve import Watch


def question(
    accounts: int,
    reps: int,
    *,
    seed: int = 0,
    band: float = 0.25,
    skills: bool = True,
    incumbents: bool = True,
) -> Question:
    """Accounts around a few towns with uneven workloads, as a field force meets them."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform((40, 0), (50, 10), (5, 2))
    where = towns[rng.integers(0, 5, accounts)] + rng.normal(0, 0.3, (accounts, 2))
    homes = where[rng.choice(accounts, reps, replace=accounts < reps)]
    hours = 0.2 + rng.gamma(2.0, 0.5, accounts)
    force = tuple(
        Rep(f"reps/r{i}", float(rng.choice([30, 40])), Place(*homes[i]), frozenset("ab" if i % 2 else "a"))
        for i in range(reps)
    )
    return Question(
        tuple(
            Account(
                f"customers/{j}",
                float(hours[j]),
                value=float(rng.gamma(2.0, 500.0)),
                place=Place(*where[j]),
                needs=frozenset("b") if skills and j % 7 == 0 else frozenset(),
                incumbent=force[int(rng.integers(0, reps))].name if incumbents and j % 3 else "",
            )
            for j in range(accounts)
        ),
        force,
        Rules(band=band, seconds=10.0),
    )


def watch(seconds: float = 10.0) -> Watch:
    end = time.perf_counter() + seconds
    return Watch(lambda: end - time.perf_counter(), lambda *_: None)


def cheapest_by_brute_force(asked: Question) -> float:
    """Cost of the best of all assignments; infinite when none keeps the rules."""
    instance = build(asked)
    best = np.inf
    for rep_of in itertools.product(range(len(asked.reps)), repeat=len(asked.accounts)):
        assignment = np.array(rep_of)
        if instance.feasible(assignment):
            best = min(best, instance.objective(assignment))
    return float(best)


def market(customers: int, *, seed: int = 0, scarcity: float = 1.0, scale: float = 1.0) -> Market:
    """Three actions per customer over two reps' minutes, coupon money and e-mail slots."""
    rng = np.random.default_rng(seed)
    candidates = []
    for i in range(customers):
        minutes, coupons, slots = rng.uniform(5, 30), rng.uniform(1, 5), 1.0
        for action, uses in (
            ("call", ((f"reps/r{i % 2}/minutes", float(minutes)),)),
            ("coupon", (("coupon-money", float(coupons)), ("email-slots", slots))),
            ("visit", (("coupon-money", float(coupons) / 2), (f"reps/r{i % 2}/minutes", float(minutes) * 2))),
        ):
            value = float(rng.normal(4, 4)) * scale
            candidates.append(Candidate(f"customers/{i}", f"actions/{action}", value, uses, i % 4 == 0))
    return Market.of(candidates, capacities(customers, scarcity))


def capacities(customers: int, scarcity: float) -> list[tuple[str, float]]:
    return [
        ("reps/r0/minutes", 4.0 * customers * scarcity),
        ("reps/r1/minutes", 4.0 * customers * scarcity),
        ("coupon-money", 0.8 * customers * scarcity),
        ("email-slots", 0.3 * customers * scarcity),
    ]
