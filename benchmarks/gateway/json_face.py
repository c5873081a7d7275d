"""Decide by JSON over HTTP beside Decide by gRPC, on one installation in the same rounds: CPU of all servers, and the same decision."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import grpc.aio
from google.protobuf import json_format

from benchmarks.decide import world
from benchmarks.decide.company import Company
from benchmarks.decide.measuring import CONCURRENT, SETTLE_SECONDS, Turns, concurrently
from benchmarks.gateway.installation import running
from benchmarks.processes import cpu_seconds
from benchmarks.report import Row
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise_client.supervisor.layout import environment, processes

PATH = "/fieldwise.gateway.v1.GatewayService/Decide"
COMPARED = 200


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, and by each face in each of them requests one after the other, and many at once."""

    rounds: int
    requests: int
    loaded_requests: int


QUICK = Plan(rounds=7, requests=120, loaded_requests=600)
FULL = Plan(rounds=15, requests=400, loaded_requests=3000)


def rows(*, quick: bool) -> Iterator[Row]:
    """All rounds on one installation. Nothing else may be asked of it meanwhile."""
    with running(quick=quick) as company:
        yield from asyncio.run(_measured(company, QUICK if quick else FULL))


class ByGrpc:
    """The decision by gRPC."""

    def __init__(self, company: Company) -> None:
        self._channel = grpc.aio.insecure_channel(company.gateway)
        self._stub = gateway_grpc.GatewayServiceStub(self._channel)
        self._metadata = company.metadata()

    async def decide(self, customer: str, request_id: str = "") -> gateway_pb.DecideResponse:
        request = gateway_pb.DecideRequest(request_id=request_id or str(uuid.uuid4()), customer=customer)
        answer: gateway_pb.DecideResponse = await self._stub.Decide(request, metadata=self._metadata)
        return answer

    async def close(self) -> None:
        await self._channel.close()


class ByJson:
    """The decision by JSON over connections that stay open, as many as are under way at once."""

    def __init__(self, company: Company) -> None:
        self._port = _http_port(company)
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in company.metadata())
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def decide(self, customer: str, request_id: str = "") -> bytes:
        """The answer's body.

        Raises:
            RuntimeError: The gateway answered anything but 200.
        """
        reader, writer = self._idle.pop() if self._idle else await self._opened()
        body = json.dumps({"requestId": request_id or str(uuid.uuid4()), "customer": customer}).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
            f"{self._headers}content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        told = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in told.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        answer = await reader.readexactly(length)
        if not told.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(
                f"the gateway answered {told.splitlines()[0].decode()}: {answer[:300].decode()}"
            )
        self._idle.append((reader, writer))
        return answer

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


def _http_port(company: Company) -> int:
    """Where the installation's HTTP face is, as `fieldwise up` lays it out."""
    chosen = processes({}, company.base)
    listen = environment({}, chosen, company.data, None)["FIELDWISE_GATEWAY_HTTP_LISTEN"]
    return int(listen.rpartition(":")[2])


@dataclass
class Face:
    """One face's figures, a number per round: CPU seconds a request of all servers and of the gateway, seconds
    in the middle; CPU seconds a request of all servers under load."""

    ask: Callable[[str], Awaitable[object]]
    cpu: list[float] = field(default_factory=list)
    gateway_cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    loaded_cpu: list[float] = field(default_factory=list)


async def _measured(company: Company, plan: Plan) -> list[Row]:
    customers = await asyncio.to_thread(world.customers, company)
    in_grpc, in_json = ByGrpc(company), ByJson(company)
    faces = {"gRPC": Face(in_grpc.decide), "JSON": Face(in_json.decide)}
    for face in faces.values():
        await concurrently(face.ask, customers[:200], 1)
    turns = Turns(customers)
    for number in range(plan.rounds):
        order = list(faces.values())
        # Whoever comes second finds the machine as the first left it.
        for face in order if number % 2 else reversed(order):
            await _one_by_one(company, face, turns.take(plan.requests))
        for face in order if number % 2 else reversed(order):
            await _under_load(company, face, turns.take(plan.loaded_requests))
    different = await _different(in_grpc, in_json, customers)
    in_json.close()
    await in_grpc.close()
    return _told(faces["gRPC"], faces["JSON"], different)


async def _one_by_one(company: Company, face: Face, customers: Sequence[str]) -> None:
    pids = company.pids()
    before, of_gateway = cpu_seconds(pids.values()), cpu_seconds([pids["gateway"]])
    seconds = []
    for customer in customers:
        begun = time.perf_counter()
        await face.ask(customer)
        seconds.append(time.perf_counter() - begun)
    await asyncio.sleep(SETTLE_SECONDS)
    face.cpu.append((cpu_seconds(pids.values()) - before) / len(customers))
    face.gateway_cpu.append((cpu_seconds([pids["gateway"]]) - of_gateway) / len(customers))
    face.p50.append(statistics.median(seconds))


async def _under_load(company: Company, face: Face, customers: Sequence[str]) -> None:
    pids = company.pids().values()
    before = cpu_seconds(pids)
    await concurrently(face.ask, customers, CONCURRENT)
    await asyncio.sleep(SETTLE_SECONDS)
    face.loaded_cpu.append((cpu_seconds(pids) - before) / len(customers))


async def _different(in_grpc: ByGrpc, in_json: ByJson, customers: Sequence[str]) -> int:
    """Decisions that JSON tells otherwise than gRPC when the same request is asked again, in any field."""
    different = 0
    for number, customer in enumerate(customers[:COMPARED]):
        request_id = f"json-face-{number}-{uuid.uuid4()}"
        first = await in_grpc.decide(customer, request_id)
        second = json_format.Parse(await in_json.decide(customer, request_id), gateway_pb.DecideResponse())
        different += first != second
    return different


def _told(in_grpc: Face, in_json: Face, different: int) -> list[Row]:
    middle, peer = statistics.median, "Envoy's transcoder"
    ratio, loaded = _ratio(in_json.cpu, in_grpc.cpu), _ratio(in_json.loaded_cpu, in_grpc.loaded_cpu)
    of_gateway = _ratio(in_json.gateway_cpu, in_grpc.gateway_cpu)
    cpu, of_peer = middle(in_json.cpu) * 1e6, middle(in_grpc.cpu) * 1e6
    cpu_loaded, of_peer_loaded = middle(in_json.loaded_cpu) * 1e6, middle(in_grpc.loaded_cpu) * 1e6
    p50, of_peer_p50 = middle(in_json.p50) * 1e3, middle(in_grpc.p50) * 1e3
    many = f"{CONCURRENT} at once"
    differ = f"decisions of {COMPARED} that JSON tells otherwise than gRPC"
    return [
        Row("JSON: CPU of all servers against gRPC", ratio, "x", "must", "<= 1.5", peer, 2.1),
        Row(f"JSON: CPU of all servers against gRPC, {many}", loaded, "x", "must", "<= 1.5", peer, 2.1),
        Row(differ, different, "decisions", "must", "<= 0"),
        Row("JSON: CPU of the gateway alone against gRPC", of_gateway, "x"),
        Row("JSON: CPU of all servers", cpu, "us", peer="gRPC", peer_value=of_peer),
        Row(f"JSON: CPU of all servers, {many}", cpu_loaded, "us", peer="gRPC", peer_value=of_peer_loaded),
        Row("JSON: p50", p50, "ms", peer="gRPC", peer_value=of_peer_p50),
    ]


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))
