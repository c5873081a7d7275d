"""Made territories that are hard to balance: cities, accounts, reps; frozen before the solver was tuned; knows no solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from fieldwise_allocation.core.territory.problem import NO_AREA, Problem

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

# Tuned on seeds 1 to 3.
REPORTING_SEEDS = (11, 12, 13, 14, 15)
# Degrees: a continent of about 2,200 x 2,000 km.
SOUTH_WEST, NORTH_EAST = (30.0, 100.0), (48.0, 122.0)
SKILLED_ACCOUNTS, SKILLED_REPS, LOCKED = 0.08, 0.5, 0.02
# Today's rep is the nearest able one, or the second, or the third, in these parts.
HABIT = (0.6, 0.25, 0.15)
# The nearest rep must be this far off his share somewhere, or balance would be easy.
HARDNESS = 2.0


@dataclass(frozen=True)
class World:
    """Accounts and reps as a planner would list them; a rep's share of the work is equal.

    Args:
        account_degrees, home_degrees: Latitude and longitude, shape (n, 2) and (r, 2).
        hours: Workload per week, shape (n,).
        value: Currency units, shape (n,).
        needs: The account needs the one skill there is, shape (n,).
        skilled: The rep has it, shape (r,).
        incumbent: Shape (n,).
    """

    account_degrees: Floats
    home_degrees: Floats
    hours: Floats
    value: Floats
    needs: npt.NDArray[np.bool_]
    skilled: npt.NDArray[np.bool_]
    incumbent: Ints
    locked: npt.NDArray[np.bool_]
    band: float


def world(accounts: int, reps: int, *, band: float, seed: int) -> World:
    """Cities of very different sizes, Pareto workloads, homes where accounts are; the same seed, the same world."""
    rng = np.random.default_rng([seed, accounts, reps])
    places = _places(accounts, rng)
    hours = np.minimum(rng.pareto(2.2, accounts) + 0.25, 8.0)
    value = 1000 * hours * rng.pareto(2.5, accounts)
    needs = rng.random(accounts) < SKILLED_ACCOUNTS
    while True:
        homes = places[rng.choice(accounts, reps, replace=False)]
        if nearest_deviation(places, homes, hours) >= HARDNESS:
            break
    skilled = np.arange(reps) < max(1, round(SKILLED_REPS * reps))
    incumbent = _today(places, homes, needs, skilled, rng)
    locked = rng.random(accounts) < LOCKED
    return World(places, homes, hours, value, needs, skilled, incumbent, locked, band)


def nearest_deviation(places: Floats, homes: Floats, hours: Floats) -> float:
    """The largest deviation from an equal share when everyone takes what is nearest."""
    load = np.bincount(_nearest(places, homes, 1)[:, 0], hours, len(homes))
    return float(np.abs(load / load.mean() - 1).max())


def problem(made: World) -> Problem:
    """The world as the solver gets it: plan units are hours x km / 10 and a thousandth of the value moved."""
    n, r = len(made.hours), len(made.home_degrees)
    share = made.hours.sum() / r
    return Problem(
        place=unit_vectors(made.account_degrees),
        home=unit_vectors(made.home_degrees),
        amount=made.hours[None, :].copy(),
        pace=np.zeros(n),
        kind=made.needs.astype(np.int32),
        able=np.stack([np.ones(r, dtype=np.bool_), made.skilled]),
        incumbent=made.incumbent,
        locked=made.locked,
        per_km=made.hours / 10,
        per_move=made.value / 1000,
        band_measure=np.zeros(1, dtype=np.int32),
        low=np.full((1, r), (1 - made.band) * share),
        high=np.full((1, r), (1 + made.band) * share),
        outside=np.full((1, r), np.inf),
        most_moves=None,
        area=np.full(n, NO_AREA, dtype=np.int32),
        least_reps=np.zeros(0, dtype=np.int32),
    )


def unit_vectors(degrees: Floats) -> Floats:
    """Points on the unit sphere, shape (k, 3)."""
    latitude, longitude = np.radians(degrees).T
    flat = np.cos(latitude)
    return np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])


def _places(accounts: int, rng: np.random.Generator) -> Floats:
    cities = max(8, min(2000, accounts // 60))
    centre = rng.uniform(SOUTH_WEST, NORTH_EAST, (cities, 2))
    size = rng.pareto(1.1, cities) + 0.2
    width = rng.uniform(0.03, 0.3, cities)
    city = rng.choice(cities, accounts, p=size / size.sum())
    around = centre[city] + rng.normal(size=(accounts, 2)) * width[city, None]
    # One in eight lives in the country.
    country = rng.random(accounts) < 0.125
    around[country] = rng.uniform(SOUTH_WEST, NORTH_EAST, (int(country.sum()), 2))
    return np.asarray(around)


def _nearest(places: Floats, homes: Floats, count: int) -> npt.NDArray[np.int64]:
    _, nearest = cKDTree(unit_vectors(homes)).query(unit_vectors(places), k=count)
    return np.asarray(nearest, dtype=np.int64).reshape(len(places), count)


def _today(
    places: Floats,
    homes: Floats,
    needs: npt.NDArray[np.bool_],
    skilled: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> Ints:
    choice = rng.choice(len(HABIT), len(places), p=HABIT)
    rows = np.arange(len(places))
    anyone = _nearest(places, homes, len(HABIT))[rows, choice]
    able = np.flatnonzero(skilled)
    someone_skilled = able[_nearest(places, homes[able], len(HABIT))[rows, choice]]
    return np.where(needs, someone_skilled, anyone).astype(np.int32)
