"""Time and memory of a plan against its size: log-log, each size in a process of its own.

CPU seconds to the first plan and to a certified gap of 1 %, solver only; the slope is that of log time over log accounts. From
100,000 accounts on plans are made in regions, here one after the other by one process: two make the same plan in less time.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.allocation.accounts_world import REPORTING_SEEDS, problem, world
from benchmarks.allocation.log_log import Series, drawn
from benchmarks.report import Row
from fieldwise_allocation.core.territory.found import Found, Watch
from fieldwise_allocation.core.territory.solve import solve
from fieldwise_executor.local import LocalExecutor

# Accounts, reps, width of the band; the widths as in the figures of the issue.
SIZES = (
    (1_000, 20, 0.05),
    (3_000, 40, 0.05),
    (10_000, 100, 0.05),
    (30_000, 250, 0.1),
    (100_000, 800, 0.1),
    (250_000, 1_500, 0.1),
)
DRAWING = "territories-time-against-size.svg"
GAP = 0.01
# CPU seconds after which a size is given up, per account.
PATIENCE = 0.002


@dataclass(frozen=True)
class Run:
    """CPU seconds to the first plan and to the gap (NaN when it was not reached), the last gap, peak memory in MB."""

    first: float
    close: float
    gap: float
    megabytes: float


def rows(*, quick: bool, plots: Path | None = None) -> Iterator[Row]:
    """One line per size and figure, and the slope.

    Args:
        plots: The folder for the drawing, made when it is missing; None: no drawing.
    """
    sizes = SIZES[:4] if quick else SIZES
    runs = asyncio.run(_measured(sizes))
    if plots is not None:
        plots.mkdir(parents=True, exist_ok=True)
        (plots / DRAWING).write_text(_drawing(sizes, runs), encoding="utf-8")
    for (accounts, reps, _), run in zip(sizes, runs, strict=True):
        size = f"{accounts:,} x {reps}"
        yield Row(f"{size}: first plan", run.first, "CPU-s")
        yield Row(f"{size}: certified gap of 1 %", run.close, "CPU-s")
        yield Row(f"{size}: peak memory", run.megabytes, "MB")
    closed = [(size[0], run.close) for size, run in zip(sizes, runs, strict=True) if not np.isnan(run.close)]
    size_logs, second_logs = np.log(np.array(closed)).T
    slope = np.polynomial.Polynomial.fit(size_logs, second_logs, 1).convert().coef[1]
    yield Row("slope of log seconds to 1 % over log accounts", float(slope), "")


def _drawing(sizes: Sequence[tuple[int, int, float]], runs: Sequence[Run]) -> str:
    accounts = [size[0] for size in sizes]
    first = [(n, run.first) for n, run in zip(accounts, runs, strict=True)]
    close = [(n, run.close) for n, run in zip(accounts, runs, strict=True) if not np.isnan(run.close)]
    series = [Series("first plan", first), Series("certified gap of 1 %", close)]
    return drawn("Territory plans: time against size", "accounts", "CPU seconds of the solver", series)


async def _measured(sizes: tuple[tuple[int, int, float], ...]) -> list[Run]:
    executor = LocalExecutor(1)
    return [await executor.run(measured, *size, REPORTING_SEEDS[0], timeout=3600.0) for size in sizes]


def measured(accounts: int, reps: int, band: float, seed: int) -> Run:
    """One solve in this process, after a small one that loads the compiled code."""
    small = problem(world(400, 10, band=0.2, seed=1))
    solve(small, Watch(lambda: 1.0))
    asked = problem(world(accounts, reps, band=band, seed=seed))
    began = time.process_time()
    told: list[tuple[float, float]] = []

    def close_enough() -> bool:
        return bool(told) and told[-1][1] <= GAP

    def hear(found: Found) -> None:
        told.append((time.process_time() - began, 1 - found.bound / found.objective))

    patience = max(10.0, PATIENCE * accounts)
    found = solve(
        asked, Watch(lambda: -1.0 if close_enough() else patience - (time.process_time() - began), hear)
    )
    close = next((at for at, gap in told if gap <= GAP), float("nan"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Run(told[0][0], close, 1 - found.bound / found.objective, peak)
