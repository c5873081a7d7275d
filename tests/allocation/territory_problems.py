"""Small territory problems in columns for tests; every kind of rule can be switched on."""

from __future__ import annotations

import itertools
import time

import numpy as np

from fieldwise_allocation.core.territory.bound import worth_of
from fieldwise_allocation.core.territory.found import Watch
from fieldwise_allocation.core.territory.problem import (
    NO_AREA,
    NOBODY,
    Floats,
    Ints,
    Problem,
    feasible,
    km_to,
    objective,
)


def problem(
    accounts: int,
    reps: int,
    *,
    seed: int = 0,
    band: float = 0.6,
    soft: bool = False,
    most_moves: int | None = None,
    staffing: bool = False,
    travel_hours: bool = False,
) -> Problem:
    """Accounts around a few towns, one in seven with a need that every other rep serves, one in ten locked.

    Args:
        band: Width of the hard band of hours.
        soft: Soft bands of a second measure and of hours besides.
        staffing: Two areas that need two different reps each.
        travel_hours: Travel counts as workload.
    """
    rng = np.random.default_rng(seed)
    towns = rng.uniform((40, 0), (45, 6), (5, 2))
    where = towns[rng.integers(0, 5, accounts)] + rng.normal(0, 0.2, (accounts, 2))
    amount = np.stack([0.2 + rng.gamma(2.0, 0.5, accounts), rng.gamma(2.0, 10.0, accounts)])
    width = np.array([band, 0.0, 0.05] if soft else [band])
    measure = np.array([0, 1, 0] if soft else [0], dtype=np.int32)
    share = amount.sum(axis=1)[measure, None] / reps * np.ones(reps)
    able = np.ones((2, reps), dtype=np.bool_)
    able[1, 1::2] = False
    kind = (rng.random(accounts) < 1 / 7).astype(np.int32)
    incumbent = rng.integers(-2, reps, accounts).astype(np.int32)
    seated = (incumbent >= 0) & able[kind, np.maximum(incumbent, 0)]
    return Problem(
        place=unit(where),
        home=unit(where[rng.choice(accounts, reps, replace=accounts < reps)]),
        amount=amount,
        pace=rng.uniform(0, 0.002, accounts) * travel_hours,
        kind=kind,
        able=able,
        incumbent=incumbent,
        locked=seated & (rng.random(accounts) < 0.1),
        per_km=amount[0] / 10,
        per_move=rng.uniform(0, 3, accounts),
        band_measure=measure,
        low=(1 - width)[:, None] * share,
        high=(1 + width)[:, None] * share,
        outside=np.array([np.inf, 0.2, 3.0])[: len(width), None] * np.ones(reps),
        most_moves=most_moves,
        area=(rng.integers(-1, 2, accounts) if staffing else np.full(accounts, NO_AREA)).astype(np.int32),
        least_reps=np.full(2 if staffing else 0, 2, dtype=np.int32),
    )


def unit(degrees: Floats) -> Floats:
    latitude, longitude = np.radians(degrees).T
    ring = np.cos(latitude)
    return np.stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)], axis=1)


def cheapest_of_all(asked: Problem) -> float:
    """Cost of the best of all assignments; infinite when none keeps the rules."""
    every = (
        np.array(each, dtype=np.int32) for each in itertools.product(range(asked.reps), repeat=asked.accounts)
    )
    return min((objective(asked, each) for each in every if feasible(asked, each)), default=np.inf)


def watch(seconds: float = 20.0) -> Watch:
    end = time.perf_counter() + seconds
    return Watch(lambda: end - time.perf_counter())


def shuffled(asked: Problem, order: Ints) -> Problem:
    """The same accounts in another order."""
    return Problem(
        **{name: getattr(asked, name) for name in ("home", "able", "band_measure", "low", "high", "outside")},
        **{
            name: getattr(asked, name)[order]
            for name in ("place", "pace", "kind", "incumbent", "locked", "per_km", "per_move", "area")
        },
        amount=np.ascontiguousarray(asked.amount[:, order]),
        most_moves=asked.most_moves,
        least_reps=asked.least_reps,
    )


def pair_costs(problem: Problem, price: Floats, move_price: float, rows: Ints, reps: Ints) -> Floats:
    """What giving each account to the rep beside it costs once bands and moves are priced; shape of ``rows``.

    The difference between two reps of one account is what the second would cost more, all told.
    """
    km = km_to(problem, rows, reps)
    goes = (problem.incumbent[rows] != NOBODY) & (problem.incumbent[rows] != reps)
    charge = problem.per_move[rows] + move_price * (problem.incumbent[rows] >= 0)
    worth = worth_of(problem, price)
    paid = worth[0, reps] * problem.pace[rows] * km + (worth[:, reps] * problem.amount[:, rows]).sum(axis=0)
    return np.asarray(problem.per_km[rows] * km + goes * charge - paid)
