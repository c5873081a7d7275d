"""What is asked about items and agents: the method and how its request is put together. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable

from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import task_service_pb2 as tasks_pb
from fieldwise_client.allocation_requests import of_allocation
from fieldwise_client.names import new_request_id

ASSIGN_TASKS = of_allocation("TaskService", "AssignTasks", operations_pb2.Operation)


def assign_tasks(
    items: Iterable[tasks_pb.Item],
    agents: Iterable[tasks_pb.Agent],
    pairs: Iterable[tasks_pb.TaskPair],
    most_profit: bool,
    only_listed_pairs: bool,
    time_limit: float,
    request_id: str | None,
) -> tasks_pb.AssignTasksRequest:
    kind = tasks_pb.AssignTasksRequest
    return kind(
        request_id=request_id or new_request_id(),
        items=items,
        agents=agents,
        pairs=pairs,
        aim=kind.AIM_MOST_PROFIT if most_profit else kind.AIM_LEAST_COST,
        only_listed_pairs=only_listed_pairs,
        time_limit_seconds=time_limit,
    )
