"""What somebody on the wire reads: names and telephone numbers sent in, read back and exported, with TLS and without it.

Between any two processes, and before the gateway, stands a proxy that keeps every byte. The same is looked for in every file
of the installation: databases, their logs, what the processes said.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import grpc.aio

from benchmarks.gateway.tapped import ALL, Tapped, tapped
from benchmarks.report import Row
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.gateway.v1 import traces_service_pb2_grpc as traces_grpc
from fieldwise.profile.v1 import consent_pb2, event_pb2, privacy_service_pb2, privacy_service_pb2_grpc
from fieldwise.recommend.v1 import decision_pb2

_FAMILY: Final = "Quellbrunn"
_PHONE: Final = "+49 151 7730"
_WHOLE_TRACE_SECONDS: Final = 10.0


def names(customers: int) -> list[bytes]:
    """What must not be read: each customer's name and number as they are sent."""
    return [text.encode() for number in range(customers) for text in (_name(number), _phone(number))]


def rows(*, quick: bool) -> Iterator[Row]:
    customers = 20 if quick else 200
    found, sent, files, whole = asyncio.run(_measured(customers, tls=True))
    plain, *_ = asyncio.run(_measured(customers, tls=False))
    yield Row("plain names on the wire", found, "names", "must", "<= 0", "without TLS", plain)
    yield Row("the same capture without TLS: plain names on the wire", plain, "names", "must", ">= 1")
    yield Row("names and phone numbers in any file", files, "files", "must", "<= 0")
    yield Row("bytes that crossed between processes under TLS", sent, "bytes")
    yield Row("decisions under TLS with a whole trace", whole, "share", "must", ">= 1")


async def _measured(customers: int, *, tls: bool) -> tuple[int, int, int, float]:
    with tempfile.TemporaryDirectory(prefix="fieldwise-wire-") as folder:
        async with tapped(Path(folder), tls=tls) as installation:
            whole = await used(installation, customers)
        streams = installation.tap.streams()
        found = overheard(streams.values(), names(customers))
        return found, sum(map(len, streams.values())), in_files(Path(folder), names(customers)), whole


async def used(installation: Tapped, customers: int, services: Sequence[str] = ALL) -> float:
    """People are sent in, decided about and exported; the share of decisions whose trace is whole."""
    async with _channel(installation) as channel:
        gateway = gateway_grpc.GatewayServiceStub(channel)
        batch = pb.IngestEventsRequest(events=[e for number in range(customers) for e in events(number)])
        answers = [each async for each in gateway.IngestEvents(iter([batch]))]
        if [each.accepted for each in answers] != [len(batch.events)]:
            raise AssertionError(f"not taken in: {answers}")
        await _exported(channel, customers)
        decisions = [await _decided(gateway, f"customers/w{number}") for number in range(customers)]
        if "recommend" not in services:
            return 0.0
        if any(each.verdict == decision_pb2.VERDICT_NO_DECISION for each in decisions):
            raise AssertionError("a customer was not decided about")
        return await _whole(channel, decisions)


def overheard(streams: Any, words: Sequence[bytes]) -> int:
    """How often one of the words was read, a word once in each direction of each connection."""
    return sum(word in stream for stream in streams for word in words)


def in_files(folder: Path, words: Sequence[bytes]) -> int:
    """Files below the folder that hold one of the words."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(any(word in content for word in words) for content in contents)


def _channel(installation: Tapped) -> grpc.aio.Channel:
    if installation.authority is None:
        return grpc.aio.insecure_channel(installation.gateway)
    believed = grpc.ssl_channel_credentials(installation.authority.read_bytes())
    return grpc.aio.secure_channel(installation.gateway, believed)


def _name(number: int) -> str:
    return f"Wendelgard {_FAMILY}{number:04d}"


def _phone(number: int) -> str:
    return f"{_PHONE}{number:04d}"


def events(number: int) -> Iterator[event_pb2.Event]:
    """Who the customer is, and what he allows."""
    yield _event(
        number, identification=event_pb2.Identification(full_name=_name(number), phone=_phone(number))
    )
    for purpose in (consent_pb2.PURPOSE_DECISION, consent_pb2.PURPOSE_TRAINING):
        consent = event_pb2.Consent(purpose=purpose, granted=True, proof="form", policy_version="1")
        yield _event(number, consent=consent)


def _event(number: int, **what: Any) -> event_pb2.Event:
    event = event_pb2.Event(event_id=str(uuid.uuid4()), source="crm", customer=f"customers/w{number}", **what)
    event.event_time.GetCurrentTime()
    event.event_time.seconds -= 60
    event.known_at.CopyFrom(event.event_time)
    return event


async def _exported(channel: grpc.aio.Channel, customers: int) -> None:
    """His own data, whole, to whoever may ask for it: the largest answer that is personal."""
    privacy: Any = privacy_service_pb2_grpc.PrivacyServiceStub(channel)
    for number in range(customers):
        request = privacy_service_pb2.ExportCustomerRequest(name=f"customers/w{number}")
        lines = [line async for part in privacy.ExportCustomer(request) for line in part.lines]
        if not any(_name(number) in line for line in lines):
            raise AssertionError("an export does not hold the name")


async def _decided(gateway: Any, customer: str) -> decision_pb2.Decision:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
    answer: pb.DecideResponse = await gateway.Decide(request, timeout=5)
    return answer.decision


async def _whole(channel: grpc.aio.Channel, decisions: Sequence[decision_pb2.Decision]) -> float:
    traces: Any = traces_grpc.TracesServiceStub(channel)
    whole = 0
    for decision in decisions:
        ends = asyncio.get_running_loop().time() + _WHOLE_TRACE_SECONDS
        while asyncio.get_running_loop().time() < ends:
            trace = await _trace(traces, decision)
            if trace.spans and not trace.missing_services and not trace.orphans:
                whole += 1
                break
            await asyncio.sleep(0.05)
    return whole / len(decisions)


async def _trace(traces: Any, decision: decision_pb2.Decision) -> traces_pb.Trace:
    request = traces_pb.GetTraceRequest(name=f"traces/{decision.trace_id}")
    try:
        found: traces_pb.Trace = await traces.GetTrace(request, timeout=5)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return traces_pb.Trace()
    return found
