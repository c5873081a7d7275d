"""Noise in the browsing of a simulated world, each event with its label; knows no weight and no rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fieldwise_market.population import Floats, Ints
from fieldwise_market.rows import BROWSING, MICROS_PER_DAY, Kind, Rows, in_order, rows_of
from fieldwise_market.vocabulary import AGENTS, PRODUCTS_PER_CATEGORY, ROBOT_AGENTS
from fieldwise_market.world import World

VERSION: Final = 1
LABELS: Final = ("genuine", "double_click", "misclick", "named_robot", "metronome", "burst")
# Share of each kind of noise, in the order of LABELS after "genuine".
MIXTURE: Final = (0.35, 0.25, 0.15, 0.13, 0.12)
# Of the runs of programs, so many come under the name of a real customer; the others under names of their own.
UNDER_A_CUSTOMERS_NAME: Final = 0.35
RUNS_A_NAME: Final = 3
_SECONDS: Final = 86_400.0


@dataclass(frozen=True)
class NoisyWorld:
    """A world with noise woven in; `labels` has one text of LABELS for each of its rows."""

    world: World
    labels: NDArray[np.str_]

    def label_by_event_id(self) -> dict[str, str]:
        return {self.world.event_id(row): str(label) for row, label in enumerate(self.labels)}


def add_noise(world: World, seed: int, share: float = 0.10) -> NoisyWorld:
    """The world with so much noise that it makes up `share` of all views and clicks.

    Rows are numbered anew, so an id tells nothing. Names of programs stand after the customers; they have no truth.
    """
    if not 0 <= share < 0.5:
        raise ValueError(f"share={share}: give a share from 0 to below 0.5")
    rng = np.random.default_rng([seed, 3])
    browsing = int(np.isin(world.rows["kind"], BROWSING).sum())
    counts = [round(browsing * share / (1 - share) * each) for each in MIXTURE]
    parts = [world.rows, _double_clicks(rng, world.rows, counts[0]), _misclicks(rng, world.rows, counts[1])]
    runs = [_named_robots(rng, counts[2]), _metronomes(rng, counts[3]), _bursts(rng, counts[4])]
    names = _place(rng, runs, world)
    parts += [np.concatenate(each) if each else np.zeros(0, world.rows.dtype) for each in runs]
    return _woven(world, parts, names)


def _woven(world: World, parts: list[Rows], names: int) -> NoisyWorld:
    marked = np.concatenate(parts)
    label = np.repeat(np.array(LABELS), [len(each) for each in parts])
    within = (marked["time"] >= 0) & (marked["time"] < (world.end - world.start).days * MICROS_PER_DAY)
    marked, label = marked[within], label[within]
    # Sorted with its label: the same order as in_order, which is stable.
    order = np.lexsort((marked["customer"], marked["time"]))
    known = len(world.customers)
    programs = tuple(f"customers/w{world.seed}-{known + each}" for each in range(names))
    noisy = replace(world, rows=in_order(marked), customers=world.customers + programs)
    return NoisyWorld(noisy, label[order])


# ---- slips of the finger ------------------------------------------------------------------------------------------


def _double_clicks(rng: Generator, rows: Rows, count: int) -> Rows:
    """A click again on the same target, 30 to 900 ms after the real one."""
    copies = _some(rng, rows, Kind.CLICK, count)
    copies["time"] += rng.integers(30_000, 900_001, len(copies))
    return copies


def _misclicks(rng: Generator, rows: Rows, count: int) -> Rows:
    """A look of 0.02 to 0.29 s at something else, just before a real one: back at once."""
    slips = _some(rng, rows, Kind.VIEW, count)
    n = len(slips)
    slips["number"] = rng.integers(20, 291, n)
    slips["time"] -= slips["number"] * 1000 + rng.integers(150_000, 500_000, n)
    slips["product"] = (slips["product"] + rng.integers(1, PRODUCTS_PER_CATEGORY, n)) % PRODUCTS_PER_CATEGORY
    slips["category"] = np.where(rng.random(n) < 0.5, slips["category"], rng.integers(0, 12, n))
    return slips


def _some(rng: Generator, rows: Rows, kind: Kind, count: int) -> Rows:
    candidates = np.flatnonzero(rows["kind"] == kind)
    chosen: Rows = rows[np.sort(rng.choice(candidates, min(count, len(candidates)), replace=False))].copy()
    return chosen


# ---- programs -----------------------------------------------------------------------------------------------------


def _named_robots(rng: Generator, count: int) -> list[Rows]:
    """Programs that say what they are; their pace may be a person's."""
    runs = []
    for n in _sizes(rng, count, 12, 60):
        agent = len(AGENTS) + int(rng.integers(len(ROBOT_AGENTS)))
        runs.append(_run(rng, np.cumsum(rng.exponential(rng.uniform(0.5, 20), n)), agent, measured=False))
    return runs


def _metronomes(rng: Generator, count: int) -> list[Rows]:
    """Programs that call themselves a browser and look every few seconds, regularly to half a per cent."""
    runs = []
    for n in _sizes(rng, count, 20, 80):
        gap = rng.uniform(4, 40)
        at = np.cumsum(gap * (1 + rng.normal(0, 0.005, n)))
        runs.append(_run(rng, at, int(rng.integers(len(AGENTS))), measured=rng.random() < 0.5))
    return runs


def _bursts(rng: Generator, count: int) -> list[Rows]:
    """Programs that call themselves a browser and look at 4 to 20 things a second."""
    runs = []
    for n in _sizes(rng, count, 25, 120):
        at = np.cumsum(rng.exponential(1 / rng.uniform(4, 20), n))
        runs.append(_run(rng, at, int(rng.integers(len(AGENTS))), measured=False))
    return runs


def _sizes(rng: Generator, count: int, least: int, most: int) -> list[int]:
    sizes: list[int] = []
    while count - sum(sizes) >= least:
        sizes.append(min(int(rng.integers(least, most + 1)), count - sum(sizes)))
    return sizes


def _run(rng: Generator, seconds: Floats, agent: int, *, measured: bool) -> Rows:
    """Views at the given seconds; where measured, each lasts until shortly before the next."""
    n = len(seconds)
    gaps = np.diff(seconds, append=seconds[-1] + np.median(np.diff(seconds)))
    dwell = np.maximum(np.round(gaps * 1000 * 0.95), 300) if measured else np.full(n, -1)
    return rows_of(
        Kind.VIEW, seconds / _SECONDS, category=rng.integers(0, 12, n), product=rng.integers(0, PRODUCTS_PER_CATEGORY, n),
        number=dwell, channel=1, ref=agent,
    )  # fmt: skip


def _place(rng: Generator, runs: list[list[Rows]], world: World) -> int:
    """Gives each run a moment and a name; returns how many names of their own the programs have."""
    every = [each for group in runs for each in group]
    borrowed = rng.random(len(every)) < UNDER_A_CUSTOMERS_NAME
    names = max(1, int((~borrowed).sum()) // RUNS_A_NAME)
    own: Ints = len(world.customers) + rng.integers(0, names, len(every))
    customers = np.where(borrowed, rng.integers(0, len(world.customers), len(every)), own)
    days = (world.end - world.start).days
    for run, customer, day in zip(every, customers, rng.uniform(0, days - 0.1, len(every)), strict=True):
        run["customer"] = customer
        run["time"] += round(day * MICROS_PER_DAY)
    return names
