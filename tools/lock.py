"""Compiles requirements.lock from what the members and the root declare; knows nothing about installing it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from members import LOCK, OVERRIDES, ROOT, Member, members

HEADER = (
    "# Every third-party version with its hashes, compiled from the members' pyproject.toml by: make lock\n"
)


def requirement(member: Member) -> str:
    """The member with all its extras, so that one lock serves every way to install it."""
    extras = f"[{','.join(member.extras)}]" if member.extras else ""
    return f"{member.name}{extras} @ {member.folder.as_uri()}"


def command(requirements: Path, output: Path) -> list[str]:
    """The uv call; no address of an index and no comment naming a folder reaches the lock."""
    ours = [flag for member in members() for flag in ("--no-emit-package", member.name)]
    return [
        *(sys.executable, "-m", "uv", "pip", "compile", str(requirements), "--group", "pyproject.toml:dev"),
        *("--group", "pyproject.toml:bench", "--python-version", "3.11", "--generate-hashes"),
        *("--no-emit-index-url", "--no-annotate", "--no-header", "--override", str(OVERRIDES), *ours),
        *("--output-file", str(output), "--quiet", *sys.argv[1:]),
    ]


def compile_lock() -> None:
    """Write the lock; versions already in it stay unless a flag such as --upgrade is passed on."""
    with tempfile.TemporaryDirectory() as scratch:
        requirements, output = Path(scratch, "members.in"), Path(scratch, "requirements.lock")
        requirements.write_text("".join(f"{requirement(member)}\n" for member in members()), encoding="utf-8")
        if LOCK.exists():
            output.write_text(LOCK.read_text(encoding="utf-8"), encoding="utf-8")
        environ = {name: value for name, value in os.environ.items() if name != "UV_FIND_LINKS"}
        subprocess.run(command(requirements, output), cwd=ROOT, env=environ, check=True)
        LOCK.write_text(HEADER + output.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    compile_lock()
