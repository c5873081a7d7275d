"""No file names a folder of a machine or the host of a package registry."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Written in pieces, so that this file does not match itself.
PLACES = re.compile(
    "|".join(["/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/" + "tmp/[a-z]", "/" + "opt/wheels"])
)
HOSTS = re.compile(
    "|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "index" + "-url", "--find" + "-links"])
)
SUFFIXES = {
    ".py",
    ".toml",
    ".md",
    ".yml",
    ".yaml",
    ".json",
    ".txt",
    ".lock",
    ".proto",
    ".sh",
    ".cfg",
    ".ini",
    ".html",
    "",
}


def texts() -> dict[str, str]:
    """Every text file that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = [ROOT / name for name in listed if Path(name).suffix in SUFFIXES]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found if path.is_file()}


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    """Each offending line as file:line: text."""
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_folder_of_a_machine() -> None:
    assert lines_matching(PLACES) == []


def test_no_file_names_a_package_registry() -> None:
    # tools/lock.py tells uv to leave exactly that out.
    assert [line for line in lines_matching(HOSTS) if not line.startswith("tools/lock.py:")] == []
