"""The four systems that are measured beside each other, each as a call per customer and the processes that answer it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import grpc.aio
import httpx

from benchmarks.decide.company import Company
from benchmarks.decide.echo_server import METHOD, REQUEST
from benchmarks.decide.twin import wire
from benchmarks.decide.twin.fleet import Twin
from benchmarks.processes import free_port, start_module, wait_for_port
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.recommend.v1 import decision_pb2

ECHO, FAN_OUT, DECIDE, TWIN = "echo hop", "bare fan-out", "Decide", "twin"
_SERVICE = "/fieldwise.gateway.v1.GatewayService"
_JSON = {"content-type": "application/json"}
# None in the bench: a call that takes longer is a fault, not a slow answer.
SECONDS = 10.0


@dataclass(frozen=True)
class System:
    """One of the four.

    Args:
        ask: Makes one request for a customer and reads the typed answer.
        pids: Every server process of the system.
    """

    name: str
    ask: Callable[[str], Awaitable[object]]
    pids: Sequence[int]


@dataclass(frozen=True)
class Echoes:
    """An echo server, and four more behind a gateway that only fans out."""

    processes: list[Popen[bytes]]
    echo_port: int
    fan_out_port: int

    @classmethod
    def start(cls) -> Echoes:
        ports = [free_port() for _ in range(6)]
        echoes = [start_module("benchmarks.decide.echo_server", str(port)) for port in ports[:5]]
        backends = [str(port) for port in ports[1:5]]
        gateway = start_module("benchmarks.decide.echo_server", str(ports[5]), *backends)
        for port in ports:
            wait_for_port(port)
        return cls([*echoes, gateway], ports[0], ports[5])

    @property
    def echo_pids(self) -> list[int]:
        return [self.processes[0].pid]

    @property
    def fan_out_pids(self) -> list[int]:
        return [process.pid for process in self.processes[1:]]


def echo(name: str, port: int, pids: Sequence[int]) -> System:
    """An echo, direct or fanned out."""
    call: Any = grpc.aio.insecure_channel(f"127.0.0.1:{port}").unary_unary(METHOD)

    async def ask(_: str) -> object:
        return await call(REQUEST, timeout=SECONDS)

    return System(name, ask, pids)


class Gateway:
    """Our gateway as an app calls it: plain grpc.aio, no tracing of its own."""

    def __init__(self, company: Company) -> None:
        options = [("grpc.max_receive_message_length", 64 << 20)]
        self.channel = grpc.aio.insecure_channel(company.gateway, options=options)
        self.metadata = company.metadata()
        self._decide = self.channel.unary_unary(
            f"{_SERVICE}/Decide",
            gateway_pb.DecideRequest.SerializeToString,
            gateway_pb.DecideResponse.FromString,
        )
        self._batch = self.channel.unary_unary(
            f"{_SERVICE}/BatchDecide",
            gateway_pb.BatchDecideRequest.SerializeToString,
            gateway_pb.BatchDecideResponse.FromString,
        )

    async def decide(self, customer: str) -> decision_pb2.Decision:
        request = gateway_pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
        answer: gateway_pb.DecideResponse = await self._decide(
            request, timeout=SECONDS, metadata=self.metadata
        )
        return answer.decision

    async def batch(self, customers: Sequence[str]) -> Sequence[decision_pb2.Decision]:
        request = gateway_pb.BatchDecideRequest(request_id=str(uuid.uuid4()), customers=customers)
        answer: gateway_pb.BatchDecideResponse = await self._batch(
            request, timeout=60, metadata=self.metadata
        )
        return answer.decisions


class TwinGateway:
    """The twin as an app calls it: httpx with connections that stay open."""

    def __init__(self, twin: Twin) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=600)
        self._client = httpx.AsyncClient(limits=limits, timeout=SECONDS, trust_env=False)
        self._twin = twin

    async def decide(self, customer: str) -> wire.Decision:
        content = wire.DecideAsk(request_id=str(uuid.uuid4()), customer=customer).model_dump_json()
        response = await self._client.post(
            self._twin.url("gateway", "decide"), content=content, headers=_JSON
        )
        response.raise_for_status()
        return wire.Decision.model_validate_json(response.content)

    async def ingest(self, batch: bytes) -> int:
        """Fresh events; how many were new."""
        response = await self._client.post(self._twin.url("profile", "events"), content=batch)
        response.raise_for_status()
        return int(response.json()["accepted"])
