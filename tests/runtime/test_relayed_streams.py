"""Streams through a server that relays them to another: what breaks on the way is answered at once and as itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation, from_rpc_error
from tests.runtime.echo import RESPONSE, SERVICE, echoing, request

# Far more than an answer takes; an answer that never comes fails the test as DEADLINE_EXCEEDED would.
_AT_ONCE = 1.0


async def as_they_are(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for asked in requests:
        yield asked


@asynccontextmanager
async def relayed(change: Any = as_they_are, read: bool = False) -> AsyncIterator[Any]:
    """A front that relays Up and Both, its requests changed on the way, to an echo behind it."""
    async with echoing() as behind:

        async def relay(requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
            answers = behind.both(change(requests))
            if read:
                while (answer := await answers.read()) is not grpc.aio.EOF:
                    yield answer
            async for answer in answers:
                yield answer

        async def relay_up(requests: AsyncIterator[Any], _context: Any) -> Any:
            return await behind.up(change(requests))

        async with echoing(Both=relay, Up=relay_up) as front:
            yield front


async def fault_of(front: Any, kind: str, asked: list[Any]) -> Any:
    async def take() -> None:
        call = getattr(front, kind)(iter(asked))
        if kind == "up":
            await call
            return
        async for _ in call:
            pass

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(_AT_ONCE):
            await take()
    return from_rpc_error(caught.value)


EVERY_KIND = pytest.mark.parametrize("kind", ["up", "both"])


@EVERY_KIND
async def test_a_broken_rule_in_a_relayed_stream_is_answered_at_once(kind: str) -> None:
    async with relayed() as front:
        fault = await fault_of(front, kind, [request(1), request(-5), request(2)])
    assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [str(violation) for violation in fault.violations] == ["page_size: got -5; give 0 or more"]


async def refuse_empty(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for asked in requests:
        if not asked.page_size:
            raise InvalidRequest([Violation.of("events", "0 items", "give 1 or more")])
        yield asked


@EVERY_KIND
async def test_an_empty_batch_that_the_relay_refuses_is_answered_at_once(kind: str) -> None:
    async with relayed(refuse_empty) as front:
        assert (await fault_of(front, kind, [request(1), request(0)])).reason == "INVALID_REQUEST"


async def test_a_relay_that_reads_message_by_message_answers_at_once_too() -> None:
    async with relayed(read=True) as front:
        fault = await fault_of(front, "both", [request(1), request(-5)])
    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT


@EVERY_KIND
async def test_malformed_bytes_in_a_relayed_stream_are_answered_at_once(kind: str) -> None:
    async with relayed() as front:
        call = (front.channel.stream_unary if kind == "up" else front.channel.stream_stream)(
            f"/{SERVICE}/{kind.capitalize()}"
        )(iter([b"\xff\xff\xff"]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async with asyncio.timeout(_AT_ONCE):
                await (call if kind == "up" else call.read())
    assert from_rpc_error(caught.value).reason == "MALFORMED_REQUEST"


@EVERY_KIND
async def test_a_peers_refusal_within_the_requests_is_passed_on_at_once(kind: str) -> None:
    async def refuse(_asked: Any, _context: Any) -> Any:
        raise NotFound("customers/7", "send an event", reason="CUSTOMER_NOT_FOUND")

    async with echoing(Unary=refuse) as third:

        async def looked_up(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for asked in requests:
                await third.unary(asked)
                yield asked

        async with relayed(looked_up) as front:
            fault = await fault_of(front, kind, [request(1)])
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")


async def test_the_caller_of_a_stream_gets_what_his_own_requests_raised() -> None:
    def broken() -> Any:
        yield request(1)
        raise LookupError("no more rows")

    async with echoing() as echo:
        with pytest.raises(LookupError, match="no more rows"):
            async with asyncio.timeout(_AT_ONCE):
                await echo.up(broken())


async def test_a_caller_that_is_cancelled_is_cancelled_whatever_his_requests_raise() -> None:
    async def never_again(_asked: Any, _context: Any) -> Any:
        await asyncio.sleep(60)

    async def requests() -> AsyncIterator[Any]:
        try:
            yield request(1)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise LookupError("while it was cancelled") from None

    async with echoing(Up=never_again) as echo:
        calling = asyncio.ensure_future(_awaited(echo.up(requests())))
        await asyncio.sleep(0.1)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling


async def _awaited(call: Any) -> Any:
    return await call


async def test_a_handler_whose_inner_work_was_cancelled_still_answers() -> None:
    async def wait_for_cancelled_work(_asked: Any, _context: Any) -> Any:
        work = asyncio.ensure_future(asyncio.sleep(60))
        work.cancel()
        await work
        return RESPONSE()

    async with echoing(Unary=wait_for_cancelled_work) as echo:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async with asyncio.timeout(_AT_ONCE):
                await echo.unary(request())
    fault = from_rpc_error(caught.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.ABORTED, "WORK_CANCELLED")
