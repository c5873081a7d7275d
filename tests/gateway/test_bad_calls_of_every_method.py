"""Bytes that are no request, on every method that stands at the door: always a clear refusal, never a fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

import fieldwise.allocation.v1
import fieldwise.forecast.v1
import fieldwise.gateway.v1
import fieldwise.profile.v1
import fieldwise.recommend.v1
from fieldwise_gateway.relay import relayed_services
from fieldwise_runtime.errors import RpcFault, from_rpc_error
from tests.gateway.backend_fakes import World
from tests.gateway.test_bad_calls_on_the_wire import answers

CONTRACTS = (
    fieldwise.gateway.v1,
    fieldwise.profile.v1,
    fieldwise.forecast.v1,
    fieldwise.allocation.v1,
    fieldwise.recommend.v1,
)
METHODS = [
    method for contract in CONTRACTS for service in relayed_services(contract) for method in service.methods
]
# What stands at the door only to say where else to ask: refused before it is read.
NOT_SERVED = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.PERMISSION_DENIED)
GARBAGE = {
    "a field that ends early": b"\x0a\x7fab",
    "a tag without an end": b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    "a wire type that does not exist": b"\x0f\x01",
    "a group that is never closed": b"\x0b" * 200,
    "groups in groups in groups": b"\x0b" * 5_000 + b"\x0c" * 5_000,
    "a length beyond 32 bits": b"\x0a\xff\xff\xff\xff\x7f",
}


async def refused(world: World, method: MethodDescriptor, raw: bytes) -> RpcFault | None:
    """What a method says of these bytes; None when it answered."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    asked: Any = iter([raw]) if method.client_streaming else raw
    call: Any = getattr(world.channel, kind)(path)(asked, timeout=5)
    try:
        if method.server_streaming:
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)
    return None


async def test_garbage_is_refused_by_every_method_as_what_it_is(world: World) -> None:
    wrong = {}
    for method in METHODS:
        for kind, raw in GARBAGE.items():
            fault = await refused(world, method, raw)
            if fault is None or not _is_clear(fault, method):
                wrong[f"{method.full_name}: {kind}"] = fault
    assert wrong == {}
    await answers(world)


async def test_text_that_is_no_utf_8_is_refused_by_every_method_that_takes_text(world: World) -> None:
    wrong, asked = {}, 0
    for method in METHODS:
        for field in _texts(method.input_type):
            asked += 1
            tag = field.number << 3 | 2
            fault = await refused(world, method, _varint(tag) + b"\x04ok\xff\xfe")
            if fault is None or not _is_clear(fault, method):
                wrong[f"{method.full_name}.{field.name}"] = fault
    assert asked > len(METHODS), "nearly every request names something"
    assert wrong == {}


def test_no_request_can_hold_itself() -> None:
    """A message that may hold itself can be nested without end; whoever adds one says here how deep it may go."""
    assert [method.full_name for method in METHODS if _holds_itself(method.input_type, frozenset())] == []


@pytest.mark.parametrize(
    "path", ["/fieldwise.gateway.v1.GatewayService/Nothing", "/no.such.Service/Call", "/"]
)
async def test_a_method_that_does_not_exist_is_said_not_to(world: World, path: str) -> None:
    call: Any = world.channel.unary_unary(path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"\x0a\x01a", timeout=5)
    assert caught.value.code() in NOT_SERVED


def _is_clear(fault: RpcFault, method: MethodDescriptor) -> bool:
    if fault.code in NOT_SERVED:
        return True
    told = (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    return told and method.input_type.full_name in fault.message


def _holds_itself(message: Descriptor, above: frozenset[str]) -> bool:
    if message.full_name in above:
        return True
    inner = (field.message_type for field in message.fields if field.message_type is not None)
    return any(_holds_itself(each, above | {message.full_name}) for each in inner)


def _texts(message: Descriptor) -> Iterator[FieldDescriptor]:
    return (field for field in message.fields if field.type == FieldDescriptor.TYPE_STRING)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
