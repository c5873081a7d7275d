"""Asks a process whether it is SERVING, by the standard gRPC health protocol; knows no process."""

from __future__ import annotations

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fieldwise_client.credentials import Trust, opened_aio

SERVING = "SERVING"
# A process that starts is asked every few milliseconds; gRPC's own pause between connection attempts is a second.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.enable_retries", 0),
    # A channel of the same address made before a restart would lend this one its pause.
    ("grpc.use_local_subchannel_pool", 1),
)


async def probe(address: str, trusted: Trust | None = None, timeout: float = 1.0) -> str:
    """SERVING, NOT_SERVING, or why there was no answer: UNAVAILABLE, DEADLINE_EXCEEDED."""
    async with opened_aio(address, trusted, _OPTIONS) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return error.code().name
    name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return name
