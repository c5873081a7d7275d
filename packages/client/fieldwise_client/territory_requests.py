"""What a call about territories before there is a plan asks for. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable

from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from fieldwise.allocation.v1 import territory_service_pb2 as territories
from fieldwise_client.allocation_requests import of_allocation

EXPLAIN = of_allocation("TerritoryService", "ExplainInfeasibility", territories.ExplainInfeasibilityResponse)
# The search for what helps stops by itself; the rest is the way there and back.
EXPLAIN_SECONDS = 90.0


def explain_infeasibility(
    accounts: Iterable[plan_pb2.Account],
    reps: Iterable[rep_pb2.Rep],
    rules: plan_pb2.TerritoryRules | None,
) -> territories.ExplainInfeasibilityRequest:
    """Ask why a question has no plan."""
    return territories.ExplainInfeasibilityRequest(accounts=accounts, reps=reps, rules=rules)
