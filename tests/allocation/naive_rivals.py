"""Answers to small questions by going through everything, from the messages alone: nothing of the service is used."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from fieldwise.allocation.v1 import price_pb2, resource_pb2
from fieldwise.allocation.v1 import resource_service_pb2 as resources_pb2
from fieldwise.allocation.v1 import visit_service_pb2 as visits_pb2

Floats = npt.NDArray[np.float64]

# ---- scarce means -------------------------------------------------------------------------------------------------


def best_worth(question: resources_pb2.EffortQuestion) -> float:
    """Most that the levels of all cells bring within all rules; -inf when nothing keeps them."""
    choices = itertools.product(*(cell.levels.levels for cell in question.cells))
    worths = (sum(level.value for level in choice) for choice in choices if _keeps(question, choice))
    return max(worths, default=-math.inf)


def _keeps(question: resources_pb2.EffortQuestion, choice: Sequence[resource_pb2.EffortLevel]) -> bool:
    within = all(
        resource.floor - 1e-9
        <= sum(level.takes[resource.name] for level in choice)
        <= resource.capacity + 1e-9
        for resource in question.resources
    )
    return within and all(
        sum(
            level.takes[limit.measure]
            for cell, level in zip(question.cells, choice, strict=True)
            if limit.where.items() <= cell.labels.items()
        )
        >= limit.at_least - 1e-9
        for limit in question.limits
    )


# ---- prices -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Programme:
    """Each customer at most once, each resource at most its capacity."""

    value: Floats
    table: Floats
    resources: tuple[str, ...]
    customers: int

    @classmethod
    def of(cls, candidates: Sequence[price_pb2.Candidate], resources: Sequence[str]) -> Programme:
        customers = sorted({each.customer for each in candidates})
        table = np.zeros((len(resources) + len(customers), len(candidates)))
        for column, each in enumerate(candidates):
            table[len(resources) + customers.index(each.customer), column] = 1.0
            for use in each.uses:
                table[resources.index(use.resource), column] += use.amount
        value = np.array([each.value.micros / 1e6 for each in candidates])
        return cls(value, table, tuple(resources), len(customers))

    def relaxed(self, capacity: Mapping[str, float]) -> float:
        """Value of the best fractional choice."""
        return float(-linprog(-self.value, self.table, self._room(capacity)).fun)

    def whole(self, capacity: Mapping[str, float]) -> float:
        """Value of the best choice."""
        rows = LinearConstraint(self.table, ub=self._room(capacity))
        found = milp(-self.value, constraints=rows, bounds=Bounds(0, 1), integrality=np.ones(len(self.value)))
        return float(-found.fun)

    def _room(self, capacity: Mapping[str, float]) -> Floats:
        return np.array([capacity[name] for name in self.resources] + [1.0] * self.customers)


# ---- visits -------------------------------------------------------------------------------------------------------


def best_profit(request: visits_pb2.PlanVisitsRequest) -> float:
    """Most that a plan of one day earns: every order of every set of stops for each rep, every whole minute of leaving.

    Travel and times have to be whole minutes; mandatory stops have to be possible.
    """
    stops = len(request.stops)
    tables = [_best_tours(request, rep) for rep in range(len(request.reps))]
    must = sum(1 << j for j, stop in enumerate(request.stops) if stop.mandatory)
    shared = tables[0]
    for table in tables[1:]:
        shared = [
            max(shared[part] + table[whole & ~part] for part in range(whole + 1) if part & ~whole == 0)
            for whole in range(1 << stops)
        ]
    return max(profit for visited, profit in enumerate(shared) if must & ~visited == 0)


def _best_tours(request: visits_pb2.PlanVisitsRequest, rep: int) -> list[float]:
    """Profit of the best tour of a rep over each set of stops, by bits."""
    stops, reps = len(request.stops), len(request.reps)
    points = stops + 2 * reps
    minutes = np.array(request.matrix.minutes).reshape(points, points)
    km = np.array(request.matrix.km).reshape(points, points)
    shift = request.reps[rep].shifts[0]
    pause = getattr(shift, "break")
    rest = shift.HasField("break")
    per_km, per_hour = request.rules.kilometre_cost.micros / 1e6, request.rules.hour_cost.micros / 1e6
    leaves = np.arange(shift.starts_minute, shift.ends_minute + 1)
    end = stops + reps + rep
    best = [-math.inf] * (1 << stops)
    best[0] = 0.0

    def rested(now: Floats) -> Floats:
        begins = np.maximum(now, pause.earliest_minute)
        return np.where(begins <= pause.latest_minute, begins + pause.minutes, math.inf)

    def step(here: int, visited: int, before: Floats, after: Floats, way: float, prize: float) -> None:
        """``before``: when he may go on without a break so far, for each minute of leaving; ``after``: with it."""
        after = np.minimum(after, rested(before)) if rest else after
        if visited:
            home = minutes[here, end]
            early = before + home
            early = np.where(early <= (pause.latest_minute if rest else shift.ends_minute), early, math.inf)
            back = np.minimum(early, after + home)
            back = np.where(back <= shift.ends_minute, back, math.inf)
            hours = float((back - leaves).min()) / 60
            best[visited] = max(best[visited], prize - per_km * (way + km[here, end]) - per_hour * hours)
        for j, stop in enumerate(request.stops):
            if visited & 1 << j:
                continue
            opens, closes = (
                (stop.windows[0].opens_minute, stop.windows[0].closes_minute) if stop.windows else (0, 1440)
            )
            times = []
            for now in (before, after):
                begins = np.maximum(now + minutes[here, j], opens)
                times.append(np.where(begins <= closes, begins + stop.service_minutes, math.inf))
            if np.isfinite(np.minimum(*times)).any():
                gain = prize + stop.prize.micros / 1e6
                step(j, visited | 1 << j, times[0], times[1], way + km[here, j], gain)

    step(stops + rep, 0, leaves, np.full(len(leaves), math.inf), 0.0, 0.0)
    return best
