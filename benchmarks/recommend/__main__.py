"""`python -m benchmarks.recommend [--quick] [--only PART ...]`: every figure of actions; exit code 1 when a must is missed."""

from __future__ import annotations

import sys

from benchmarks.parts import run

# In the order in which they are run; each has `rows(quick=...)`.
PARTS = (
    "arbitration",
    "one_by_one",
    "everybody",
    "rules",
    "effects",
    "effect_report",
    "offpolicy",
    "offpolicy_trial",
    "campaigns",
    "email_trial",
    "worlds",
    "coupons",
    "pair_rules",
    "next_purchase",
    "contacts",
    "service",
    "reasons",
    "counterfactuals",
    "outcomes",
)


if __name__ == "__main__":
    sys.exit(run("benchmarks.recommend", "Actions", PARTS, __doc__))
