"""Health of a server as its peers see it: the probe that compose and the supervisor run; knows no service."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fieldwise_runtime import tls
from fieldwise_runtime.settings import SettingsError, load, tls_folder


@dataclass(frozen=True)
class Settings:
    """What the probe needs to know of its environment."""

    tls: str = tls_folder()


def probe(address: str, name: str = "", timeout: float = 2.0, *, identity: tls.Identity | None = None) -> str:
    """SERVING, NOT_SERVING, SERVICE_UNKNOWN, or why there was no answer: UNAVAILABLE, DEADLINE_EXCEEDED."""
    with _channel(address, identity) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its stub file declares no methods
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=timeout)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return "SERVICE_UNKNOWN" if code is grpc.StatusCode.NOT_FOUND else str(code.name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def _channel(address: str, identity: tls.Identity | None) -> grpc.Channel:
    options = (("grpc.enable_retries", 0),)
    if identity is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, identity.channel_credentials(), options)


def main(arguments: list[str]) -> int:
    """`python -m fieldwise_runtime.health HOST:PORT [name]`: prints the state; 0 when it is SERVING.

    With FIELDWISE_TLS it shows a certificate of that folder, whichever it holds the key of.
    """
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m fieldwise_runtime.health HOST:PORT [name]\n")
        return 2
    try:
        folder = load(Settings, os.environ).tls
        identity = tls.any_of(Path(folder)) if folder else None
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    state = probe(arguments[0], "".join(arguments[1:]), identity=identity)
    sys.stdout.write(f"{state}\n")
    return 0 if state == "SERVING" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
