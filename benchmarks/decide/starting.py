"""Seconds from the command to all processes SERVING, on an existing data folder and on an empty one."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.decide.company import Company, started
from benchmarks.report import Report, Row

STARTS = 3


def measure(data: Path, report: Report) -> None:
    """Start and stop three times on each; nothing of ours may run on ``data``."""
    existing = [_once(data) for _ in range(STARTS)]
    with tempfile.TemporaryDirectory(prefix="fieldwise-empty-") as folder:
        empty = [_once(Path(folder) / str(number)) for number in range(STARTS)]
    _tell(report, "an existing data folder", existing)
    _tell(report, "an empty one", empty)
    stops = [seconds for _, seconds in existing + empty]
    report.add(Row("Ctrl-C to everything gone, slowest", max(stops), "s", "must", "<= 2"))


def _once(data: Path) -> tuple[float, float]:
    company: Company = started(data)
    return company.seconds_to_serving, company.stop()


def _tell(report: Report, what: str, starts: list[tuple[float, float]]) -> None:
    seconds = [serving for serving, _ in starts]
    middle = statistics.median(seconds)
    label = f"installed to all SERVING, {what}, median of {STARTS}"
    report.add(Row(label, middle, "s", "must", "<= 5", "slowest", max(seconds)))
