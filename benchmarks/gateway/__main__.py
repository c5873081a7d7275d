"""`python -m benchmarks.gateway [--quick] [--only PART ...]`: every figure of the gateway; exit code 1 when a must is missed."""

from __future__ import annotations

import sys

from benchmarks.parts import run

# In the order in which they are run; each has `rows(quick=...)`.
PARTS = (
    "speed",
    "json_face",
    "overload",
    "deadline",
    "kills",
    "wire",
    "tracing",
    "trace_store",
    "access",
    "events",
    "fuzz",
)


if __name__ == "__main__":
    sys.exit(run("benchmarks.gateway", "The gateway", PARTS, __doc__))
