"""train-models: asks forecast to train at the business time and waits for the outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import duration_pb2

from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise_gateway.backends import Backends
from fieldwise_runtime.errors import from_status
from fieldwise_runtime.operations import unpacked

_WAIT_SECONDS = 20


async def train_models(backends: Backends, now: datetime, request_id: str) -> forecast_pb.TrainModelResponse:
    """The new model versions.

    Raises:
        FieldwiseError: The training failed, with forecast's own reason.
        RpcError: Forecast did not answer.
    """
    asked = forecast_pb.TrainModelRequest(request_id=request_id)
    asked.decision_time.FromDatetime(now)
    operation: Any = await backends.forecast.TrainModel(asked)
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
