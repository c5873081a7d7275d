"""One naming rule for folder, distribution, import, contract and tests; and the words no file may be called."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MEMBERS = sorted(
    path.parent
    for place in ("protos", "packages/*", "services/*", "gateway")
    for path in ROOT.glob(f"{place}/pyproject.toml")
)
CODE = [folder for folder in MEMBERS if folder.name != "protos"]
VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "shared", "base", "lib"}


def called(folder: Path) -> str:
    """A member's name for test reports."""
    return folder.name


def modules(folder: Path) -> list[Path]:
    """Every Python file of a member's package."""
    return sorted(folder.glob("fieldwise_*/**/*.py"))


@pytest.mark.parametrize("folder", MEMBERS, ids=called)
def test_a_distribution_is_called_as_its_folder(folder: Path) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == f"fieldwise-{folder.name}"
    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "Apache-2.0"
    assert (folder / "README.md").exists()


@pytest.mark.parametrize("folder", CODE, ids=called)
def test_a_member_has_one_typed_package_of_its_name(folder: Path) -> None:
    packages = [path.parent.name for path in folder.glob("*/__init__.py")]
    assert packages == [f"fieldwise_{folder.name}"]
    assert (folder / packages[0] / "py.typed").exists()


@pytest.mark.parametrize("folder", CODE, ids=called)
def test_a_member_is_known_to_every_tool(folder: Path) -> None:
    package, tool = f"fieldwise_{folder.name}", CONFIG["tool"]
    linted = {contract["name"]: contract for contract in tool["importlinter"]["contracts"]}
    assert package in tool["importlinter"]["root_packages"]
    assert f"$MYPY_CONFIG_FILE_DIR/{folder.relative_to(ROOT).as_posix()}" in tool["mypy"]["mypy_path"]
    assert any(package in layer for layer in next(iter(linted.values()))["layers"])


@pytest.mark.parametrize("folder", [ROOT / "gateway", *sorted((ROOT / "services").glob("*/"))], ids=called)
def test_a_service_is_held_to_the_layers_and_the_purity_of_its_core(folder: Path) -> None:
    contracts = CONFIG["tool"]["importlinter"]["contracts"]
    held = [set(contract["packages"]) for contract in contracts if contract["type"] in {"downward", "pure"}]
    assert len(held) == 2
    assert all(f"fieldwise_{folder.name}" in packages for packages in held)


@pytest.mark.parametrize("folder", CODE, ids=called)
def test_a_member_has_tests_in_the_folder_of_its_name(folder: Path) -> None:
    assert list((ROOT / "tests" / folder.name).glob("**/test_*.py")), f"tests/{folder.name} has no test"


@pytest.mark.parametrize("folder", [ROOT / "gateway", *sorted((ROOT / "services").glob("*/"))], ids=called)
def test_a_service_has_its_contract_under_its_name(folder: Path) -> None:
    assert list((ROOT / "protos" / "fieldwise" / folder.name / "v1").glob("*_service.proto"))


@pytest.mark.parametrize("folder", CODE, ids=called)
def test_no_package_hides_the_generated_one(folder: Path) -> None:
    assert not (folder / "fieldwise").exists(), "code is fieldwise_<x>; fieldwise.<x>.v1 is generated"


@pytest.mark.parametrize("folder", CODE, ids=called)
def test_no_module_has_a_vague_name(folder: Path) -> None:
    vague = [path for path in modules(folder) if VAGUE & set(path.stem.split("_"))]
    assert vague == []


@pytest.mark.parametrize("folder", CODE, ids=called)
def test_each_module_begins_with_its_subject(folder: Path) -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in modules(folder)
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_test_file_shares_its_name_with_another() -> None:
    names = [path.name for path in (ROOT / "tests").glob("**/test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_every_make_target_is_one_line() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^[a-z.][^\n=]*:[^=\n]*\n((?:\t[^\n]*\n)+)", makefile, re.MULTILINE)
    assert recipes
    assert all(recipe.count("\n") == 1 for recipe in recipes)
