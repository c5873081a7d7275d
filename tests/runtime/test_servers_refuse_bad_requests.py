"""What a server answers to bad bytes, broken rules and errors of its handlers, over a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import (
    FieldwiseError,
    InvalidRequest,
    NotFound,
    ResourceExhausted,
    Violation,
    from_rpc_error,
)
from tests.runtime.echo import REQUEST, RESPONSE, SERVICE, echoing, request


async def fault_of(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_every_broken_rule_is_answered_at_once() -> None:
    async with echoing() as echo:
        fault = await fault_of(echo.unary(request(page_size=-1, page_token="x" * 5000)))
    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
    assert fault.reason == "INVALID_REQUEST"
    assert [violation.field for violation in fault.violations] == ["page_size", "page_token"]
    assert str(fault.violations[0]) == "page_size: got -1; give 0 or more"
    assert "page_size: got -1" in fault.message
    assert "page_token: got" in fault.message


async def test_a_broken_rule_within_a_stream_is_answered_too() -> None:
    async with echoing() as echo:
        fault = await fault_of(echo.up(iter([request(1), request(-5)])))
    assert [str(violation) for violation in fault.violations] == ["page_size: got -5; give 0 or more"]


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream", "stream_unary"])
async def test_malformed_bytes_are_answered_with_the_type_that_was_expected_and_the_server_goes_on(
    kind: str,
) -> None:
    path = {"unary_unary": "Unary", "unary_stream": "Down", "stream_unary": "Up"}[kind]
    async with echoing() as echo:
        raw = getattr(echo.channel, kind)(f"/{SERVICE}/{path}")
        for garbage in (b"\xff\xff\xff", b"\x0a\x05ab", b"\x12\x02\xff\xff"):
            asked = iter([garbage]) if kind == "stream_unary" else garbage
            call = raw(asked)
            fault = await fault_of(call.read() if kind == "unary_stream" else call)
            assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
            assert fault.reason == "MALFORMED_REQUEST"
            assert REQUEST.DESCRIPTOR.full_name in fault.message
            assert (await echo.unary(request(3))).total_size == 3


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest([Violation.of("a.b[3]", "x; y", "do z; then w"), Violation.of("c", -1, "give 0")]),
        NotFound("customers/7", "send an event", reason="CUSTOMER_NOT_FOUND"),
        ResourceExhausted("QUEUE_FULL", "too many; wait", metadata={"queued": "7"}),
    ],
)
async def test_an_error_of_ours_arrives_whole(error: FieldwiseError) -> None:
    async def refuse(_asked: Any, _context: Any) -> Any:
        raise error

    async with echoing(Unary=refuse) as echo:
        fault = await fault_of(echo.unary(request()))
    assert (fault.code, fault.reason, fault.message) == (error.code, error.reason, error.message)
    assert fault.metadata == error.metadata
    assert [str(violation) for violation in fault.violations] == [
        str(violation) for violation in error.violations
    ]


async def test_a_peers_refusal_is_passed_on_whole() -> None:
    async def refuse(_asked: Any, _context: Any) -> Any:
        raise NotFound("customers/7", "send an event", reason="CUSTOMER_NOT_FOUND")

    async with echoing(Unary=refuse) as behind:

        async def ask(asked: Any, _context: Any) -> Any:
            return await behind.unary(asked)

        async with echoing(Unary=ask) as front:
            fault = await fault_of(front.unary(request()))
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")


async def test_ten_thousand_violations_still_fit_into_an_answer() -> None:
    async def refuse(_asked: Any, _context: Any) -> Any:
        raise InvalidRequest([Violation.of(f"names[{i}]", "Ä" * 200, "give a name") for i in range(10_000)])

    async with echoing(Unary=refuse) as echo:
        fault = await fault_of(echo.unary(request()))
    assert len(fault.violations) > 15
    assert "more violations" in str(fault.violations[-1])


async def test_a_reply_of_the_wrong_type_is_our_fault() -> None:
    async def blunder(_asked: Any, _context: Any) -> Any:
        return "no message"

    async with echoing(Unary=blunder) as echo:
        fault = await fault_of(echo.unary(request()))
    assert (fault.code, fault.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")


async def test_an_unknown_method_is_unimplemented() -> None:
    async with echoing() as echo:
        fault = await fault_of(echo.channel.unary_unary(f"/{SERVICE}/Nothing")(b""))
    assert fault.code is grpc.StatusCode.UNIMPLEMENTED


async def test_the_time_left_is_passed_on_to_the_next_server_and_shrinks() -> None:
    async def tell(_asked: Any, context: Any) -> Any:
        return RESPONSE(total_size=int(context.time_remaining() * 1000))

    async with echoing(Unary=tell) as behind:

        async def ask(asked: Any, _context: Any) -> Any:
            await asyncio.sleep(0.1)
            assert deadlines.remaining() is not None
            return await behind.unary(asked, timeout=30)

        async with echoing(Unary=ask) as front:
            left = (await front.unary(request(), timeout=1.0)).total_size
    assert 500 < left <= 900


async def test_a_call_without_time_left_is_not_sent() -> None:
    served = []

    async def serve(_asked: Any, _context: Any) -> Any:
        served.append(1)
        return RESPONSE()

    async with echoing(Unary=serve) as echo:
        deadlines.begin(0.001)
        fault = await fault_of(echo.unary(request()))
        assert fault.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not served


async def test_a_negative_timeout_is_a_deadline_that_has_passed() -> None:
    async with echoing() as echo:
        fault = await fault_of(echo.unary(request(), timeout=-1))
    assert fault.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "later deadline" in fault.message


async def test_a_handler_that_writes_to_its_context_is_served_too() -> None:
    async def write(asked: Any, context: Any) -> None:
        await context.write(RESPONSE(total_size=asked.page_size))

    async with echoing(Down=write) as echo:
        assert [reply.total_size async for reply in echo.down(request(4))] == [4]
