"""Health of a server as its peers see it: the probe that compose and the supervisor run; knows no service."""

from __future__ import annotations

import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def probe(address: str, name: str = "", timeout: float = 2.0) -> str:
    """SERVING, NOT_SERVING, SERVICE_UNKNOWN, or why there was no answer: UNAVAILABLE, DEADLINE_EXCEEDED."""
    with grpc.insecure_channel(address, options=(("grpc.enable_retries", 0),)) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its stub file declares no methods
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=timeout)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return "SERVICE_UNKNOWN" if code is grpc.StatusCode.NOT_FOUND else str(code.name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def main(arguments: list[str]) -> int:
    """`python -m fieldwise_runtime.health HOST:PORT [name]`: prints the state; 0 when it is SERVING."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m fieldwise_runtime.health HOST:PORT [name]\n")
        return 2
    state = probe(arguments[0], "".join(arguments[1:]))
    sys.stdout.write(f"{state}\n")
    return 0 if state == "SERVING" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
