"""Fuzzing of everything that reads what strangers send, guided by coverage: CPU-minutes, inputs, crashes, hangs.

Five targets (`fuzzing/targets.py`), each in a process of its own, one after the other. An input crashes when it ends in anything but an
answer or a refusal that says what was wrong (an exception that is no FieldwiseError, INTERNAL, UNKNOWN); it hangs when it takes more than
a second of CPU, or when its process does not come back.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Row

# Seconds of CPU of each target: 24 minutes together.
SECONDS = {"handlers": 540.0, "events": 300.0, "rules": 240.0, "json": 240.0, "headers": 120.0}
_QUICK = 1.0 / 24.0
# A process that takes so many times its CPU seconds on the wall waits for something that does not come.
_PATIENCE, _START_SECONDS = 8.0, 60.0
_SEED = 20_261_122


def rows(*, quick: bool) -> Iterator[Row]:
    share = _QUICK if quick else 1.0
    found = {name: tried(name, seconds * share) for name, seconds in SECONDS.items()}
    minutes = sum(each["cpu_seconds"] for each in found.values()) / 60
    least = round(sum(SECONDS.values()) * share / 60, 3)
    yield Row("fuzzing: CPU", minutes, "min", "must", f">= {least:g}")
    for name, each in found.items():
        yield Row(f"fuzzing {name}: inputs", each["inputs"], "inputs")
    for kind in ("crashes", "hangs"):
        places = {
            f"{name}: {place}": data for name, each in found.items() for place, data in each[kind].items()
        }
        for place, data in places.items():
            print(f"  {kind}: {place}: {data[:400]}", flush=True)
        yield Row(f"fuzzing: {kind}", len(places), kind, "must", "<= 0")


def tried(target: str, seconds: float) -> dict[str, Any]:
    """What a process of its own found in so many seconds of its CPU."""
    with tempfile.TemporaryDirectory(prefix="fieldwise-fuzz-") as folder:
        found, told = Path(folder) / "found.json", Path(folder) / "told.log"
        module = "benchmarks.gateway.fuzzing.worker"
        command = [sys.executable, "-m", module, target, str(seconds), str(_SEED), str(found)]
        with told.open("wb") as output:
            ended = _ended(command, output, _START_SECONDS + _PATIENCE * seconds)
        result: dict[str, Any] = {"inputs": 0, "cpu_seconds": 0.0, "crashes": {}, "hangs": {}}
        if found.exists():
            result |= json.loads(found.read_text())
        if ended is None:
            result["hangs"]["did not come back"] = ""
        elif ended:
            last = told.read_text(errors="replace").strip().splitlines()[-1:]
            result["crashes"][f"ended with {ended}: {last}"] = ""
        return result


def _ended(command: Sequence[str], output: Any, seconds: float) -> int | None:
    """The exit code of a process; None when it had to be killed."""
    try:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.returncode
