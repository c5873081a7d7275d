"""Traces of finished runs in files, so that a long benchmark that is stopped goes on where it was; knows no solver.

A file is named by instance, solver, CPU seconds and what was run: the release of a peer, the sources of ours. Delete the
folder to measure anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import fieldwise_allocation.core.assignment as ours

FOLDER = Path(".fieldwise/benchmarks/assignment")
Points = list[tuple[float, float]]


def kept(
    instance: str, solver: str, cpu_seconds: float, run: Callable[[], tuple[Points, bool]]
) -> tuple[Points, bool]:
    """(cost by CPU second, done) of an earlier run of the same, or else of ``run``, which is then kept."""
    file = FOLDER / f"{instance.replace('/', '_')}-{solver}-{cpu_seconds:g}-{_what_runs(solver)}.json"
    if file.exists():
        known = json.loads(file.read_text())
        return [(at, cost) for at, cost in known["points"]], known["done"]
    points, done = run()
    FOLDER.mkdir(parents=True, exist_ok=True)
    # In one step: a run that is stopped here leaves no half a file.
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"points": points, "done": done}))
    part.rename(file)
    return points, done


def _what_runs(solver: str) -> str:
    if solver != "ours":
        return f"ortools{version('ortools')}"
    sources = sorted(Path(next(iter(ours.__path__))).glob("*.py"))
    return hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:12]
