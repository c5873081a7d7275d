"""ForecastService on the wire: translates, calls, translates back; no rules, no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

from google.longrunning.operations_pb2 import Operation
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import forecast_service_pb2_grpc
from fieldwise.forecast.v1.model_pb2 import ModelVersion, TrainModelMetadata
from fieldwise_forecast import store
from fieldwise_forecast.forecasting import forecast
from fieldwise_forecast.kinds import Tell
from fieldwise_forecast.lineup import Lineups
from fieldwise_forecast.promoting import roll_back
from fieldwise_forecast.training import Asked, Trainer
from fieldwise_forecast.wire import forecasts_answer, scores_answer, training_answer, version_message
from fieldwise_runtime.database import Database
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.operations import Operations, Progress
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

PAGE, MOST = 100, 1000
VERSIONS = "model versions"


class ForecastServicer(forecast_service_pb2_grpc.ForecastServiceServicer):
    """Scores, series, trainings and versions."""

    def __init__(
        self, db: Database, lineups: Lineups, trainer: Trainer, operations: Operations, currency: str
    ) -> None:
        self._db = db
        self._lineups = lineups
        self._trainer = trainer
        self._operations = operations
        self._currency = currency

    async def ScoreCustomers(
        self, request: pb.ScoreCustomersRequest, context: Any
    ) -> pb.ScoreCustomersResponse:
        names = request.model_versions
        lineup = await self._lineups.of_versions(names) if names else self._lineups.current.scorer
        scorer = lineup.of_questions(request.questions)
        scores = await scorer.scores(request.customers, request.with_contributions)
        return scores_answer(scorer, scores, request.decision_time)

    async def ForecastSeries(
        self, request: pb.ForecastSeriesRequest, context: Any
    ) -> pb.ForecastSeriesResponse:
        found = forecast(
            self._lineups.current.series,
            request.decision_time.ToDatetime(UTC),
            request.categories,
            request.horizon_weeks,
            request.page_size,
            request.quantiles,
        )
        return forecasts_answer(found, self._currency)

    async def TrainModel(self, request: pb.TrainModelRequest, context: Any) -> Operation:
        models = [name.removeprefix("models/") for name in request.models]
        decision_time = request.decision_time.ToDatetime(UTC)

        async def work(progress: Progress) -> pb.TrainModelResponse:
            tell = told(progress, request.decision_time)
            asked = Asked(models, decision_time, request.trigger or "request", request.regardless_of_cost)
            return training_answer(await self._trainer.train(asked, tell))

        waiting = TrainModelMetadata(step="waiting", decision_time=request.decision_time)
        return await self._operations.start(
            "forecast", request.request_id, fingerprint(request), work, waiting
        )

    async def WatchModels(
        self, request: pb.WatchModelsRequest, context: Any
    ) -> AsyncIterator[pb.WatchModelsResponse]:
        async for versions in self._lineups.follow():
            yield pb.WatchModelsResponse(versions=versions)

    async def ListModelVersions(
        self, request: pb.ListModelVersionsRequest, context: Any
    ) -> pb.ListModelVersionsResponse:
        size = clamp_page_size(request.page_size, PAGE, MOST)
        cursor = cursor_of(request.page_token, VERSIONS)
        before = int(cursor) if cursor else None
        found = await self._db.read(lambda connection: store.page(connection, before, size + 1))
        more = page_token(str(found[size - 1].place), VERSIONS) if len(found) > size else ""
        versions = [version_message(version) for version in found[:size]]
        return pb.ListModelVersionsResponse(versions=versions, next_page_token=more)

    async def RollbackModel(self, request: pb.RollbackModelRequest, context: Any) -> ModelVersion:
        model = request.model.removeprefix("models/")
        asked = fingerprint(request)
        return version_message(await roll_back(self._db, self._lineups, model, request.request_id, asked))


def told(progress: Progress, decision_time: Timestamp) -> Tell:
    """Steps of a training as metadata of its operation."""
    return lambda step, share: progress.update(
        TrainModelMetadata(step=step, progress=share, decision_time=decision_time)
    )
