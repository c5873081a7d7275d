"""What is asked of forecasts: their methods and how their requests are put together. Knows no channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from google.longrunning import operations_pb2
from google.protobuf.message import Message

from fieldwise.forecast.v1 import forecast_service_pb2 as forecast
from fieldwise.forecast.v1 import model_pb2
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.talks import M, Method, Patience, Talk, ask, follow, response

# A training goes over all customers; a large one takes its time.
TRAIN_SECONDS = 3_600.0


def _of(service: str, method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.forecast.v1.{service}/{method}", answer)


TRAIN_MODEL = _of("ForecastService", "TrainModel", operations_pb2.Operation)
ROLLBACK_MODEL = _of("ForecastService", "RollbackModel", model_pb2.ModelVersion)


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is: what it does, and the share done in [0, 1]."""

    step: str
    share: float


Told = Callable[[TrainingProgress], None]


def models_of(names: Iterable[str]) -> list[str]:
    """Names of models, with or without `models/`."""
    return [resource("models", name) for name in names]


def train_models(
    models: Iterable[str], regardless_of_cost: bool, request_id: str | None
) -> forecast.TrainModelRequest:
    return forecast.TrainModelRequest(
        request_id=request_id or new_request_id(),
        models=models_of(models),
        regardless_of_cost=regardless_of_cost,
    )


def rollback_model(model: str, request_id: str | None) -> forecast.RollbackModelRequest:
    return forecast.RollbackModelRequest(
        model=resource("models", model), request_id=request_id or new_request_id()
    )


def finished(
    method: Method[operations_pb2.Operation],
    request: Message,
    kind: type[M],
    patience: Patience,
    progress: Told | None,
) -> Talk[M]:
    """Start a long operation of forecast's and wait for what it makes; leaving early cancels it."""

    def told(operation: operations_pb2.Operation) -> None:
        metadata = model_pb2.TrainModelMetadata()
        if progress is not None and operation.metadata.Unpack(metadata):
            progress(TrainingProgress(metadata.step, metadata.progress))

    operation = yield from follow(ask(method, request, patience), "gateway", patience, told)
    made: M = response(operation, kind)
    return made
