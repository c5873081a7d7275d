"""`python -m benchmarks.allocation [--quick] [--only PART ...]`: every figure of plans; exit code 1 when a must is missed."""

from __future__ import annotations

import sys

from benchmarks.parts import run

# In the order in which they are run; each has `rows(quick=...)`.
PARTS = (
    "published_assignment",
    "generated_assignment",
    "territories",
    "replan",
    "stream",
    "scale",
    "uploads",
    "comparison",
    "conflicts",
    "practice",
    "budget",
    "means",
    "prices",
    "loop",
    "routing",
    "outreach",
)


if __name__ == "__main__":
    sys.exit(run("benchmarks.allocation", "Plans", PARTS, __doc__, drawing={"scale"}))
