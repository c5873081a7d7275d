"""`python -m benchmarks.forecast [--quick] [--only PART ...]`: every figure of forecasts; exit code 1 when a must is missed."""

from __future__ import annotations

import sys

from benchmarks.parts import run

# In the order in which they are run; each has `rows(quick=...)`.
PARTS = (
    "commodities",
    "clusters",
    "series_sets",
    "competition",
    "intervals",
    "customers",
    "dormant",
    "silent",
    "lifetimes",
    "interests",
    "searching",
    "new_week",
    "cycles",
    "gate",
    "serving",
    "worth",
    "tables",
    "executor",
)


if __name__ == "__main__":
    sys.exit(run("benchmarks.forecast", "Forecasts", PARTS, __doc__))
