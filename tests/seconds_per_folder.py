"""The seconds that each folder of tests may take on two cores, and what it took; `make test` prints both."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

# Together under the ten minutes that all tests have.
ALLOTTED = {
    "allocation": 35,
    "client": 45,
    "contract": 20,
    "executor": 15,
    "forecast": 155,
    "gateway": 25,
    "market": 10,
    "profile": 165,
    "recommend": 20,
    "runtime": 35,
    "system": 70,
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
