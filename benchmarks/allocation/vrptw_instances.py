"""Routing instances with time windows: Solomon's, and generated ones of his six types; knows no solver."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.visits.question import Matrix, Question, Shift, Stop, Visitor, Window

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "vrptw"
# Chosen before anything was tuned: every instance there is in a full run, one of each type in a quick one.
FULL = tuple(sorted(path.stem for path in (FOLDER / "solomon").glob("*.txt")))
QUICK = ("C102", "R102", "RC101", "R202")
# Tuned on generated ones of seeds 100 to 107, which are never reported.


@dataclass(frozen=True)
class Instance:
    """Depot first; windows say when service may begin."""

    name: str
    vehicles: int
    capacity: float
    at: npt.NDArray[np.float64]
    demand: npt.NDArray[np.float64]
    ready: npt.NDArray[np.float64]
    due: npt.NDArray[np.float64]
    service: npt.NDArray[np.float64]

    @property
    def distance(self) -> npt.NDArray[np.float64]:
        """Euclidean, not rounded; travel takes as many minutes."""
        return np.asarray(np.sqrt(((self.at[:, None] - self.at[None]) ** 2).sum(axis=2)))


def solomon(name: str) -> Instance:
    """A published instance."""
    lines = (FOLDER / "solomon" / f"{name}.txt").read_text().split("\n")
    vehicles, capacity = map(int, lines[4].split())
    rows = np.array([list(map(float, line.split())) for line in lines[9:] if line.strip()])
    return Instance(name, vehicles, capacity, rows[:, 1:3], *rows[:, 3:7].T)


def best_known_distances() -> dict[str, float]:
    """Best known distance of each instance, by the convention that distance alone counts (rows `*_distance`)."""
    with (FOLDER / "known_values.csv").open() as file:
        return {
            row["instance"].removesuffix("_distance"): float(row["best_known_cost"])
            for row in csv.DictReader(file)
            if row["instance"].endswith("_distance")
        }


def generated(seed: int) -> Instance:
    """100 customers like Solomon's: random, clustered or mixed by ``seed % 3``, short or long horizon by ``seed % 2``."""
    rng = np.random.default_rng(seed)
    long = seed % 2 == 1
    random, clustered = rng.uniform(0, 100, (100, 2)), _clusters(rng)
    mixed = np.where(rng.random((100, 1)) < 0.5, random, clustered)
    at = np.concatenate([[[50.0, 50.0]], (random, clustered, mixed)[seed % 3]])
    horizon, service = (1000.0, 10.0) if long else (230.0, 10.0)
    home = np.sqrt(((at - at[0]) ** 2).sum(axis=1))
    width = rng.choice([10.0, 30.0, 60.0], 101) * (horizon / 230.0)
    centre = rng.uniform(home, np.maximum(home + 1e-6, horizon - home - service))
    ready = np.maximum(0.0, centre - width / 2)
    due = np.maximum(home + 1.0, np.minimum(horizon - home - service, centre + width / 2))
    ready, due = np.minimum(ready, due).round(), np.ceil(due)
    free = rng.random(101) < 0.25
    ready, due = np.where(free, 0.0, ready), np.where(free, np.floor(horizon - home - service), due)
    demand = rng.integers(5, 30, 101).astype(float)
    demand[0], ready[0], due[0] = 0.0, 0.0, horizon
    time = np.full(101, service)
    time[0] = 0.0
    return Instance(
        f"g{seed}", 25 if not long else 15, 1000.0 if long else 200.0, at, demand, ready, due, time
    )


def _clusters(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    centres = rng.uniform(10, 90, (8, 2))
    return np.clip(centres[rng.integers(0, 8, 100)] + rng.normal(0, 4, (100, 2)), 0, 100)


def question(instance: Instance) -> Question:
    """The instance as a question of visits: every customer mandatory, a km costs 1, hours nothing."""
    stops = tuple(
        Stop(
            f"customers/{j:03}",
            float(instance.service[j]),
            windows=(Window(0, float(instance.ready[j]), float(instance.due[j])),),
            mandatory=True,
            load=float(instance.demand[j]),
        )
        for j in range(1, len(instance.at))
    )
    shift = Shift(0, float(instance.ready[0]), float(instance.due[0]))
    visitors = tuple(
        Visitor(f"reps/{i:02}", (shift,), per_km=1.0, capacity=float(instance.capacity))
        for i in range(instance.vehicles)
    )
    n = len(stops)
    order = np.array([*range(1, n + 1), *[0] * (2 * len(visitors))])
    distance = instance.distance[np.ix_(order, order)]
    return Question(stops, visitors, Matrix(distance, distance))
