"""The allocation command: settings, migration, and what it says when something is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fieldwise_allocation.__main__ import main


def test_every_bad_setting_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"FIELDWISE_CURRENCY": "dollars", "FIELDWISE_ALLOCATION_LISTEN": "nowhere"}
    assert main([], environ) == 2
    told = capsys.readouterr().err
    assert "FIELDWISE_CURRENCY" in told
    assert "FIELDWISE_ALLOCATION_LISTEN" in told


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dance"], {}) == 2
    assert "migrate" in capsys.readouterr().err


def test_a_database_without_its_tables_names_the_command_that_makes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"FIELDWISE_DATA": str(tmp_path), "FIELDWISE_ALLOCATION_LISTEN": "127.0.0.1:0"}
    assert main([], environ) == 1
    assert "python -m fieldwise_allocation migrate" in capsys.readouterr().err


def test_migrating_twice_is_harmless(tmp_path: Path) -> None:
    environ = {"FIELDWISE_DATA": str(tmp_path)}
    assert main(["migrate"], environ) == 0
    assert main(["migrate"], environ) == 0
    assert (tmp_path / "allocation.sqlite").exists()


def test_the_process_that_serves_imports_neither_a_solver_nor_a_compiler() -> None:
    look = (
        "import sys, fieldwise_allocation.__main__; "
        "sys.exit(', '.join({'numba', 'ortools', 'pyvrp'} & set(sys.modules)))"
    )
    looked = subprocess.run([sys.executable, "-c", look], check=False, capture_output=True, text=True)
    assert looked.stderr.strip() == ""
