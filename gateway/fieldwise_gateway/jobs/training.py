"""train-models and refresh-models: ask forecast to train or update at the business time and wait for the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import duration_pb2

from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import model_service_pb2 as models_pb
from fieldwise.forecast.v1 import model_service_pb2_grpc as models_grpc
from fieldwise_gateway.backends import Backends
from fieldwise_runtime.errors import FieldwiseError, from_status
from fieldwise_runtime.operations import unpacked

_WAIT_SECONDS = 20


async def train_models(
    backends: Backends, now: datetime, request_id: str, models: Sequence[str] = (), trigger: str = ""
) -> forecast_pb.TrainModelResponse:
    """The new versions of the models, of all when none is named.

    Raises:
        FieldwiseError: The training failed, with forecast's own reason.
        RpcError: Forecast did not answer.
    """
    asked = forecast_pb.TrainModelRequest(request_id=request_id, models=models, trigger=trigger)
    asked.decision_time.FromDatetime(now)
    return await _ended(backends, await backends.forecast.TrainModel(asked))


async def refresh_model(
    backends: Backends, now: datetime, request_id: str, model: str
) -> forecast_pb.TrainModelResponse:
    """The version that came of the newest data; none when there are none.

    Raises:
        FieldwiseError: The update failed, with forecast's own reason.
        RpcError: Forecast did not answer.
    """
    asked = models_pb.RefreshModelRequest(name=model, request_id=request_id)
    asked.decision_time.FromDatetime(now)
    stub = models_grpc.ModelServiceStub(backends.forecast_channel)
    try:
        return await _ended(backends, await stub.RefreshModel(asked))
    except FieldwiseError as fault:
        if fault.reason == "NOTHING_NEW":
            return forecast_pb.TrainModelResponse()
        raise


async def _ended(backends: Backends, operation: Any) -> forecast_pb.TrainModelResponse:
    while not operation.done:
        wait = operations_pb2.WaitOperationRequest(
            name=operation.name, timeout=duration_pb2.Duration(seconds=_WAIT_SECONDS)
        )
        operation = await backends.forecast_operations.WaitOperation(wait, timeout=_WAIT_SECONDS + 10)
    if operation.HasField("error"):
        raise from_status(operation.error).as_error()
    response = forecast_pb.TrainModelResponse()
    unpacked(operation.response, response)
    return response
