"""google.longrunning.Operations at the only door: each operation is answered by the service that runs it."""

from __future__ import annotations

from typing import Any

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2

from fieldwise_gateway.backends import Backends
from fieldwise_runtime.errors import NotFound


class OperationsServicer(operations_pb2_grpc.OperationsServicer):
    """Passes each call on by the operation's name, ``operations/{service}/{uuid}``."""

    def __init__(self, backends: Backends, jobs: operations_pb2_grpc.OperationsStub) -> None:
        self._owners = {
            "allocation": backends.allocation_operations,
            "forecast": backends.forecast_operations,
            "recommend": backends.recommend_operations,
            "jobs": jobs,
        }

    async def GetOperation(
        self, request: operations_pb2.GetOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        answer: operations_pb2.Operation = await self._owner(request.name).GetOperation(request)
        return answer

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        answer: operations_pb2.Operation = await self._owner(request.name).WaitOperation(request)
        return answer

    async def CancelOperation(
        self, request: operations_pb2.CancelOperationRequest, context: Any
    ) -> empty_pb2.Empty:
        answer: empty_pb2.Empty = await self._owner(request.name).CancelOperation(request)
        return answer

    async def DeleteOperation(
        self, request: operations_pb2.DeleteOperationRequest, context: Any
    ) -> empty_pb2.Empty:
        answer: empty_pb2.Empty = await self._owner(request.name).DeleteOperation(request)
        return answer

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Any
    ) -> operations_pb2.ListOperationsResponse:
        answer: operations_pb2.ListOperationsResponse = await self._owner(request.name).ListOperations(
            request
        )
        return answer

    def _owner(self, name: str) -> Any:
        service = name.removeprefix("operations/").partition("/")[0]
        owner = self._owners.get(service)
        if owner is None:
            remedy = (
                f"operations are named operations/{{service}}/{{uuid}}, service one of {sorted(self._owners)}"
            )
            raise NotFound(name, remedy, reason="OPERATION_NOT_FOUND")
        return owner
