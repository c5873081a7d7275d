"""The import contracts bite: a small package that breaks each is refused, with the place and the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[importlinter]
root_packages =
    house
    shop
include_external_packages = True
contract_types =
    downward: import_contracts.DownwardContract
    pure: import_contracts.PureContract

[importlinter:contract:down]
name = down
type = downward
packages = shop

[importlinter:contract:pure]
name = pure
type = pure
packages = shop
forbidden =
    house
    logging
    time
whole =
    house.plain
allowed =
    house.errors
"""


def lint_imports(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Lay out a package `shop` with these files and run the contracts over it."""
    sources = {"__init__.py": "", "core/__init__.py": "", "migrations/__init__.py": "", **files}
    house = {"../house/__init__.py": "", "../house/errors.py": "", "../house/server.py": ""}
    house["../house/plain/__init__.py"] = ""
    for name, text in {**sources, **house}.items():
        path = (folder / "shop" / name).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "rules.ini").write_text(CONFIG, encoding="utf-8")
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", "rules.ini", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT / 'tools'}:{folder}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_service_in_the_order_of_the_design_is_accepted(tmp_path: Path) -> None:
    done = lint_imports(
        tmp_path,
        {
            "__main__.py": "from shop import planning, servicer, settings, store\nimport time, logging",
            "servicer.py": "from shop import planning\nfrom shop.core import plan",
            "planning.py": "from shop import store, scoring\nfrom shop.core import plan",
            "scoring.py": "import time\nfrom house import server",
            "store.py": "from shop.core import plan",
            "migrations/env.py": "from shop import store",
            "core/plan.py": "from shop.core import cost\nfrom house import errors",
            "core/cost.py": "",
        },
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("core/plan.py", "store"),
        ("core/plan.py", "planning"),
        ("store.py", "planning"),
        ("store.py", "settings"),
        ("planning.py", "servicer"),
        ("planning.py", "settings"),
        ("servicer.py", "settings"),
        ("migrations/env.py", "planning"),
    ],
)
def test_an_import_that_goes_up_is_named_with_its_line(tmp_path: Path, file: str, imported: str) -> None:
    others = {f"{name}.py": "" for name in ("settings", "servicer", "planning", "store")}
    done = lint_imports(tmp_path, {**others, file: f"\nfrom shop import {imported}"})
    importer = f"shop.{file.removesuffix('.py').replace('/', '.')}"
    assert done.returncode == 1
    assert f"{importer} line 2 imports shop.{imported}" in done.stdout
    assert "Imports only go down" in done.stdout


def test_a_core_that_reads_the_clock_is_refused_and_everything_is_told_at_once(tmp_path: Path) -> None:
    done = lint_imports(
        tmp_path, {"core/plan.py": "import time", "core/cost.py": "import logging\nfrom house import server"}
    )
    assert done.returncode == 1
    assert "shop.core.plan line 1 imports time" in done.stdout
    assert "shop.core.cost line 1 imports logging" in done.stdout
    assert "shop.core.cost line 2 imports house.server" in done.stdout


def test_a_package_that_is_core_all_through_is_held_to_purity_in_every_module(tmp_path: Path) -> None:
    done = lint_imports(tmp_path, {"../house/plain/rule.py": "import time\nfrom house import errors"})
    assert done.returncode == 1
    assert "house.plain.rule line 1 imports time" in done.stdout
    assert "errors" not in done.stdout
