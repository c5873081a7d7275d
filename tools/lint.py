"""Everything `make lint` checks, one line per check; all of them run, so one round shows every fault."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from members import ROOT, members

BIN = Path(sys.executable).parent


def typed_folders() -> list[str]:
    """The code that mypy reads: our packages, the tests and whatever else of ours there is."""
    packages = [
        str(path.parent) for member in members() for path in member.folder.glob("fieldwise_*/__init__.py")
    ]
    others = [
        str(ROOT / name) for name in ("tests", "benchmarks", "examples", "tools") if (ROOT / name).is_dir()
    ]
    return [*packages, *others, str(ROOT / "protos" / "hatch_build.py")]


def checks() -> dict[str, list[str | Path]]:
    """Each check by the words that announce it."""
    contracts = (sys.executable, ROOT / "tools" / "contracts.py")
    return {
        "style (ruff check)": [BIN / "ruff", "check", "--quiet", "."],
        "layout (ruff format)": [BIN / "ruff", "format", "--quiet", "--check", "."],
        "types (mypy --strict)": [BIN / "mypy", *typed_folders()],
        "imports (import-linter)": [BIN / "lint-imports"],
        "contracts (buf lint)": [*contracts, "lint"],
        "contracts keep their callers (buf breaking)": [*contracts, "breaking"],
    }


def passes(words: str, command: list[str | Path]) -> bool:
    """Run one check; its output is shown only when it fails."""
    begun = time.monotonic()
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, text=True, capture_output=True)
    verdict = "ok" if done.returncode == 0 else "FAULTS"
    print(f"  {words:<46} {verdict:<7} {time.monotonic() - begun:5.1f} s", flush=True)
    if done.returncode:
        print((done.stdout + done.stderr).rstrip(), flush=True)
    return done.returncode == 0


def main() -> int:
    """Run all; 1 when any found a fault."""
    verdicts = [passes(words, command) for words, command in checks().items()]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
