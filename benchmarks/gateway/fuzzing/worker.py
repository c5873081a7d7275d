"""One process that fuzzes one target: `python -m benchmarks.gateway.fuzzing.worker TARGET CPU_SECONDS SEED FOUND`; knows no row.

Guided by coverage (atheris, which drives libFuzzer). What it found is written to the file FOUND as JSON: inputs, CPU seconds, and crashes
and hangs by the place where they happened, each with the shortest input that met it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path

import atheris

# More CPU than that for one input is a hang.
HANG_SECONDS = 1.0
_INSTRUMENTED = ["fieldwise_gateway", "fieldwise_rules", "fieldwise_runtime"]
_WRITE_SECONDS = 1.0


class Trial:
    """Inputs tried on one target, until its CPU time is used up."""

    def __init__(self, target: str, seconds: float, found: Path) -> None:
        with atheris.instrument_imports(include=_INSTRUMENTED):
            from benchmarks.gateway.fuzzing.targets import TARGETS
        # Never left: the process ends as a whole. Held, because a block that nobody holds is left at once.
        self._block = TARGETS[target]()
        self._one = self._block.__enter__()
        self._seconds = seconds
        self._found = found
        self._inputs = 0
        self._crashes: dict[str, bytes] = {}
        self._hangs: dict[str, bytes] = {}
        self._begun = self._written = time.process_time()

    def one(self, data: bytes) -> None:
        """Try one input; never raises, so that the search goes on behind a crash."""
        begun = time.process_time()
        try:
            self._one(data)
        except Exception as error:  # whatever it is, it is what is looked for
            if not _is_the_tracers(error):
                self._keep(self._crashes, _place(error), data)
        ended = time.process_time()
        self._inputs += 1
        if ended - begun > HANG_SECONDS:
            self._keep(self._hangs, f"{ended - begun:.1f} s", data)
        over = ended - self._begun > self._seconds
        if over or ended - self._written > _WRITE_SECONDS:
            self._written = ended
            self._tell(ended - self._begun)
        if over:
            # libFuzzer ends on its own terms only; nothing here has to be closed.
            os._exit(0)

    def _keep(self, kept: dict[str, bytes], place: str, data: bytes) -> None:
        if place not in kept or len(data) < len(kept[place]):
            kept[place] = data
            self._tell(time.process_time() - self._begun)

    def _tell(self, seconds: float) -> None:
        told = {
            "inputs": self._inputs,
            "cpu_seconds": seconds,
            "crashes": {place: data.hex() for place, data in self._crashes.items()},
            "hangs": {place: data.hex() for place, data in self._hangs.items()},
        }
        partial = self._found.with_suffix(".partial")
        partial.write_text(json.dumps(told))
        partial.replace(self._found)


def _is_the_tracers(error: Exception) -> bool:
    """What atheris put into the code fails on half a surrogate pair; without it the same input is refused as it should be."""
    return isinstance(error, SystemError) and "_trace_" in str(error)


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:200]} at {Path(last.filename).name}:{last.lineno}"


def main(target: str, seconds: float, seed: int, found: Path) -> None:
    """Fuzz until the CPU seconds are used up."""
    trial = Trial(target, seconds, found)
    # libFuzzer's own limit is for what never comes back, by the wall clock of a machine that may be busy.
    options = [f"-seed={seed}", "-max_len=2048", "-timeout=60", "-verbosity=0", "-rss_limit_mb=0"]
    atheris.Setup([sys.argv[0], *options], trial.one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
