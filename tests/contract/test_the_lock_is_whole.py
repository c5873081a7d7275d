"""requirements.lock: every declared requirement is in it, each with a hash, and it names no address and no folder."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from members import closure, locked, members, pins
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
VERSIONS = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", LOCK, re.MULTILINE)
}


def declared() -> list[str]:
    """Every third-party requirement that a member, its build or a group of the root declares."""
    files = [
        tomllib.loads((member.folder / "pyproject.toml").read_text(encoding="utf-8")) for member in members()
    ]
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    projects = [file["project"] for file in files]
    return [
        *(line for project in projects for line in project.get("dependencies", [])),
        *(
            line
            for project in projects
            for group in project.get("optional-dependencies", {}).values()
            for line in group
        ),
        *(line for file in files for line in file["build-system"]["requires"]),
        *(line for group in root["dependency-groups"].values() for line in group),
    ]


def test_every_declared_requirement_is_locked_at_a_version_it_allows() -> None:
    requirements = [Requirement(line) for line in declared() if not line.startswith("fieldwise-")]
    unmet = [
        str(requirement)
        for requirement in requirements
        if (version := VERSIONS.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(version, prereleases=True)
    ]
    assert unmet == [], "run: make lock"


def test_every_entry_has_a_hash_and_the_lock_names_no_place() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(VERSIONS)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|file:|^-", LOCK, re.MULTILINE)
    assert "nvidia" not in LOCK


def test_the_entry_of_one_distribution_is_cut_out_with_all_its_hashes() -> None:
    entry = locked("uv")
    assert entry.startswith("uv==")
    assert entry.count("--hash=") == entry.count("\n") - 1
    assert "uvicorn" not in entry


def test_a_distribution_that_is_not_locked_is_answered_with_the_remedy() -> None:
    with pytest.raises(SystemExit, match=r"no no-such-thing.*make lock"):
        locked("no-such-thing")


def test_constraints_carry_versions_and_no_hashes() -> None:
    assert len(pins().splitlines()) == len(VERSIONS)
    assert "--hash" not in pins()
    assert "\\" not in pins()


def test_members_come_after_what_they_need() -> None:
    order = [member.name for member in members()]
    needs = {member.name: [other.name for other in closure(member, members())] for member in members()}
    assert all(
        order.index(needed) <= order.index(name) for name, wanted in needs.items() for needed in wanted
    )
    assert needs["fieldwise-forecast"] == [
        "fieldwise-protos",
        "fieldwise-runtime",
        "fieldwise-executor",
        "fieldwise-forecast",
    ]


@pytest.mark.parametrize("name", ["profile", "forecast", "allocation", "recommend", "gateway"])
def test_an_image_is_built_from_every_member_that_its_service_needs(name: str) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    everyone = members()
    service = next(member for member in everyone if member.name == f"fieldwise-{name}")
    needed = [
        member.path.removeprefix("./") for member in closure(service, everyone) if member is not service
    ]
    # A member that is not copied would be looked for among strangers' packages.
    assert [path for path in needed if f"COPY {path} {path}\n" not in text] == []
    assert [path for path in needed if f"./{path} " not in text] == []
