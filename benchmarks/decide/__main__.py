"""`python -m benchmarks.decide [--quick] [--fresh] [--only PART]`: every figure of a decision; exit code 1 when a must is missed."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from benchmarks.decide import fresh, speed, whole, world
from benchmarks.decide.company import Company, started
from benchmarks.report import Report

PARTS = ("speed", "whole", "fresh")


def main() -> int:
    asked = _arguments()
    report = Report("One decision" + (", quick run" if asked.quick else ""))
    only = (
        [asked.only]
        if asked.only
        else ["speed", "whole", *(["fresh"] if asked.fresh or not asked.quick else [])]
    )
    if {"speed", "whole"} & set(only):
        with tempfile.TemporaryDirectory(prefix="fieldwise-bench-") as folder:
            _on_an_installation(asked.data or Path(folder) / "data", only, report, quick=asked.quick)
    if "fresh" in only:
        fresh.measure(report)
    return report.finish()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.decide", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every sixth household and fewer rounds")
    parser.add_argument("--fresh", action="store_true", help="with --quick: run a fresh clone as well")
    parser.add_argument("--only", choices=PARTS, help="one part only")
    parser.add_argument(
        "--data", type=Path, help="keep the installation in this folder; loaded if it is empty"
    )
    return parser.parse_args()


def _on_an_installation(data: Path, only: list[str], report: Report, *, quick: bool) -> None:
    is_loaded = (data / "profile.sqlite").exists()
    company = started(data)
    try:
        if not is_loaded:
            world.prepared(company, report, full=not quick)
        asyncio.run(_asked(company, only, report, quick=quick))
        if "whole" in only:
            whole.finish(company, report)
    finally:
        with suppress(ProcessLookupError):
            if company.supervisor.poll() is None:
                company.stop()


async def _asked(company: Company, only: list[str], report: Report, *, quick: bool) -> None:
    customers = await asyncio.to_thread(world.customers, company)
    if "speed" in only:
        await speed.measure(company, customers, report, speed.QUICK if quick else speed.FULL)
    if "whole" in only:
        await whole.measure(company, customers, report, whole.QUICK if quick else whole.FULL)


if __name__ == "__main__":
    sys.exit(main())
