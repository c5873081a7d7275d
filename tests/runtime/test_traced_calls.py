"""Spans of calls, on both sides, for every kind of method: names, parents, codes, and the bugs that others have."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fieldwise_runtime import deadlines, tracing
from fieldwise_runtime.errors import NotFound
from tests.runtime.echo import RESPONSE, SERVICE, echoing, request, sleep_long

Spans = InMemorySpanExporter


async def spans_of(recorded: Spans, kind: SpanKind, count: int = 1) -> list[ReadableSpan]:
    """The ended spans of a kind, once there are ``count``: a server may end its span after the client has its answer."""
    deadline = time.monotonic() + 3
    while True:
        found = [span for span in recorded.get_finished_spans() if span.kind is kind]
        if len(found) >= count or time.monotonic() > deadline:
            assert len(found) == count, [span.name for span in recorded.get_finished_spans()]
            return found
        await asyncio.sleep(0.01)


async def both_spans(recorded: Spans) -> tuple[ReadableSpan, ReadableSpan]:
    (client,) = await spans_of(recorded, SpanKind.CLIENT)
    (server,) = await spans_of(recorded, SpanKind.SERVER)
    return client, server


def code_of(span: ReadableSpan) -> Any:
    return (span.attributes or {})["rpc.grpc.status_code"]


async def call_unary(echo: Any) -> None:
    assert (await echo.unary(request(7))).total_size == 7


async def call_down(echo: Any) -> None:
    assert [reply.total_size async for reply in echo.down(request(3))] == [3, 2, 1]


async def call_up(echo: Any) -> None:
    assert (await echo.up(iter([request(3), request(4)]))).total_size == 7


async def call_both(echo: Any) -> None:
    call = echo.both()
    for number in (1, 2):
        await call.write(request(number))
        assert (await call.read()).total_size == number
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


EVERY_KIND = pytest.mark.parametrize(
    ("name", "call"), [("Unary", call_unary), ("Down", call_down), ("Up", call_up), ("Both", call_both)]
)


@EVERY_KIND
async def test_a_call_is_one_client_span_and_one_server_span_below_it(
    name: str, call: Any, recorded: Spans
) -> None:
    async with echoing() as echo:
        with tracing.tracer().start_as_current_span("above") as above:
            await call(echo)
        client, server = await both_spans(recorded)
    assert client.name == server.name == f"{SERVICE}/{name}"
    assert client.parent is not None
    assert client.parent.span_id == above.get_span_context().span_id
    assert server.parent is not None
    assert server.parent.span_id == client.context.span_id
    assert server.context.trace_id == client.context.trace_id == above.get_span_context().trace_id
    expected = {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": name, "rpc.grpc.status_code": 0}
    assert server.attributes == expected
    assert client.attributes == expected | {"peer.service": "echo"}
    assert {client.status.status_code, server.status.status_code} == {StatusCode.UNSET}


async def raise_fault(_asked: Any, _context: Any) -> Any:
    raise ValueError("secret of the house")


async def raise_fault_streaming(_asked: Any, _context: Any) -> Any:
    yield RESPONSE(total_size=1)
    raise ValueError("secret of the house")


async def use_unary(echo: Any) -> None:
    await echo.unary(request())


async def use_down(echo: Any) -> None:
    async for _ in echo.down(request()):
        pass


async def use_up(echo: Any) -> None:
    await echo.up(iter([request()]))


async def use_both(echo: Any) -> None:
    async for _ in echo.both(iter([request()])):
        pass


EVERY_USE = pytest.mark.parametrize("use", [use_unary, use_down, use_up, use_both])


@EVERY_USE
async def test_an_unhandled_exception_is_an_error_with_code_13_on_both_sides_and_leaks_nothing(
    use: Any, recorded: Spans
) -> None:
    failing = {
        "Unary": raise_fault,
        "Up": raise_fault,
        "Down": raise_fault_streaming,
        "Both": raise_fault_streaming,
    }
    async with echoing(**failing) as echo:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await use(echo)
        client, server = await both_spans(recorded)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (caught.value.details() or "")
    assert f"{server.context.trace_id:032x}" in (caught.value.details() or "")
    assert code_of(server) == code_of(client) == 13
    assert server.status.status_code is client.status.status_code is StatusCode.ERROR
    assert [event.name for event in server.events] == ["exception"]


async def test_an_answer_that_is_an_error_is_no_fault_of_the_server(recorded: Spans) -> None:
    async def refuse(_asked: Any, _context: Any) -> Any:
        raise NotFound("customers/9", "send its first event")

    async with echoing(Unary=refuse) as echo:
        with pytest.raises(grpc.aio.AioRpcError):
            await echo.unary(request())
        client, server = await both_spans(recorded)
    assert code_of(server) == code_of(client) == 5
    assert server.status.status_code is StatusCode.UNSET
    assert client.status.status_code is StatusCode.ERROR


async def test_a_client_span_tells_the_reason_of_a_refusal_and_not_its_text(recorded: Spans) -> None:
    async def refuse(_asked: Any, _context: Any) -> Any:
        raise NotFound("customers/secret", "send its first event", reason="CUSTOMER_NOT_FOUND")

    async def refuse_streaming(asked: Any, context: Any) -> Any:
        yield await refuse(asked, context)

    async with echoing(Unary=refuse, Down=refuse_streaming) as echo:
        for name in ("unary", "down"):
            with pytest.raises(grpc.aio.AioRpcError):
                await use(echo, name, request())
        clients = await spans_of(recorded, SpanKind.CLIENT, 2)
    assert {span.status.description for span in clients} == {"CUSTOMER_NOT_FOUND"}
    assert "secret" not in "".join(span.to_json() for span in clients)


async def sleep_long_streaming(_asked: Any, _context: Any) -> Any:
    yield RESPONSE(total_size=1)
    await asyncio.sleep(60)


SLEEPING = {"Unary": sleep_long, "Up": sleep_long, "Down": sleep_long_streaming, "Both": sleep_long_streaming}


@EVERY_USE
async def test_a_cancelled_task_keeps_its_client_span_and_ends_the_servers(use: Any, recorded: Spans) -> None:
    async with echoing(**SLEEPING) as echo:
        running = asyncio.create_task(use(echo))
        await asyncio.sleep(0.15)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        client, server = await both_spans(recorded)
    assert code_of(client) == code_of(server) == 1
    assert client.status.status_code is server.status.status_code is StatusCode.ERROR


@EVERY_USE
async def test_a_deadline_is_code_4_on_both_sides(use: Any, recorded: Spans) -> None:
    async with echoing(**SLEEPING) as echo:
        deadlines.begin(0.2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await use(echo)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        client, server = await both_spans(recorded)
    assert code_of(client) == 4
    # The client gives up at its deadline and says so; which of the two the server meets first is chance.
    assert code_of(server) in (1, 4)
    assert server.status.status_code is client.status.status_code is StatusCode.ERROR


async def use(echo: Any, name: str, asked: Any, **options: Any) -> None:
    """Calls a method with a deadline of two seconds and takes its whole answer."""
    outcome = getattr(echo, name)(asked, timeout=2, **options)
    if name in ("unary", "up"):
        await outcome
        return
    async for _ in outcome:
        pass


@pytest.mark.parametrize("name", ["unary", "down", "up", "both"])
async def test_metadata_that_is_none_fails_at_once_and_ends_the_span(name: str, recorded: Spans) -> None:
    async with echoing() as echo:
        asked = request() if name in ("unary", "down") else iter([request()])
        began = time.monotonic()
        # Which of its errors it is is grpc's choice; that one comes at once is ours.
        with pytest.raises((grpc.RpcError, grpc.aio.BaseError, asyncio.CancelledError)):
            await use(echo, name, asked, metadata=(("Not A Key", "x"),))
        assert time.monotonic() - began < 1
        (client,) = await spans_of(recorded, SpanKind.CLIENT)
    assert client.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("name", ["unary", "down", "up", "both"])
async def test_a_request_that_does_not_serialise_fails_at_once_and_ends_the_span(
    name: str, recorded: Spans
) -> None:
    async with echoing() as echo:
        asked: Any = object() if name in ("unary", "down") else iter([object()])
        began = time.monotonic()
        with pytest.raises(TypeError):
            await use(echo, name, asked)
        assert time.monotonic() - began < 1
        (client,) = await spans_of(recorded, SpanKind.CLIENT)
    assert client.status.status_code is StatusCode.ERROR


async def test_a_stream_can_be_cancelled_and_its_span_is_kept(recorded: Spans) -> None:
    async with echoing(Down=sleep_long_streaming) as echo:
        call = echo.down(request())
        assert (await call.read()).total_size == 1
        assert call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.read()
        client, server = await both_spans(recorded)
    assert code_of(client) == code_of(server) == 1


async def test_a_stream_dropped_half_read_ends_its_span_and_the_servers_work(recorded: Spans) -> None:
    async with echoing(Down=sleep_long_streaming) as echo:
        async for _ in echo.down(request()):
            break
        gc.collect()
        client, server = await both_spans(recorded)
    assert code_of(client) == code_of(server) == 1


async def test_spans_that_a_handler_starts_lie_below_its_own(recorded: Spans) -> None:
    async def work(_asked: Any, _context: Any) -> Any:
        with tracing.tracer().start_as_current_span("inside"):
            return RESPONSE(total_size=1)

    async def work_streaming(_asked: Any, _context: Any) -> Any:
        with tracing.tracer().start_as_current_span("inside"):
            yield RESPONSE(total_size=1)

    async with echoing(Unary=work, Down=work_streaming) as echo:
        await echo.unary(request())
        async for _ in echo.down(request()):
            pass
        servers = await spans_of(recorded, SpanKind.SERVER, 2)
    inside = [span for span in recorded.get_finished_spans() if span.name == "inside"]
    parents = {span.parent.span_id for span in inside if span.parent is not None}
    assert parents == {span.context.span_id for span in servers}


async def test_a_handler_that_aborts_by_itself_keeps_its_code(recorded: Spans) -> None:
    async def abort(_asked: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.OUT_OF_RANGE, "beyond the end")

    async with echoing(Unary=abort) as echo:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await echo.unary(request())
        client, server = await both_spans(recorded)
    assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert caught.value.details() == "beyond the end"
    assert code_of(client) == code_of(server) == 11


async def test_without_recording_the_trace_still_goes_on() -> None:
    tracing.configure("fieldwise-test", "")

    async def tell(_asked: Any, _context: Any) -> Any:
        return RESPONSE(next_page_token=tracing.current_trace_id())

    async with echoing(Unary=tell) as echo:
        with tracing.tracer().start_as_current_span("above") as above:
            told = await echo.unary(request())
    assert told.next_page_token == f"{above.get_span_context().trace_id:032x}"


async def test_a_malformed_traceparent_starts_a_new_trace(recorded: Spans) -> None:
    async with echoing(traced=False) as echo:
        for header in ("", "nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-zz-1-01"):
            await echo.unary(request(), metadata=(("traceparent", header),))
        servers = await spans_of(recorded, SpanKind.SERVER, 4)
    assert {span.parent for span in servers} == {None}


async def test_parallel_calls_do_not_mix_their_traces(recorded: Spans) -> None:
    async def tell(_asked: Any, _context: Any) -> Any:
        await asyncio.sleep(0.01)
        return RESPONSE(next_page_token=tracing.current_trace_id())

    async def ask(echo: Any) -> bool:
        with tracing.tracer().start_as_current_span("above") as above:
            told = await echo.unary(request())
        return bool(told.next_page_token == f"{above.get_span_context().trace_id:032x}")

    async with echoing(Unary=tell) as echo:
        assert all(await asyncio.gather(*(ask(echo) for _ in range(50))))
    assert recorded.get_finished_spans()
