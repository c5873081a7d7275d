"""Prepares .venv from python3, its venv module and pip alone, exactly as requirements.lock says; runs before any install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from members import LOCK, ROOT, locked, members

OLDEST_PYTHON = (3, 11)
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".ready"
# What the lock looked like when it was last installed; a change of a contract alone then skips the big step.
INSTALLED = ENVIRONMENT / ".installed.lock"
# Settings of the caller that would install somewhere else or refuse the editable members. Indexes,
# certificates, caches and time limits are kept: they say how this machine reaches a registry.
UNWANTED = (
    *(
        f"PIP_{name}"
        for name in ("REQUIRE_HASHES", "NO_DEPS", "TARGET", "PREFIX", "USER", "REQUIREMENT", "CONSTRAINT")
    ),
    *(
        f"UV_{name}"
        for name in ("REQUIRE_HASHES", "NO_DEPS", "TARGET", "PREFIX", "SYSTEM_PYTHON", "PYTHON", "NO_BUILD")
    ),
    *(f"UV_{name}" for name in ("CONSTRAINT", "OVERRIDE", "BUILD_CONSTRAINT", "EXCLUDE_NEWER")),
    *("PYTHONPATH", "PYTHONHOME"),
)
# uv reads none of pip's settings, so a machine set up for pip alone would reach its registry in step 2 and not in 3.
PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_DEFAULT_TIMEOUT": "UV_HTTP_TIMEOUT",
}


def environ() -> dict[str, str]:
    """The caller's environment without what would change where or what is installed."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    told = {uv: kept[pip] for pip, uv in PIP_TO_UV.items() if pip in kept and uv not in kept}
    # hatchling runs protoc's plugins from this environment, and uv would otherwise warn about another one.
    path = f"{PYTHON.parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, **told, "VIRTUAL_ENV": str(ENVIRONMENT), "PATH": path}


def run(*command: str | Path) -> None:
    """Run one command from the root; its output is shown only when it fails, and then ends the bootstrap."""
    out, err = subprocess.PIPE, subprocess.STDOUT
    done = subprocess.run(command, cwd=ROOT, env=environ(), check=False, text=True, stdout=out, stderr=err)
    if done.returncode:
        shown = " ".join(part.name if isinstance(part, Path) else part for part in command[:6])
        raise SystemExit(f"{done.stdout.strip()}\n\nNot ready: `{shown} ...` failed as shown above.")


def require_python() -> None:
    """End with a remedy on a Python that the members do not run on."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        found = sys.version.split()[0]
        raise SystemExit(f"Python 3.11 or newer is needed; this is {found}. Try: make PYTHON=python3.11")


def create() -> None:
    """A fresh .venv, or the one that is there when it still runs."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0:
        return
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    run(Path(sys.executable), "-m", "venv", ENVIRONMENT)


def install_uv() -> None:
    """The uv of the lock, by pip with its hash; the only thing pip installs."""
    version = locked("uv").split()[0].removeprefix("uv==")
    if list(ENVIRONMENT.glob(f"lib/*/site-packages/uv-{version}.dist-info")):
        return
    with tempfile.TemporaryDirectory() as scratch:
        only_uv = Path(scratch, "uv.txt")
        only_uv.write_text(locked("uv"), encoding="utf-8")
        run(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", only_uv)


def uv(*arguments: str | Path) -> None:
    """One `uv pip install` into .venv, without resolving: the lock has resolved already."""
    run(PYTHON.with_name("uv"), "pip", "install", "--quiet", "--python", PYTHON, "--no-deps", *arguments)


def install_locked() -> None:
    """Every third-party package of the lock, checked by hash."""
    if INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes():
        return
    uv("--require-hashes", "-r", LOCK)
    shutil.copy(LOCK, INSTALLED)


def install_members() -> None:
    """All members, editable; building protos generates the classes of the contracts."""
    editable = [part for member in members() for part in ("--editable", member.folder)]
    # Without isolation, what builds comes from the lock as well: nothing unlocked is downloaded.
    uv("--no-build-isolation", "--reinstall-package", "fieldwise-protos", *editable)


def steps() -> list[tuple[str, Callable[[], None]]]:
    """What happens, in order, each with the words that announce it."""
    packages = sum(1 for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line)
    return [
        (".venv, a private environment of this checkout", create),
        ("uv, the installer, pinned", install_uv),
        (f"{packages} packages of requirements.lock (1.4 GB on disk)", install_locked),
        (f"{len(members())} members of this repository, contracts generated", install_members),
    ]


def bootstrap() -> None:
    """Run the steps and leave the stamp that make looks at."""
    require_python()
    begun = time.monotonic()
    print("Preparing the environment:", flush=True)
    for number, (words, step) in enumerate(steps(), start=1):
        print(f"  {number}/{len(steps())} {words}", flush=True)
        step()
    STAMP.touch()
    print(f"  ready in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    bootstrap()
