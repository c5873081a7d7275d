"""`python -m benchmarks.profile [--quick] [--only PART ...]`: every figure of profiles; exit code 1 when a must is missed."""

from __future__ import annotations

import sys

from benchmarks.parts import run

# In the order in which they are run; each has `rows(quick=...)`.
PARTS = (
    "ingest",
    "freshness",
    "hot_read",
    "exactness",
    "noise",
    "identity",
    "merging",
    "tags",
    "segments",
    "change",
    "cleaning",
    "accuracy",
    "targeting",
    "signals",
    "erasure",
    "kills",
)


if __name__ == "__main__":
    sys.exit(run("benchmarks.profile", "Profiles", PARTS, __doc__))
