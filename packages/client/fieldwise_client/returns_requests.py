"""What is asked of returns that diminish: methods and requests. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable

from google.longrunning import operations_pb2

from fieldwise.forecast.v1 import returns_service_pb2 as returns
from fieldwise.type.v1 import money_pb2
from fieldwise_client.decision import Money
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.talks import M, Method


def _of(method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.forecast.v1.ReturnsService/{method}", answer)


FIT_RETURNS = _of("FitReturns", returns.ReturnsCurve)
ESTIMATE_RETURNS = _of("EstimateReturns", operations_pb2.Operation)
GET_RETURNS = _of("GetReturns", returns.LearningCurves)


def fit(points: Iterable[tuple[float, float]], cost_per_point: float | None) -> returns.FitReturnsRequest:
    """Points are (accuracy, sales), both in percent."""
    made = [returns.ReturnsPoint(accuracy=accuracy, sales=sales) for accuracy, sales in points]
    return returns.FitReturnsRequest(points=made, cost_per_point=cost_per_point)


def estimate(
    model: str, cpu_hour_cost: Money | None, margin: float, request_id: str | None
) -> returns.EstimateReturnsRequest:
    cost = None
    if cpu_hour_cost is not None:
        cost = money_pb2.Money(currency_code=cpu_hour_cost.currency, micros=cpu_hour_cost.micros)
    return returns.EstimateReturnsRequest(
        model=resource("models", model),
        request_id=request_id or new_request_id(),
        cpu_hour_cost=cost,
        margin=margin,
    )


def get(model: str) -> returns.GetReturnsRequest:
    return returns.GetReturnsRequest(model=resource("models", model))
