"""ModelService on the wire: translates, calls, translates back; no rules, no SQL."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from google.longrunning.operations_pb2 import Operation
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.forecast.v1 import forecast_service_pb2, model_service_pb2_grpc
from fieldwise.forecast.v1 import model_service_pb2 as pb
from fieldwise.forecast.v1.model_pb2 import ModelVersion, TrainModelMetadata
from fieldwise_forecast.kinds import Tell
from fieldwise_forecast.lineup import Lineups
from fieldwise_forecast.model_wire import model_message, settings_changes, training_message
from fieldwise_forecast.models_report import change_settings, state_of, states
from fieldwise_forecast.promoting import promote
from fieldwise_forecast.store import watching
from fieldwise_forecast.training import Trainer
from fieldwise_forecast.wire import version_message
from fieldwise_runtime.database import Database
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.operations import Operations, Progress
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

PAGE, MOST = 100, 1000
MODELS, TRAININGS = "models", "trainings"


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """What serves, how it did, what replaces it."""

    def __init__(
        self, db: Database, lineups: Lineups, trainer: Trainer, operations: Operations, currency: str
    ) -> None:
        self._db = db
        self._lineups = lineups
        self._trainer = trainer
        self._operations = operations
        self._currency = currency

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        size = clamp_page_size(request.page_size, PAGE, MOST)
        after = cursor_of(request.page_token, MODELS)
        found = [each for each in await states(self._db, self._lineups.current) if each.model > after]
        now = request.decision_time.ToDatetime(UTC)
        more = page_token(found[size - 1].model, MODELS) if len(found) > size else ""
        models = [model_message(each, now, self._currency) for each in found[:size]]
        return pb.ListModelsResponse(models=models, next_page_token=more)

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.Model:
        found = await state_of(self._db, self._lineups.current, request.name.removeprefix("models/"))
        return model_message(found, request.decision_time.ToDatetime(UTC), self._currency)

    async def SetModelSettings(self, request: pb.SetModelSettingsRequest, context: Any) -> pb.Model:
        changes = settings_changes(request.settings, self._currency)
        model = request.name.removeprefix("models/")
        found = await change_settings(self._db, self._lineups.current, model, changes, request.reset)
        return model_message(found, request.decision_time.ToDatetime(UTC), self._currency)

    async def RefreshModel(self, request: pb.RefreshModelRequest, context: Any) -> Operation:
        model = request.name.removeprefix("models/")
        decision_time = request.decision_time.ToDatetime(UTC)

        async def work(progress: Progress) -> forecast_service_pb2.TrainModelResponse:
            versions = await self._trainer.update(model, decision_time, told(progress, request.decision_time))
            return forecast_service_pb2.TrainModelResponse(
                versions=[version_message(version) for version in versions]
            )

        waiting = TrainModelMetadata(step="waiting", decision_time=request.decision_time)
        return await self._operations.start(
            "forecast", request.request_id, fingerprint(request), work, waiting
        )

    async def PromoteModel(self, request: pb.PromoteModelRequest, context: Any) -> ModelVersion:
        version = await promote(
            self._db, self._lineups, request.name, request.request_id, fingerprint(request)
        )
        return version_message(version)

    async def ListTrainings(self, request: pb.ListTrainingsRequest, context: Any) -> pb.ListTrainingsResponse:
        size = clamp_page_size(request.page_size, PAGE, MOST)
        cursor = cursor_of(request.page_token, TRAININGS)
        before = int(cursor) if cursor else None
        model = request.model.removeprefix("models/")
        found = await self._db.read(
            lambda connection: watching.trainings(connection, model, before, size + 1)
        )
        more = page_token(str(found[size - 1].number), TRAININGS) if len(found) > size else ""
        listed = [training_message(training) for training in found[:size]]
        return pb.ListTrainingsResponse(trainings=listed, next_page_token=more)


def told(progress: Progress, decision_time: Timestamp) -> Tell:
    """Steps of an update as metadata of its operation."""
    return lambda step, share: progress.update(
        TrainModelMetadata(step=step, progress=share, decision_time=decision_time)
    )
