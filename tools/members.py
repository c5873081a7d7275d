"""The members of this repository and the lock that joins them; standard library only, as it runs before any install."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
OVERRIDES = ROOT / "overrides.txt"
# A new service or package is a member as soon as its folder has a pyproject.toml: nothing to list here.
PLACES = ("protos", "packages/*", "services/*", "gateway")


@dataclass(frozen=True)
class Member:
    """One distribution of ours: its folder and what its pyproject.toml declares."""

    folder: Path
    project: dict[str, Any]

    @property
    def name(self) -> str:
        """Distribution name, such as fieldwise-forecast."""
        return str(self.project["name"])

    @property
    def path(self) -> str:
        """Folder relative to the root, as installers take it: ./services/forecast."""
        return f"./{self.folder.relative_to(ROOT).as_posix()}"

    @property
    def extras(self) -> list[str]:
        """Names of the optional dependency groups."""
        return sorted(self.project.get("optional-dependencies", {}))

    @property
    def needs(self) -> set[str]:
        """Distribution names it depends on without any extra, ours and others."""
        return {requirement_name(line) for line in self.project.get("dependencies", [])}


def requirement_name(requirement: str) -> str:
    """The distribution name at the start of a requirement line."""
    return re.split(r"[\s\[<>=!~;@]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def members() -> list[Member]:
    """Every member, those that others need first."""
    import tomllib  # new in 3.11; imported late so that an older Python is told what to do

    found = [
        Member(file.parent, tomllib.loads(file.read_text(encoding="utf-8"))["project"])
        for place in PLACES
        for file in sorted(ROOT.glob(f"{place}/pyproject.toml"))
    ]
    return sorted(found, key=lambda member: (len(closure(member, found)), member.path))


def closure(member: Member, among: list[Member]) -> list[Member]:
    """``member`` with every member it needs, directly or through another, in the order of ``among``."""
    wanted, queue = {member.name}, [member]
    while queue:
        needed = [other for other in among if other.name in queue[-1].needs and other.name not in wanted]
        queue.pop()
        wanted.update(other.name for other in needed)
        queue.extend(needed)
    return [other for other in among if other.name in wanted]


def locked(name: str) -> str:
    """The entry of one distribution in the lock, with its hashes; raises SystemExit naming the remedy."""
    entry = re.search(rf"^{re.escape(name)}==(?:.*\\\n)*.*\n", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if entry is None:
        raise SystemExit(f"requirements.lock has no {name}; add it to a pyproject.toml and run: make lock")
    return entry.group(0)


def pins() -> str:
    """The lock without hashes: versions as constraints, for installs that hold only a part of it."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return "".join(line.split(" \\")[0] + "\n" for line in lines if re.match(r"[a-z0-9]", line))
