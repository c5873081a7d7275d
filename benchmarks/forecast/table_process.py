"""`python -m benchmarks.forecast.table_process FILE ours|pandas`: one large file in a process of its own, CPU and peak memory as JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What a file cost: CPU seconds, and the most memory the process had, in MB."""

    cpu_seconds: float
    peak_mb: float
    learnt_rows: int
    served: str


def cost_of(file: Path, who: str) -> Cost:
    """Run in a process of its own, so that nothing else counts."""
    command = [sys.executable, "-m", "benchmarks.forecast.table_process", str(file), who]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def ours(file: Path) -> tuple[int, str]:
    from fieldwise_forecast.core.table.asked import TableJob
    from fieldwise_forecast.table_job import train

    fitted = train(file, TableJob())
    return fitted.train_rows + fitted.test_rows, fitted.served


def pandas(file: Path) -> tuple[int, str]:
    """Reading alone, as a notebook begins; nothing is learnt yet."""
    import pandas as pd

    return len(pd.read_csv(file, parse_dates=["date"])), ""


def main(file: str, who: str) -> None:
    rows, served = {"ours": ours, "pandas": pandas}[who](Path(file))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"cpu_seconds": time.process_time(), "peak_mb": peak, "learnt_rows": rows, "served": served}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
