"""Installs each member by itself into an empty environment and imports every module of it: an undeclared import fails here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from members import OVERRIDES, ROOT, Member, closure, members, pins

# Run by the lonely interpreter. A module named __main__ would start a server: finding what it imports is enough,
# so its imports are executed without its body.
SMOKE = """
import ast, importlib, importlib.util, pathlib, pkgutil, sys

def imported(file):
    tree = ast.parse(pathlib.Path(file).read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]

def smoke(name):
    spec = importlib.util.find_spec(name)
    if name.rpartition(".")[2] in ("__main__", "env"):
        body = ast.Module(imported(spec.origin), [])
        exec(compile(body, spec.origin, "exec"), {"__name__": name, "__package__": spec.parent})
    else:
        importlib.import_module(name)

def below(name):
    # "package.*" is the package with all its modules, "package" only itself.
    if not name.endswith(".*"):
        return [name]
    name = name.removesuffix(".*")
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations or []
    return [name, *(found.name for found in pkgutil.walk_packages(places, name + "."))]

failed = 0
names = [name for package in sys.argv[1:] for name in below(package)]
for name in names:
    try:
        smoke(name)
    except Exception as error:
        failed += 1
        print(f"    {name}: {type(error).__name__}: {error}")
print(f"{len(names)} modules")
sys.exit(1 if failed else 0)
"""


def packages(member: Member) -> list[str]:
    """The import names of a member: its package folder, or what protos generates for each of its contracts."""
    found = sorted(path.parent.name for path in member.folder.glob("fieldwise_*/__init__.py"))
    contracts = sorted(path.name for path in (member.folder / "fieldwise").glob("*"))
    return [*found, *(f"fieldwise.{name}.v1" for name in contracts)]


def uv(*arguments: str | Path) -> None:
    """Run uv; ends with its message when it fails."""
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    beside = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [beside, *arguments], cwd=ROOT, env=environ, check=False, text=True, capture_output=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def install(member: Member, place: Path, extra: str = "") -> Path:
    """An environment with this member, the members it needs and what those declare; returns its interpreter."""
    constraints = place / "constraints.txt"
    uv("venv", "--quiet", "--python", sys.executable, place / "env")
    constraints.write_text(pins(), encoding="utf-8")
    python = place / "env" / "bin" / "python"
    needed = closure(member, members())
    wanted = [f"{other.path}{extra if other.name == member.name else ''}" for other in needed]
    # uv would take a wheel it built from an earlier state of the folder.
    fresh = [flag for other in needed for flag in ("--refresh-package", other.name)]
    limits = ("--constraint", constraints, "--build-constraint", constraints, "--override", OVERRIDES)
    uv("pip", "install", "--quiet", "--python", python, *fresh, *limits, *wanted)
    return python


def stands_alone(member: Member, extra: str, names: list[str]) -> bool:
    """Install one member with an extra or "", import the names, and say in one line how it went."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        python = install(member, Path(scratch), extra)
        # From the scratch folder and isolated, so that nothing of the checkout is importable by accident.
        command: list[str | Path] = [python, "-I", "-c", SMOKE, *names]
        done = subprocess.run(command, cwd=scratch, check=False, text=True, capture_output=True)
    said = done.stdout.rstrip().rpartition("\n")
    verdict = "stands alone" if done.returncode == 0 else "DOES NOT STAND ALONE"
    print(f"  {member.name + extra:<28} {verdict}, {said[2]}, {time.monotonic() - begun:.0f} s", flush=True)
    if done.returncode:
        print(f"{said[0]}{done.stderr}", flush=True)
    return done.returncode == 0


def ways(member: Member) -> list[tuple[str, list[str]]]:
    """How a member is installed and what must then be importable: without extras itself, with all extras everything."""
    everything = [f"{package}.*" for package in packages(member)]
    if not member.extras:
        return [("", everything)]
    return [("", packages(member)), (f"[{','.join(member.extras)}]", everything)]


def main() -> int:
    """Each member, or those named on the command line; 1 when one does not stand alone."""
    wanted = sys.argv[1:]
    chosen = [member for member in members() if not wanted or member.name in wanted]
    verdicts = [stands_alone(member, *way) for member in chosen for way in ways(member)]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
