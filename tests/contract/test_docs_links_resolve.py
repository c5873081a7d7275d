"""Every relative link in our pages leads to a file, and every heading it names is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# A path of this repository in text or in a command: services/x/y.py; one with a placeholder names none.
PATH = re.compile(
    r"(?<![\w/.-])((?:services|packages|gateway|protos|tools|tests|docs|examples|benchmarks)/[\w./-]+\w)(?![\w*<{])"
)


def pages() -> list[Path]:
    """Every Markdown page that git tracks or would add."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in found if (ROOT / name).exists()]


def called(page: Path) -> str:
    """A page's name for test reports."""
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+\s+(.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def fault(page: Path, target: str) -> str | None:
    """Why a link leads nowhere; None when it does lead somewhere, or to another host."""
    if re.match(r"[a-z]+:", target):
        return None
    place, _, anchor = target.partition("#")
    file = (page.parent / place).resolve() if place else page
    if not file.exists():
        return f"{target}: no such file"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"{target}: no such heading"
    return None


@pytest.mark.parametrize("page", pages(), ids=called)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    assert [found for target in LINK.findall(text) if (found := fault(page, target))] == []


@pytest.mark.parametrize("page", [page for page in pages() if page.is_relative_to(ROOT / "docs")], ids=called)
def test_every_path_that_docs_name_exists(page: Path) -> None:
    named = PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path.rstrip("/")).exists()] == []


@pytest.mark.parametrize(
    "target", ["nowhere.md", "glossary.md#no-such-heading", "#no-such-heading", "decisions/9999-none.md"]
)
def test_a_link_that_leads_nowhere_is_found(target: str) -> None:
    assert fault(ROOT / "docs" / "glossary.md", target) is not None
