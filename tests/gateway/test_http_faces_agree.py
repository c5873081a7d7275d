"""JSON, Connect and gRPC-Web are the same calls as gRPC: same answers, same errors, same end when the caller leaves."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import grpc
import httpx
import pytest_asyncio
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import status_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import consent_pb2, profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.http.examples import example
from fieldwise_runtime.errors import STATUS_KEY
from tests.gateway import http_gateway
from tests.gateway.http_gateway import CLOCK, DECIDE, INGEST, JSON, WATCH, HttpWorld, frame, frames

REPORTING = consent_pb2.PURPOSE_REPORTING
ASK = {"requestId": "agree-1", "customer": "customers/known-1"}
# Differs between two calls that do the same: the id of a trace, and of what was made.
FLEETING = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with http_gateway.running(tmp_path) as running:
        yield running


def _methods(world: HttpWorld) -> list[MethodDescriptor]:
    services = [descriptor_pool.Default().FindServiceByName(name) for name in world.service_names]
    return [method for service in services for method in service.methods]


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def _by_grpc(world: HttpWorld, path: str, raw: bytes) -> tuple[int, str, bytes]:
    """Code, message and either the answer or the details."""
    call: Any = world.channel.unary_unary(path)
    try:
        return 0, "", await call(raw, timeout=10)
    except grpc.aio.AioRpcError as error:
        details = dict(error.trailing_metadata() or ()).get(STATUS_KEY, b"")
        assert isinstance(details, bytes)
        return error.code().value[0], error.details() or "", details


def _web(answer: httpx.Response, *, is_text: bool = False) -> tuple[int, str, bytes]:
    body = answer.content
    if is_text:
        body = b"".join(base64.b64decode(part + b"==") for part in re.findall(rb"[^=]+", body))
    *messages, (flags, trailers) = frames(body)
    assert flags == 0x80
    told = dict(line.split(": ", 1) for line in trailers.decode().split("\r\n") if line)
    details = told.get(STATUS_KEY, "")
    status = base64.b64decode(details + "=" * (-len(details) % 4))
    code = int(told["grpc-status"])
    return code, unquote(told.get("grpc-message", "")), status if code else b"".join(m for _, m in messages)


def _json(answer: httpx.Response, method: MethodDescriptor) -> tuple[int, str, bytes]:
    told = answer.json()
    if answer.status_code == 200:
        kind = message_factory.GetMessageClass(method.output_type)
        return 0, "", json_format.Parse(answer.text, kind()).SerializeToString(deterministic=True)
    code = next(
        each for each in grpc.StatusCode if each.name.lower() == told["code"].replace("canceled", "cancelled")
    )
    status = status_pb2.Status(code=code.value[0], message=told.get("message", ""))
    for detail in told.get("details", ()):
        packed = status.details.add()
        packed.type_url = f"type.googleapis.com/{detail['type']}"
        packed.value = base64.b64decode(detail["value"] + "==")
    return code.value[0], told.get("message", ""), status.SerializeToString() if status.details else b""


def _settled(found: tuple[int, str, bytes], method: MethodDescriptor) -> tuple[int, str, bytes]:
    code, message, raw = found
    if not code:
        kind = message_factory.GetMessageClass(method.output_type)
        raw = kind.FromString(raw).SerializeToString(deterministic=True)
    return code, FLEETING.sub(b"-", message.encode()).decode(), FLEETING.sub(b"-", raw)


async def test_every_unary_method_answers_in_json_and_grpc_web_as_in_grpc(world: HttpWorld) -> None:
    # The fake of the one left out grows by each call.
    left_out = ("ConfirmErasure",)
    streams = [m for m in _methods(world) if m.client_streaming or m.server_streaming]
    unary = [m for m in _methods(world) if m not in streams and m.name not in left_out]
    answered = 0
    for method in unary:
        asked = json_format.ParseDict(
            example(method.input_type), message_factory.GetMessageClass(method.input_type)()
        )
        raw, path = asked.SerializeToString(), _path(method)
        # Once before: what a first call makes is there for all that follow.
        await _by_grpc(world, path, raw)
        expected = _settled(await _by_grpc(world, path, raw), method)
        in_json = await world.post(path, json_format.MessageToJson(asked))
        in_web = await world.http.post(
            path, content=frame(raw), headers={"content-type": "application/grpc-web+proto"}
        )
        assert _settled(_json(in_json, method), method) == expected, path
        assert _settled(_web(in_web), method) == expected, path
        answered += expected[0] == 0
    assert len(unary) > 100
    assert answered >= 5


async def test_the_same_decision_comes_by_grpc_json_connect_and_web_text(world: HttpWorld) -> None:
    first = await world.gateway.Decide(
        gateway_pb.DecideRequest(request_id="agree-1", customer=ASK["customer"])
    )
    raw = gateway_pb.DecideRequest(request_id="agree-1", customer=ASK["customer"]).SerializeToString()
    in_json = await world.post(DECIDE, ASK)
    in_proto = await world.http.post(DECIDE, content=raw, headers={"content-type": "application/proto"})
    in_text = await world.http.post(
        DECIDE,
        content=base64.b64encode(frame(raw)),
        headers={"content-type": "application/grpc-web-text"},
    )
    assert json_format.Parse(in_json.text, gateway_pb.DecideResponse()) == first
    assert gateway_pb.DecideResponse.FromString(in_proto.content) == first
    assert gateway_pb.DecideResponse.FromString(_web(in_text, is_text=True)[2]) == first


async def test_events_stream_in_over_connect_and_each_batch_is_answered(world: HttpWorld) -> None:
    batches = [{"events": [{"eventId": f"e-{n}", "customer": "customers/known-1"}]} for n in (1, 2)]
    body = b"".join(frame(json.dumps(batch).encode()) for batch in batches)
    answer = await world.http.post(INGEST, content=body, headers={"content-type": "application/connect+json"})
    *told, (flags, end) = frames(answer.content)
    assert answer.headers["content-type"] == "application/connect+json"
    assert [json.loads(payload)["accepted"] for _, payload in told] == ["1", "1"]
    assert (flags, json.loads(end)) == (2, {})


async def test_a_watch_comes_message_by_message_and_ends_when_its_reader_leaves(world: HttpWorld) -> None:
    mood = world.fakes.profile.mood
    mood.seconds = 30
    asked = profile_pb.WatchProfilesRequest(
        names=["customers/known-1", "customers/known-2"], purpose=REPORTING
    )
    headers = {"content-type": "application/connect+proto"}
    got = b""
    async with world.http.stream(
        "POST", WATCH, content=frame(asked.SerializeToString()), headers=headers
    ) as answer:
        async for piece in answer.aiter_raw():
            got += piece
            if len(frames(got)) == 2:
                break
    names = [profile_pb2.Profile.FromString(payload).name for _, payload in frames(got)]
    assert names == ["customers/known-1", "customers/known-2"]
    await asyncio.wait_for(mood.cancelled.wait(), 2)


async def test_a_watch_over_grpc_web_ends_with_the_status_of_its_peer(world: HttpWorld) -> None:
    world.fakes.profile.mood.code = grpc.StatusCode.UNAVAILABLE
    asked = profile_pb.WatchProfilesRequest(names=["customers/known-1"], purpose=REPORTING)
    answer = await world.http.post(
        WATCH, content=frame(asked.SerializeToString()), headers={"content-type": "application/grpc-web"}
    )
    assert len(frames(answer.content)) == 2
    assert _web(answer)[:2] == (14, "told to")


async def test_work_is_cancelled_at_the_deadline_of_either_protocol(world: HttpWorld) -> None:
    mood = world.fakes.profile.mood
    mood.seconds = 30
    path = "/fieldwise.profile.v1.ProfileService/GetProfile"
    ask = {"name": "customers/known-1", "purpose": "PURPOSE_REPORTING"}
    late = await world.post(path, ask, connect_timeout_ms="50")
    assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
    await asyncio.wait_for(mood.cancelled.wait(), 1)
    mood.cancelled.clear()
    raw = profile_pb.GetProfileRequest(name="customers/known-1", purpose=REPORTING).SerializeToString()
    headers = {"content-type": "application/grpc-web", "grpc-timeout": "50m"}
    in_web = await world.http.post(path, content=frame(raw), headers=headers)
    assert _web(in_web)[0] == 4
    await asyncio.wait_for(mood.cancelled.wait(), 1)


async def test_work_is_cancelled_when_its_caller_hangs_up(world: HttpWorld) -> None:
    mood = world.fakes.profile.mood
    mood.seconds = 30
    reader, writer = await world.raw()
    body = json.dumps({"name": "customers/known-1", "purpose": "PURPOSE_REPORTING"})
    writer.write(
        f"POST /fieldwise.profile.v1.ProfileService/GetProfile HTTP/1.1\r\nhost: x\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )
    await asyncio.wait_for(mood.begun.wait(), 2)
    writer.close()
    await asyncio.wait_for(mood.cancelled.wait(), 2)
    assert not reader.at_eof() or await reader.read() == b""


async def test_a_trace_begun_in_a_browser_goes_on(world: HttpWorld) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await world.post(DECIDE, ASK, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert answer.json()["decision"]["traceId"] == trace


async def test_a_refusal_under_load_says_when_to_come_back(world: HttpWorld) -> None:
    world.fakes.profile.mood.seconds = 0.5
    path = "/fieldwise.gateway.v1.GatewayService/BatchDecide"
    asks = [{"requestId": f"load-{n}", "customers": [f"customers/{n}"]} for n in range(40)]
    answers = await asyncio.gather(*(world.post(path, ask) for ask in asks))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    for answer in refused:
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["code"] == "resource_exhausted"


async def test_reflection_lists_what_http_serves(world: HttpWorld) -> None:
    channel: Any = world.channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = await anext(aiter(stub.ServerReflectionInfo(iter([asked]))))
    listed = {each.name for each in answer.list_services_response.service}
    ours = {name for name in listed if not name.startswith("grpc.")}
    assert ours == set(world.service_names)
    document = (await world.http.get("/openapi.json")).json()
    assert {path.strip("/").partition("/")[0] for path in document["paths"]} - {"v1"} == ours


async def test_what_is_only_for_the_services_is_refused_alike_and_in_no_document(world: HttpWorld) -> None:
    document = (await world.http.get("/openapi.json")).json()
    hidden = [method for method in _methods(world) if _path(method) not in document["paths"]]
    assert hidden
    for method in hidden:
        if method.client_streaming or method.server_streaming:
            continue
        refused = await world.http.post(_path(method), content=b"{}", headers=JSON)
        assert refused.status_code == 501, method.full_name
        assert "NOT_AT_THE_GATEWAY" in refused.text


async def test_the_clock_answers_an_empty_object(world: HttpWorld) -> None:
    answer = await world.post(CLOCK, {})
    assert answer.json() == {"now": "2017-12-25T00:00:00Z", "recorded": True}
