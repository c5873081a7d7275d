"""The contracts as one image: checked for style, checked against the last release, or released; generates no code."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from members import ROOT

PROTOS = ROOT / "protos"
RELEASED = PROTOS / "released.binpb"
RELEASE_HINT = "protos/released.binpb is missing: nothing says which contracts callers rely on. Make it: make protos-release"


def image(target: Path) -> None:
    """Compile all contracts into one file; ends with protoc's message when it refuses one."""
    done = subprocess.run([sys.executable, PROTOS / "hatch_build.py", "--image", target], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def buf(*arguments: str | Path) -> int:
    """Run buf with the rules of protos/buf.yaml on our own packages only; 0 when it has nothing to say."""
    # buf reads no plugin and reaches no host here: the image holds every import.
    beside = Path(sys.executable).with_name("buf")
    rules = ("--config", PROTOS / "buf.yaml", "--path", "fieldwise")
    return subprocess.run([beside, *arguments, *rules], cwd=PROTOS, check=False).returncode


def lint(current: Path) -> int:
    """Style and comments."""
    return buf("lint", current)


def breaking(current: Path) -> int:
    """Whether a caller built on the released contracts still works."""
    if not RELEASED.exists():
        print(RELEASE_HINT)
        return 1
    return buf("breaking", current, "--against", RELEASED)


def release(current: Path) -> int:
    """Make the current contracts the released ones."""
    shutil.copy(current, RELEASED)
    print(f"released: {RELEASED.relative_to(ROOT)} ({RELEASED.stat().st_size} bytes); commit it")
    return 0


ACTIONS = {"lint": lint, "breaking": breaking, "release": release}


def main() -> int:
    """Compile once, then do what was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    with tempfile.TemporaryDirectory() as scratch:
        current = Path(scratch, "current.binpb")
        image(current)
        return ACTIONS[parser.parse_args().action](current)


if __name__ == "__main__":
    sys.exit(main())
