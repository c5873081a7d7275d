"""Conflicting rules: named exactly where the conflict was planted, how fast, and whether what is said to help does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.allocation.planted_conflicts import KINDS, Planted, planted, planted_cases
from benchmarks.report import Row
from fieldwise_allocation.core.territory.conflicts import Conflict, Trials, conflict_in
from fieldwise_allocation.core.territory.possible import Answer, verdict
from fieldwise_allocation.core.territory.relaxing import relaxations
from fieldwise_allocation.core.territory.stated_rules import Stated

# Tuned on seeds 5 and 12.
SEED = 11
CASES, QUICK_CASES = 200, 45
ACCOUNTS, REPS = 10_000, 100
# Looking for what helps stops after so many seconds, as in the service.
WAYS_SECONDS = 10.0


@dataclass(frozen=True)
class Tried:
    """One case: what was found, in how many CPU seconds, and whether a change that was found made a plan possible."""

    case: Planted
    found: Conflict
    seconds: float
    ways_seconds: float
    helped: bool

    @property
    def right(self) -> bool:
        """The planted set, no more and no less."""
        return frozenset(self.found.rules) == self.case.rules


def rows(*, quick: bool) -> Iterator[Row]:
    """Small cases of every kind, then one of each kind at full size."""
    count = QUICK_CASES if quick else CASES
    small = [_tried(case) for case in planted_cases(count, seed=SEED)]
    yield from _shares(f"{count} planted conflicts, 56 to 400 accounts", small, "must")
    yield Row("naming a conflict, 56 to 400 accounts, median", _median(small), "CPU s")
    kinds = list(KINDS)[::3] if quick else list(KINDS)
    large = [_tried(planted(kind, ACCOUNTS, REPS, seed=SEED)) for kind in kinds]
    size = f"{ACCOUNTS:,} accounts x {REPS} reps"
    yield from _shares(f"{len(large)} planted conflicts, {size}", large, "must")
    yield Row(f"naming a conflict, {size}, median", _median(large), "CPU s", "must", "<= 2")
    slowest = max(each.seconds for each in large)
    yield Row(f"naming a conflict, {size}, slowest kind", slowest, "CPU s")
    ways = float(np.median([each.ways_seconds for each in large]))
    yield Row(f"the smallest changes that help, {size}, median", ways, "CPU s")


def _tried(case: Planted) -> Tried:
    stated = Stated(case.question)
    begun = time.process_time()
    found = conflict_in(Trials(stated))
    named = time.process_time()
    ways = relaxations(stated, found, lambda: time.process_time() - named > WAYS_SECONDS)
    ended = time.process_time()
    helped = bool(ways) and all(
        verdict(stated.problem(stated.names, dict(way.changes))).answer is Answer.POSSIBLE for way in ways
    )
    return Tried(case, found, named - begun, ended - named, helped)


def _shares(what: str, tried: list[Tried], level: str) -> Iterator[Row]:
    right = sum(each.right for each in tried) / len(tried)
    yield Row(f"{what}: named exactly", right, "share", level, ">= 1")
    minimal = sum(each.found.minimal for each in tried) / len(tried)
    yield Row(f"{what}: every rule proven needed", minimal, "share", level, ">= 1")
    helped = sum(each.helped for each in tried) / len(tried)
    yield Row(f"{what}: changes found, and a plan with each", helped, "share", "stretch", ">= 1")


def _median(tried: list[Tried]) -> float:
    return float(np.median([each.seconds for each in tried]))
