"""`python -m benchmarks.allocation.large_territory ACCOUNTS REPS BAND CPU_SECONDS SEED`: prints gap in %, CPU-s, peak MiB."""

from __future__ import annotations

import resource
import sys
import time

from benchmarks.allocation.accounts_world import problem, world
from fieldwise_allocation.core.territory.found import Watch
from fieldwise_allocation.core.territory.problem import feasible
from fieldwise_allocation.core.territory.solve import solve


def main() -> None:
    """One field, one solve."""
    accounts, reps, band, seconds, seed = sys.argv[1:]
    asked = problem(world(int(accounts), int(reps), band=float(band), seed=int(seed)))
    start = time.process_time()
    found = solve(asked, Watch(lambda: start + float(seconds) - time.process_time()))
    cpu = time.process_time() - start
    assert feasible(asked, found.rep_of)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(100 * (found.objective - found.bound) / found.objective, cpu, peak)


if __name__ == "__main__":
    main()
