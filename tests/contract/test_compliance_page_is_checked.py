"""docs/compliance.md: every call it names exists, and every test it names is there to be run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "compliance.md").read_text(encoding="utf-8").splitlines()
    if line.startswith(("| PIPL", "| GDPR"))
]
CONTRACTS = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("protos/fieldwise/*/v1/*.proto"))
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/*/test_*.py"))


def law(row: str) -> str:
    """The first cell: which law asks."""
    return row.split("|")[1].strip()


def test_the_page_has_its_eight_duties() -> None:
    assert len(ROWS) == 8


@pytest.mark.parametrize("row", ROWS, ids=law)
def test_a_duty_has_calls_that_exist_and_tests_that_run(row: str) -> None:
    calls = re.findall(r"`(\w+)\.(\w+)`", row)
    tests = re.findall(r"`(test_\w+)`", row)
    assert calls
    assert tests
    for service, call in calls:
        assert re.search(rf"service {service} \{{.*?\brpc {call}\(", CONTRACTS, re.DOTALL), (
            f"{service}.{call}"
        )
    assert [name for name in tests if f"def {name}(" not in TESTS] == []
