"""Calls that go wrong in every way, over whatever traced channel and server they are given, and a judge of the spans they leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.runtime.echo import RESPONSE, count_down, echo, echo_each, request, sleep_long

# A call that is not answered by then hangs: none here is given as long.
HANGS_SECONDS = 1.0
_SPANS_SECONDS = 0.6
# What a server may say of a call whose caller is gone: it cannot tell whether he left or his time was up.
_GONE = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED})


@dataclass(frozen=True)
class Case:
    """One way to go wrong.

    Attributes:
        call: Makes the call and raises what its caller sees.
        served: Codes of the server's spans, one set of allowed codes each; None where any code but OK is right.
        handlers: Behaviours of the service, made new for each run.
    """

    name: str
    call: Callable[[Any], Awaitable[None]]
    served: Sequence[frozenset[grpc.StatusCode] | None]
    handlers: Callable[[], dict[str, Any]] = dict


@dataclass
class Verdict:
    """What is wrong with the spans of one call."""

    case: str
    faults: list[str] = field(default_factory=list)


System = Callable[[dict[str, Any], InMemorySpanExporter], AbstractAsyncContextManager[Any]]


async def judged(system: System, case: Case) -> Verdict:
    """Run a case and judge its spans."""
    spans = InMemorySpanExporter()
    verdict = Verdict(case.name)
    async with system(case.handlers(), spans) as stubs:
        code = await _outcome(stubs, case, verdict)
        ended = await _settled(spans, 1 + len(case.served))
    _judge_client(verdict, [span for span in ended if span.kind is SpanKind.CLIENT], code)
    _judge_servers(verdict, case, ended)
    return verdict


async def _outcome(stubs: Any, case: Case, verdict: Verdict) -> grpc.StatusCode | None:
    """The code that the caller saw; None when the call was not sent at all."""
    made = asyncio.ensure_future(case.call(stubs))
    done, _ = await asyncio.wait([made], timeout=HANGS_SECONDS)
    if not done:
        verdict.faults.append("lost: the call hangs past every deadline")
        made.cancel()
        with suppress(BaseException):
            await made
        return None
    if made.cancelled():
        return grpc.StatusCode.CANCELLED
    error = made.exception()
    if error is None:
        return grpc.StatusCode.OK
    return error.code() if isinstance(error, grpc.aio.AioRpcError) else None


async def _settled(spans: InMemorySpanExporter, count: int) -> Sequence[ReadableSpan]:
    """The ended spans, when there are as many as should be, or after a while."""
    until = time.monotonic() + _SPANS_SECONDS
    while True:
        ended = spans.get_finished_spans()
        if len(ended) >= count or time.monotonic() > until:
            return ended
        await asyncio.sleep(0.01)


def _judge_client(verdict: Verdict, spans: list[ReadableSpan], code: grpc.StatusCode | None) -> None:
    if len(spans) != 1:
        verdict.faults.append(f"lost: {len(spans)} client spans ended for one call")
        return
    _judge_status(verdict, "client", spans[0], None if code is None else frozenset({code}))


def _judge_servers(verdict: Verdict, case: Case, ended: Sequence[ReadableSpan]) -> None:
    clients = {span.context.span_id for span in ended if span.kind is SpanKind.CLIENT}
    servers = sorted(
        (span for span in ended if span.kind is SpanKind.SERVER), key=lambda span: span.start_time or 0
    )
    if len(servers) != len(case.served):
        verdict.faults.append(f"lost: {len(servers)} server spans ended, {len(case.served)} calls arrived")
    for span, codes in zip(servers, case.served, strict=False):
        _judge_status(verdict, "server", span, codes)
        if span.parent is None or span.parent.span_id not in clients:
            verdict.faults.append("orphan: the server's span is below no span that ended")


def _judge_status(
    verdict: Verdict, side: str, span: ReadableSpan, codes: frozenset[grpc.StatusCode] | None
) -> None:
    noted = (span.attributes or {}).get("rpc.grpc.status_code")
    told = next((code for code in grpc.StatusCode if code.value[0] == noted), None)
    right = told is not grpc.StatusCode.OK if codes is None else told in codes
    # A call that was never sent has no code; that it failed must show.
    failed = codes is None or grpc.StatusCode.OK not in codes
    shows = span.status.status_code is StatusCode.ERROR
    answered = codes == frozenset({grpc.StatusCode.NOT_FOUND}) and side == "server"
    if (not right and (told is not None or codes is not None)) or (failed and not shows and not answered):
        wanted = "any but OK" if codes is None else "/".join(sorted(code.name for code in codes))
        shown = "none" if told is None else told.name
        verdict.faults.append(
            f"wrong: the {side}'s span says {shown}, {span.status.status_code.name}, not {wanted}"
        )


async def _raise(_asked: Any, _context: Any) -> Any:
    raise ValueError("by the test")


async def _abort(_asked: Any, context: Any) -> Any:
    await context.abort(grpc.StatusCode.NOT_FOUND, "by the test")


async def _wrong_message(_asked: Any, _context: Any) -> Any:
    return "no message"


async def _breaking(_asked: Any, _context: Any) -> AsyncIterator[Any]:
    yield RESPONSE(total_size=1)
    raise ValueError("by the test")


async def _endless(_asked: Any, _context: Any) -> AsyncIterator[Any]:
    while True:
        yield RESPONSE(total_size=1)
        await asyncio.sleep(0.02)


def _away_once() -> dict[str, Any]:
    tries = []

    async def handler(asked: Any, context: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "by the test")
        return await echo(asked, context)

    return {"Unary": handler}


async def _unary(stubs: Any) -> None:
    await stubs.unary(request(1), timeout=0.8)


async def _cancelled(stubs: Any) -> None:
    running = asyncio.ensure_future(_unary(stubs))
    await asyncio.sleep(0.1)
    running.cancel()
    await running


async def _late(stubs: Any) -> None:
    await stubs.unary(request(1), timeout=0.15)


async def _bad_metadata(stubs: Any) -> None:
    await stubs.unary(request(1), timeout=0.5, metadata=(("Not A Key", "x"),))


async def _no_message(stubs: Any) -> None:
    await stubs.unary("no message", timeout=0.5)


async def _down(stubs: Any) -> None:
    async for _ in stubs.down(request(3), timeout=0.8):
        pass


async def _down_left(stubs: Any) -> None:
    call = stubs.down(request(3), timeout=0.8)
    async for _ in call:
        break
    call.cancel()
    async for _ in call:
        pass


async def _down_late(stubs: Any) -> None:
    async for _ in stubs.down(request(3), timeout=0.15):
        pass


async def _both(stubs: Any) -> None:
    call = stubs.both(timeout=0.8)
    await call.write(request(1))
    await call.read()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def _both_cancelled(stubs: Any) -> None:
    call = stubs.both(timeout=0.8)
    await call.write(request(1))
    await call.read()
    call.cancel()
    await call.read()


async def _both_broken(stubs: Any) -> None:
    call = stubs.both(timeout=0.8)
    await call.write(request(1))
    while await call.read() is not grpc.aio.EOF:
        pass


_OK = frozenset({grpc.StatusCode.OK})

CASES = (
    Case("answered", _unary, [_OK]),
    Case("error in the handler", _unary, [None], lambda: {"Unary": _raise}),
    Case(
        "refused by the handler", _unary, [frozenset({grpc.StatusCode.NOT_FOUND})], lambda: {"Unary": _abort}
    ),
    Case("answer does not serialise", _unary, [None], lambda: {"Unary": _wrong_message}),
    Case("cancelled by the client", _cancelled, [_GONE], lambda: {"Unary": sleep_long}),
    Case("deadline", _late, [_GONE], lambda: {"Unary": sleep_long}),
    Case("retry", _unary, [frozenset({grpc.StatusCode.UNAVAILABLE}), _OK], _away_once),
    Case("bad metadata", _bad_metadata, []),
    Case("request does not serialise", _no_message, []),
    Case("stream read to its end", _down, [_OK], lambda: {"Down": count_down}),
    Case("stream broken by the handler", _down, [None], lambda: {"Down": _breaking}),
    Case("stream cancelled half-read", _down_left, [_GONE], lambda: {"Down": _endless}),
    Case("deadline of a stream", _down_late, [_GONE], lambda: {"Down": _endless}),
    Case("both ways", _both, [_OK], lambda: {"Both": echo_each}),
    Case("both ways, cancelled", _both_cancelled, [_GONE], lambda: {"Both": echo_each}),
    Case("both ways, broken by the handler", _both_broken, [None], lambda: {"Both": _breaking}),
)
