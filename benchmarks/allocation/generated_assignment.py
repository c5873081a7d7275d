"""Generated assignments of types d and e, 1,600 x 40: gap to the LP bound at equal CPU seconds; knows no published value.

Generators after Chu & Beasley (1997) and Laguna et al. (1995), as Yagiura et al. (2004) give them. Frozen before the
search was tuned; the search was tuned on seeds 901 and 902. Runs of full size are kept (`kept_traces`): one that is
stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.allocation.assignment_peers import Trace, compared
from benchmarks.report import Row
from fieldwise_allocation.core.assignment.prices import price
from fieldwise_allocation.core.assignment.problem import Problem

ITEMS, AGENTS = 1_600, 40
SEEDS = (911, 912, 913)
# 20 s of two workers.
CPU_SECONDS = 40.0
# For the linear programme behind the bound.
PRICE_SECONDS = 600.0
QUICK = (400, 20, 8.0)
# Sending each item where it is cheapest loads the fullest agent to at least this many times its capacity.
LEAST_OVERLOAD = 2.0


def generated(kind: str, items: int, agents: int, seed: int) -> Problem:
    """An instance of type d (costs fall as uses rise) or e (the same, over three orders of size).

    Raises:
        AssertionError: It is too easy.
    """
    rng = np.random.default_rng(seed)
    if kind == "d":
        use = rng.integers(1, 101, (items, agents)).astype(float)
        cost = 111.0 - use + rng.integers(-10, 11, (items, agents))
    else:
        use = np.round(1.0 - 10.0 * np.log(1.0 - rng.random((items, agents))))
        cost = np.round(1000.0 / use - 10.0 * rng.random((items, agents)))
    capacity = np.floor(0.8 * use.sum(axis=0) / agents)
    problem = Problem(cost, use, capacity, np.full(agents, float(items)))
    overload = (problem.loads(cost.argmin(axis=1)) / capacity).max()
    assert overload >= LEAST_OVERLOAD, f"the cheapest agents are loaded to {overload:.2f} of capacity only"
    return problem


def rows(*, quick: bool) -> Iterator[Row]:
    items, agents, seconds = QUICK if quick else (ITEMS, AGENTS, CPU_SECONDS)
    for kind in "de":
        gaps: dict[str, list[float]] = {}
        for seed in SEEDS[: 1 if quick else None]:
            problem = generated(kind, items, agents, seed)
            bound = price(problem, lambda: PRICE_SECONDS).bound
            kept_as = None if quick else f"generated-{kind}-{items}-{agents}-{seed}"
            for name, trace in compared(problem, seconds, kept_as).items():
                gaps.setdefault(name, []).append(_gap(trace, seconds, bound))
        yield from _rows_of(f"type {kind}, {items} x {agents}, {seconds:g} CPU-s", gaps)


def _gap(trace: Trace, seconds: float, bound: float) -> float:
    """Percent above the bound; 100 where nothing was found."""
    return min(100.0, 100.0 * (trace.at(seconds) / bound - 1.0))


def _rows_of(what: str, gaps: dict[str, list[float]]) -> Iterator[Row]:
    ours, cp_sat, highs = (float(np.median(gaps[name])) for name in ("ours", "CP-SAT", "HiGHS"))
    metric = f"{what}: gap to the LP bound (100: nothing found)"
    yield Row(f"{metric} as a share of direct CP-SAT's", ours / cp_sat, "x", "must", "<= 0.1", "CP-SAT", 1.0)
    yield Row(metric, ours, "%", "stretch", "<= 0.2", "CP-SAT", cp_sat)
    yield Row(f"{metric}, HiGHS beside it", ours, "%", "info", "", "HiGHS", highs)
