"""`python -m benchmarks.forecast [--quick] [--only PART ...]`: every figure of forecasts; exit code 1 when a must is missed."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.report import Report

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


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.forecast", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller samples and fewer rounds")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="these parts only")
    asked = parser.parse_args()
    report = Report("Forecasts" + (", quick run" if asked.quick else ""))
    for part in asked.only:
        module = importlib.import_module(f"benchmarks.forecast.{part}")
        for row in module.rows(quick=asked.quick):
            report.add(row)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
