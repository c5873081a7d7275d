"""What allocation tells operators: plans, turns of the solver, prices; knows no account and no wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation.quoting import Quotes
from fieldwise_runtime.metrics import counter, gauge, histogram

_NANOS: Final = 1_000_000_000

PLANS: Final = counter(
    "fieldwise_plans", "Territory plans that were made, by why their search ended.", "stopped"
)
UNDER_WAY: Final = gauge(
    "fieldwise_plans_under_way", "Territory plans that are searched for or wait for their turn."
)
PLAN_GAP: Final = gauge(
    "fieldwise_plan_gap",
    "Relative gap of the newest territory plan: how far it may be from the best, 0 to 1.",
)
PLAN_SECONDS: Final = histogram(
    "fieldwise_plan_seconds",
    "Seconds that territory plans were searched for.",
    bounds=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
)
PRICES_FROM: Final = gauge(
    "fieldwise_prices_from_time_seconds",
    "Begin of the period of the newest prices, by the business clock, in seconds since 1970.",
)
PRICES_UNTIL: Final = gauge(
    "fieldwise_prices_until_time_seconds",
    "Until when the newest prices hold, by the business clock, in seconds since 1970.",
)
PRICES_GAP: Final = gauge("fieldwise_prices_gap", "Relative gap of the newest prices, 0 to 1.")


@asynccontextmanager
async def under_way() -> AsyncIterator[None]:
    """A territory plan that was asked for, until it is made or given up."""
    with UNDER_WAY.track_inprogress():
        yield


def plan_made(plan: plan_pb2.TerritoryPlan) -> None:
    """Counts a plan that was kept."""
    PLANS.labels(plan_pb2.PlanStopped.Name(plan.stopped)).inc()
    PLAN_GAP.set(plan.gap)
    PLAN_SECONDS.observe(plan.solve_seconds)


async def measure(quotes: Quotes) -> None:
    """Looks at the newest prices; in memory, so that it asks nobody."""
    if not quotes.windows:
        return
    newest = quotes.windows[-1]
    PRICES_FROM.set(newest.valid_from / _NANOS)
    PRICES_UNTIL.set(newest.valid_until / _NANOS)
    PRICES_GAP.set(newest.prices.gap)
