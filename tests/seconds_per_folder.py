"""The seconds that each folder of tests may take, and what it took; `make test` prints both.

Two processes share the tests: together the folders may take twice the ten minutes that `make test` has.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

ALLOTTED = {
    "allocation": 180,
    "client": 60,
    "contract": 20,
    "executor": 30,
    "forecast": 180,
    "gateway": 100,
    "market": 15,
    "profile": 245,
    "recommend": 85,
    "rules": 15,
    "runtime": 65,
    "system": 150,
}


class SecondsPerFolder:
    """A pytest plugin: sums what set-up, call and tear-down of each folder's tests took."""

    def __init__(self) -> None:
        self._took: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        folder = Path(report.fspath).parts
        if len(folder) > 2:
            self._took[folder[1]] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("seconds of each folder, and what it is allotted")
        for folder, took in sorted(self._took.items()):
            allotted = ALLOTTED.get(folder, 0)
            note = (
                ""
                if took <= allotted
                else "   more than allotted: make its tests faster, or give it a share of others"
            )
            terminalreporter.write_line(f"{folder:<12} {took:6.1f} of {allotted:3d}{note}")
