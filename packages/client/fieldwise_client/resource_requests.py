"""What is asked about scarce means: methods and requests. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fieldwise.allocation.v1 import resource_service_pb2 as resources_pb
from fieldwise.allocation.v1.resource_pb2 import EffortCell
from fieldwise.allocation.v1.resource_service_pb2 import EffortQuestion
from fieldwise.type.v1 import money_pb2
from fieldwise_client.allocation_requests import of_allocation
from fieldwise_client.decision import Money

# A hundred thousand cells, their frontier and the plan nearest to today.
SHARE_OUT_SECONDS = 300.0

FIT_CURVES = of_allocation("ResourceService", "FitCurves", resources_pb.FitCurvesResponse)
ALLOCATE_BUDGET = of_allocation("ResourceService", "AllocateBudget", resources_pb.BudgetPlan)
WATCH_BUDGET = of_allocation("ResourceService", "WatchBudget", resources_pb.WatchBudgetResponse)
SIZE_FORCE = of_allocation("ResourceService", "SizeForce", resources_pb.SizeForceResponse)
REACH_TARGET = of_allocation("ResourceService", "ReachTarget", resources_pb.ReachTargetResponse)


def fit_curves(cells: Iterable[EffortCell]) -> resources_pb.FitCurvesRequest:
    return resources_pb.FitCurvesRequest(cells=cells)


def allocate_budget(
    question: EffortQuestion, frontier_shares: Sequence[float]
) -> resources_pb.AllocateBudgetRequest:
    return resources_pb.AllocateBudgetRequest(question=question, frontier_shares=frontier_shares)


def watch_budget(
    question: EffortQuestion, frontier_shares: Sequence[float]
) -> resources_pb.WatchBudgetRequest:
    return resources_pb.WatchBudgetRequest(question=question, frontier_shares=frontier_shares)


def size_force(
    question: EffortQuestion, resource: str, per_rep: float, cost_per_rep: Money, fewest: int, most: int
) -> resources_pb.SizeForceRequest:
    return resources_pb.SizeForceRequest(
        question=question,
        resource=resource,
        per_rep=per_rep,
        cost_per_rep=_message(cost_per_rep),
        fewest=fewest,
        most=most,
    )


def reach_target(
    question: EffortQuestion, target: Money, probability: float | None, common_spread: float | None
) -> resources_pb.ReachTargetRequest:
    return resources_pb.ReachTargetRequest(
        question=question, target=_message(target), probability=probability, common_spread=common_spread
    )


def _message(amount: Money) -> money_pb2.Money:
    return money_pb2.Money(currency_code=amount.currency, micros=amount.micros)
