"""ReturnsService on the wire: translates, calls, translates back; no rules, no SQL."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from google.longrunning.operations_pb2 import Operation

from fieldwise.forecast.v1 import returns_service_pb2 as pb
from fieldwise.forecast.v1 import returns_service_pb2_grpc
from fieldwise.forecast.v1.model_pb2 import TrainModelMetadata
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_forecast.core.returns.concave import Curve, curve_through, pays, verdict
from fieldwise_forecast.core.returns.learning_curve import Learning, Point
from fieldwise_forecast.core.returns.measured import Returns
from fieldwise_forecast.core.returns.retraining import Decision
from fieldwise_forecast.core.returns.worth import CPU_HOUR_COST, Margin
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.returns import ReturnsMeter, Wish
from fieldwise_forecast.servicer.forecast import told
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.operations import Operations, Progress

MICROS = 1_000_000


class ReturnsServicer(returns_service_pb2_grpc.ReturnsServiceServicer):
    """Curves of a user's points, and of models."""

    def __init__(self, meter: ReturnsMeter, operations: Operations, currency: str) -> None:
        self._meter = meter
        self._operations = operations
        self._currency = currency

    async def FitReturns(self, request: pb.FitReturnsRequest, context: Any) -> pb.ReturnsCurve:
        points = request.points
        if len({point.accuracy for point in points}) < 2:
            remedy = "give points of at least two different accuracies"
            raise InvalidRequest([Violation.of("points", f"accuracy {points[0].accuracy:g}", remedy)])
        cost = request.cost_per_point if request.HasField("cost_per_point") else None
        curve = curve_through([point.accuracy for point in points], [point.sales for point in points])
        return curve_message(curve, cost)

    async def EstimateReturns(self, request: pb.EstimateReturnsRequest, context: Any) -> Operation:
        wish = Wish(
            model=request.model.removeprefix("models/"),
            time=request.decision_time.ToDatetime(UTC),
            cpu_hour_cost=self._cpu_hour_cost(request),
            margin=Margin(request.margin, assumed=False) if request.margin else Margin(),
        )

        async def work(progress: Progress) -> pb.LearningCurves:
            found = await self._meter.measure(wish, told(progress, request.decision_time))
            return self._message(found, await self._meter.next_training(wish.model, wish.time))

        waiting = TrainModelMetadata(step="waiting", decision_time=request.decision_time)
        return await self._operations.start(
            "forecast", request.request_id, fingerprint(request), work, waiting
        )

    async def GetReturns(self, request: pb.GetReturnsRequest, context: Any) -> pb.LearningCurves:
        model = request.model.removeprefix("models/")
        found = await self._meter.measured(model)
        now = request.decision_time.ToDatetime(UTC)
        return self._message(found, await self._meter.next_training(model, now))

    def _cpu_hour_cost(self, request: pb.EstimateReturnsRequest) -> float:
        """Raises: InvalidRequest, money in another currency or below 0."""
        if not request.HasField("cpu_hour_cost"):
            return CPU_HOUR_COST
        cost = request.cpu_hour_cost
        if cost.currency_code not in ("", self._currency) or cost.micros < 0:
            given = f"{cost.currency_code} {cost.micros}"
            remedy = f"give micros of {self._currency}, 0 or more"
            raise InvalidRequest([Violation.of("cpu_hour_cost", given, remedy)])
        return cost.micros / MICROS

    def _message(self, returns: Returns, decision: Decision | None) -> pb.LearningCurves:
        return pb.LearningCurves(
            model=f"models/{returns.model}",
            measure_time=timestamp(returns.time),
            curves=[self._learning(curve) for curve in returns.curves],
            worth_per_point=self._money(returns.worth.per_point),
            worth_basis=returns.worth.basis,
            next_training_gain=None if decision is None else self._money(decision.gain),
            next_training_cost=None if decision is None else self._money(decision.cost),
        )

    def _learning(self, curve: Learning) -> pb.LearningCurve:
        return pb.LearningCurve(
            effort=curve.effort,
            points=[self._point(point) for point in curve.points],
            knee=curve.knee,
            verdict=curve.verdict,
        )

    def _point(self, point: Point) -> pb.LearningPoint:
        return pb.LearningPoint(
            effort=point.effort,
            error=point.error,
            standard_error=point.standard_error,
            cpu_seconds=point.cpu_seconds,
            fitted=point.fitted,
            gain=self._money(point.gain),
            cost=self._money(point.cost),
            learner=point.name,
        )

    def _money(self, amount: float) -> Money:
        return Money(currency_code=self._currency, micros=round(amount * MICROS))


def curve_message(curve: Curve, cost: float | None) -> pb.ReturnsCurve:
    return pb.ReturnsCurve(
        segments=[
            pb.ReturnsSegment(
                from_accuracy=piece.begin,
                to_accuracy=piece.end,
                gain_per_point=piece.gain,
                pays=cost is None or pays(piece.gain, cost),
            )
            for piece in curve.pieces
        ],
        stop_accuracy=None if cost is None else curve.stop(cost),
        verdict=verdict(curve, cost),
        misfit=curve.misfit,
    )
