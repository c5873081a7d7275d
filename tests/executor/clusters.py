"""A real Dask cluster in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).parents[2]
WORKERS = 2


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serving(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@contextmanager
def running() -> Iterator[str]:
    """The address of the scheduler of a cluster."""
    listen, scheduler = (f"127.0.0.1:{free_port()}" for _ in range(2))
    environ = {
        **os.environ,
        "FIELDWISE_CLUSTER_LISTEN": listen,
        "FIELDWISE_CLUSTER_SCHEDULER": scheduler,
        "FIELDWISE_CLUSTER_WORKERS": str(WORKERS),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen([sys.executable, "-m", "fieldwise_executor"], env=environ)
    try:
        until = time.monotonic() + 60
        while not serving(listen):
            assert process.poll() is None, "the cluster ended"
            assert time.monotonic() < until, "the cluster did not start in time"
            time.sleep(0.1)
        yield f"tcp://{scheduler}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
