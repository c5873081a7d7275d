"""`python -m benchmarks.allocation.large_territory ACCOUNTS REPS BAND CPU_SECONDS SEED GAP`: prints gap in %, CPU-s, peak MiB.

It ends at a certified gap of GAP %, or when it has had its CPU-seconds. Each better plan is told on stderr. Regions are done one after the
other by this process, so that its seconds are all that was spent; two processes make the same plan.
"""

from __future__ import annotations

import resource
import sys
import time

from benchmarks.allocation.accounts_world import problem, world
from fieldwise_allocation.core.territory.found import Found, Watch
from fieldwise_allocation.core.territory.problem import feasible
from fieldwise_allocation.core.territory.solve import solve


def main() -> None:
    """One field, one solve."""
    accounts, reps, band, seconds, seed, goal = sys.argv[1:]
    solve(problem(world(400, 10, band=0.2, seed=1)), Watch(lambda: 1.0))
    asked = problem(world(int(accounts), int(reps), band=float(band), seed=int(seed)))
    start, gaps = time.process_time(), [float("inf")]

    def hear(found: Found) -> None:
        gaps.append(100 * (1 - found.bound / found.objective))
        print(f"{gaps[-1]:.3f} % after {time.process_time() - start:.1f} CPU-s", file=sys.stderr, flush=True)

    def left() -> float:
        return -1.0 if gaps[-1] <= float(goal) else start + float(seconds) - time.process_time()

    found = solve(asked, Watch(left, hear))
    cpu = time.process_time() - start
    assert feasible(asked, found.rep_of)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(100 * (found.objective - found.bound) / found.objective, cpu, peak)


if __name__ == "__main__":
    main()
