"""Certified gaps of territory plans at every size, time to the first plan, and what others make of the same fields."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.allocation import territory_peers as peers
from benchmarks.allocation.accounts_world import REPORTING_SEEDS, World, problem, world
from benchmarks.report import Row
from fieldwise_allocation.core.territory.bound import bound
from fieldwise_allocation.core.territory.found import Found, Watch
from fieldwise_allocation.core.territory.problem import Ints, Problem, feasible, loads, objective
from fieldwise_allocation.core.territory.solve import solve


@dataclass(frozen=True)
class Size:
    """A size, its band, the CPU-seconds that two workers have in the wall time of the target, and the targets in %."""

    accounts: int
    reps: int
    band: float
    cpu_seconds: float
    must: float | None
    stretch: float

    @property
    def name(self) -> str:
        """As a reader says it."""
        return f"{self.accounts:,} x {self.reps:,}, band {self.band:.0%}"


SIZES = (
    Size(1_000, 20, 0.05, 4, 0.3, 0.2),
    Size(10_000, 100, 0.05, 20, 0.5, 0.3),
    Size(50_000, 400, 0.10, 120, 1.0, 0.5),
)
LARGE = (Size(250_000, 1_500, 0.10, 600, None, 1.0), Size(1_000_000, 5_000, 0.10, 3600, None, 2.0))
FIRST_PLAN_SECONDS = 2.0


@dataclass
class _Run:
    """Plans of one solve by the CPU-second at which they came."""

    asked: Problem
    cpu_seconds: float
    heard: list[tuple[float, Found]] = field(default_factory=list)
    cpu: float = 0.0

    def solve(self) -> Found:
        start = time.process_time()
        watch = Watch(
            lambda: start + self.cpu_seconds - time.process_time(),
            lambda found: self.heard.append((time.process_time() - start, found)),
        )
        found = solve(self.asked, watch)
        self.cpu = time.process_time() - start
        assert feasible(self.asked, found.rep_of)
        # Priced anew over all pairs: the bound is not taken from the search's word.
        assert (
            bound(self.asked, found.price, found.move_price) >= found.bound * (1 - 1e-9)
            or self.asked.accounts <= 3000
        )
        return found


def rows(*, quick: bool) -> Iterator[Row]:
    """Gaps at a CPU limit, medians over the reporting seeds; peers on the same fields."""
    _warm_up()
    for size in SIZES[: 2 if quick else 3]:
        yield from _size_rows(size, REPORTING_SEEDS[: 1 if quick else 5 if size.accounts <= 10_000 else 3])
    yield from _peer_rows(SIZES[0], REPORTING_SEEDS[: 1 if quick else 3])
    if not quick:
        yield from _own_process(LARGE[0])


def _warm_up() -> None:
    """Compiled code is loaded once per process, and is not what a plan costs."""
    solve(problem(world(300, 8, band=0.3, seed=0)), Watch(lambda: 1.0))


def _size_rows(size: Size, seeds: tuple[int, ...]) -> Iterator[Row]:
    runs = [
        _Run(problem(world(size.accounts, size.reps, band=size.band, seed=seed)), size.cpu_seconds)
        for seed in seeds
    ]
    gaps = [_gap(run.asked, run.solve()) for run in runs]
    about = f"{size.name}, {len(seeds)} seeds"
    yield Row(
        f"certified gap within {size.cpu_seconds:g} CPU-s: {about}, median",
        statistics.median(gaps),
        "%",
        "must",
        f"<= {size.must}",
    )
    yield Row(
        f"the same against the stretch target: {about}, median",
        statistics.median(gaps),
        "%",
        "stretch",
        f"<= {size.stretch}",
    )
    yield Row(f"the same, worst seed: {about}", max(gaps), "%")
    reached = [_seconds_to(run, size.must or 0.0) for run in runs]
    yield Row(f"CPU seconds to a gap of {size.must} %: {about}, median", statistics.median(reached), "s")
    first = [run.heard[0][0] for run in runs]
    at_10k = size.accounts == 10_000
    limit = ("must", f"<= {FIRST_PLAN_SECONDS}") if at_10k else ("info", "")
    yield Row(f"CPU seconds to the first plan: {about}, median", statistics.median(first), "s", *limit)


def _seconds_to(run: _Run, gap: float) -> float:
    return next((at for at, found in run.heard if _gap(run.asked, found) <= gap), float("inf"))


def _gap(asked: Problem, found: Found) -> float:
    cost = objective(asked, found.rep_of)
    return 100 * (cost - found.bound) / cost


def _peer_rows(size: Size, seeds: tuple[int, ...]) -> Iterator[Row]:
    """Every method against our bound on the same fields; hard rules are checked, not believed."""
    worlds = [world(size.accounts, size.reps, band=size.band, seed=seed) for seed in seeds]
    asked = [problem(each) for each in worlds]
    runs = [_Run(each, size.cpu_seconds) for each in asked]
    found = [run.solve() for run in runs]
    bounds = [each.bound for each in found]
    ours = statistics.median(_gap(each, plan) for each, plan in zip(asked, found, strict=True))
    models = [peers.model(each) for each in asked]
    plans = {
        "direct CP-SAT": [peers.cp_sat(a, m, size.cpu_seconds) for a, m in zip(asked, models, strict=True)],
        "direct HiGHS": [peers.highs(a, m, size.cpu_seconds) for a, m in zip(asked, models, strict=True)],
    }
    for name, theirs in plans.items():
        gap = statistics.median(
            _peer_gap(a, plan, b) for a, plan, b in zip(asked, theirs, bounds, strict=True)
        )
        yield Row(
            f"gap over {name} at {size.cpu_seconds:g} CPU-s, {size.name}, median",
            ours,
            "%",
            "must",
            f"<= {gap:.4f}",
            name,
            gap,
        )
    deviation = statistics.median(_deviation(a, plan.rep_of) for a, plan in zip(asked, found, strict=True))
    for name, made in (("nearest rep", peers.nearest), ("K-means", _k_means)):
        usual = statistics.median(_deviation(a, made(w)) for a, w in zip(asked, worlds, strict=True))
        yield Row(
            f"largest deviation from the rep's share, {size.name}, band 5 %",
            deviation,
            "%",
            "must",
            "<= 5.0001",
            name,
            usual,
        )


def _k_means(made: World) -> Ints:
    return peers.k_means(made, seed=0)


def _peer_gap(asked: Problem, rep_of: Ints | None, height: float) -> float:
    if rep_of is None or not feasible(asked, rep_of):
        return float("inf")
    cost = objective(asked, rep_of)
    return 100 * (cost - height) / cost


def _deviation(asked: Problem, rep_of: Ints) -> float:
    load = loads(asked, rep_of)[0]
    return float(100 * np.abs(load / load.mean() - 1).max())


def _own_process(size: Size) -> Iterator[Row]:
    """A large field in a process of its own, so that its memory is its own too."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.allocation.large_territory",
        str(size.accounts),
        str(size.reps),
    ]
    command += [str(size.band), str(size.cpu_seconds), str(REPORTING_SEEDS[0]), str(size.stretch)]
    gap, cpu, mebibytes = map(
        float, subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    )
    yield Row(
        f"certified gap within {size.cpu_seconds:g} CPU-s, {size.name}, one seed",
        gap,
        "%",
        "stretch",
        f"<= {size.stretch}",
    )
    yield Row(f"CPU seconds of it, {size.name}", cpu, "s")
    yield Row(f"peak memory of it, {size.name}", mebibytes, "MiB", "must", "<= 8192")
