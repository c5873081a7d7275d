"""What docs say of settings, spans, messages and dependencies is what the code has: nothing missing, nothing left over."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from members import members, requirement_name

from fieldwise_runtime.settings import described

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ATTRIBUTE = re.compile(r"""["'](fieldwise\.(?!\w+\.v\d)[a-z_.]+[a-z_])["']""")
LISTED = re.compile(r"^\| `(fieldwise\.[a-z_.]+)`", re.MULTILINE)
# Classes of the settings modules that are read from the environment.
SETTINGS = {
    "fieldwise_allocation.settings": ("Settings",),
    "fieldwise_executor.settings": ("ClusterSettings",),
    "fieldwise_forecast.settings": ("Settings",),
    "fieldwise_gateway.settings": ("Addresses", "JobsSettings", "Settings"),
    "fieldwise_gateway.traces.settings": ("Settings",),
    "fieldwise_profile.settings": ("Settings",),
    "fieldwise_recommend.settings": ("Settings",),
}


def page(name: str) -> str:
    """The text of one page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def plain(default: str) -> str:
    """A default as an operator would write it: PosixPath('.fieldwise') is .fieldwise, no clock start is wall."""
    inner = re.sub(r"^\w+\((?:start=)?(.*)\)$", r"\1", default).strip("'")
    return {"None": "`wall`", "": "empty"}.get(inner, f"`{inner}`")


def settings_rows() -> set[str]:
    """The row of each setting, as docs/operations.md must have it."""
    found = [
        setting
        for module, classes in SETTINGS.items()
        for name in classes
        for setting in described(getattr(importlib.import_module(module), name))
    ]
    return {f"| `{name}` | {plain(default)} | {meaning} |" for name, default, meaning in found}


def module_of(file: Path) -> str:
    """Dotted name of a module: services/x/fieldwise_x/settings.py is fieldwise_x.settings."""
    parts = file.with_suffix("").parts
    start = next(place for place, part in enumerate(parts) if part.startswith("fieldwise_"))
    return ".".join(parts[start:])


def test_every_settings_module_is_looked_at() -> None:
    files = [
        path for path in sources() if path.name == "settings.py" and "fieldwise_runtime" not in path.parts
    ]
    assert {module_of(file) for file in files} == set(SETTINGS)


def test_operations_lists_every_setting_with_its_default_and_no_other() -> None:
    listed = {line for line in page("operations.md").splitlines() if line.startswith("| `FIELDWISE_")}
    assert listed == settings_rows()


def sources() -> list[Path]:
    """Every Python file of a member's package."""
    return [
        path
        for folder in ("packages", "services", "gateway")
        for path in (ROOT / folder).glob("**/fieldwise_*/**/*.py")
    ]


def test_telemetry_lists_every_attribute_and_no_other() -> None:
    used = {
        name
        for path in sources()
        for line in path.read_text(encoding="utf-8").splitlines()
        if "import" not in line
        for name in ATTRIBUTE.findall(line)
    }
    assert used
    assert set(LISTED.findall(page("telemetry.md"))) == used


def contract_names() -> set[str]:
    """Every message, enum, field and enum value of our contracts."""
    names: set[str] = set()
    for source in (ROOT / "protos" / "fieldwise").glob("*/v1/*.proto"):
        text = re.sub(r"//.*", "", source.read_text(encoding="utf-8"))
        names |= set(re.findall(r"\b(?:message|enum|rpc|service)\s+(\w+)", text))
        names |= set(re.findall(r"\b(\w+)\s*=\s*\d+", text))
    return names


def test_every_message_and_field_in_the_glossary_is_in_a_contract() -> None:
    quoted = set(re.findall(r"`([A-Z][A-Za-z]+|[a-z]+(?:_[a-z]+)+)`", page("glossary.md")))
    assert quoted
    assert quoted - contract_names() == set()


def requirements() -> set[str]:
    """Every third-party distribution that a member, an extra, a build or a group of the root asks for."""
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked: list[Any] = [*root["dependency-groups"].values()]
    for member in members():
        config = tomllib.loads((member.folder / "pyproject.toml").read_text(encoding="utf-8"))
        project = config["project"]
        asked += [config["build-system"]["requires"], project.get("dependencies", [])]
        asked += project.get("optional-dependencies", {}).values()
    names = {requirement_name(line) for lines in asked for line in lines}
    return {name for name in names if not name.startswith("fieldwise-")}


def test_every_direct_dependency_has_its_reason_and_no_other_has_one() -> None:
    rows = re.findall(
        r"^\| ([a-z][^|]*?) \| [^|]+ \| [^|]+ \|$", page("decisions/0012-dependencies.md"), re.MULTILINE
    )
    explained = {name.strip() for row in rows for name in row.split(",")}
    assert explained == requirements()


def test_every_decision_is_listed_under_its_number() -> None:
    found = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
    assert [name[:4] for name in found] == [f"{number:04d}" for number in range(1, len(found) + 1)]
    assert sorted(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", page("decisions/README.md"))) == found


@pytest.mark.parametrize("path", sorted((DOCS / "decisions").glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_number_and_its_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.name[:4]}. ")
    parts = ["**Context.**", "**Decision.**", "**Consequences.**", "**Measured.**"]
    is_table = "dependencies" in path.name
    assert is_table or [part for part in parts if part not in text] == []


@pytest.mark.parametrize("path", sorted((DOCS / "methods").glob("*.md")), ids=lambda path: path.stem)
def test_a_method_says_what_it_assumes_when_it_fails_and_where_it_comes_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    headings = ("## Assumptions", "## When it fails", "## Source")
    assert [heading for heading in headings if heading not in text] == []
