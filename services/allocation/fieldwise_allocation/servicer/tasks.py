"""TaskService on the wire: messages in, the use case, messages out; no rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import task_service_pb2 as task_pb2
from fieldwise.allocation.v1 import task_service_pb2_grpc as task_grpc
from fieldwise_allocation.assigning import Assigning


@dataclass(frozen=True)
class TaskServicer(task_grpc.TaskServiceServicer):
    """The call of the contract, which says there what it does."""

    assigning: Assigning

    async def AssignTasks(
        self, request: task_pb2.AssignTasksRequest, context: Any
    ) -> operations_pb2.Operation:
        return await self.assigning.start(request)
