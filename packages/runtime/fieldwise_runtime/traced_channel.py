"""A gRPC channel whose calls have client spans and a deadline within the budget of the call being served.

Not made of grpc.aio client interceptors: those cost a task a call, and a call that fails before it is sent hangs in them.
Knows no contract and no peer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import Any, Final

import grpc
from grpc.aio import AioRpcError, Metadata
from opentelemetry.trace import Span, StatusCode

from fieldwise_runtime import deadlines, tracing
from fieldwise_runtime.errors import FieldwiseError, reason_in, reason_of
from fieldwise_runtime.peer_metrics import called
from fieldwise_runtime.rpc_spans import RpcSpan

_GIVEN: Final = ("credentials", "wait_for_ready", "compression")
_OK: Final = grpc.StatusCode.OK
_NO_LIMIT: Final = float("inf")


class TracedChannel(grpc.aio.Channel):
    """Wraps a channel; generated stubs take it as one.

    A unary-unary call of a stub is a coroutine: it starts when it is awaited. Use asyncio.gather for parallel calls.
    """

    def __init__(self, channel: grpc.aio.Channel, *, peer: str = "", cap_seconds: float = 30.0) -> None:
        self._channel = channel
        self._peer = peer
        self._cap = cap_seconds

    def unary_unary(self, method: str, request_serializer: Any = None, response_deserializer: Any = None,
                    _registered_method: Any = False) -> Any:  # fmt: skip
        inner: Any = self._channel.unary_unary(method, None, response_deserializer)
        return _UnaryCall(inner, _Method(method, self._peer), request_serializer or _same, self._cap)

    def unary_stream(self, method: str, request_serializer: Any = None, response_deserializer: Any = None,
                     _registered_method: Any = False) -> Any:  # fmt: skip
        inner: Any = self._channel.unary_stream(method, None, response_deserializer)
        serialize = request_serializer or _same

        def begin(request: Any, **options: Any) -> Any:
            return inner(serialize(request), **options)

        return _StreamCall(begin, _Method(method, self._peer), None)

    def stream_unary(self, method: str, request_serializer: Any = None, response_deserializer: Any = None,
                     _registered_method: Any = False) -> Any:  # fmt: skip
        inner: Any = self._channel.stream_unary(method, None, response_deserializer)
        return _StreamCall(inner, _Method(method, self._peer), request_serializer or _same)

    def stream_stream(self, method: str, request_serializer: Any = None, response_deserializer: Any = None,
                      _registered_method: Any = False) -> Any:  # fmt: skip
        inner: Any = self._channel.stream_stream(method, None, response_deserializer)
        return _StreamCall(inner, _Method(method, self._peer), request_serializer or _same)

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    async def __aenter__(self) -> TracedChannel:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._channel.__aexit__(kind, error, traceback)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()


def _same(message: Any) -> Any:
    return message


class _Method:
    """What is the same for all calls of one method: the span's name and attributes."""

    __slots__ = ("attributes", "name")

    def __init__(self, path: str, peer: str) -> None:
        service, _, method = path.strip("/").rpartition("/")
        self.name = f"{service}/{method}"
        self.attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        if peer:
            self.attributes["peer.service"] = peer

    def start_span(self) -> Span:
        return tracing.client_span(self.name, self.attributes)


def _finish(span: Span, code: grpc.StatusCode, description: str = "") -> None:
    if isinstance(span, RpcSpan):
        called(span, code)
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code is not _OK:
        span.set_status(StatusCode.ERROR, description or code.name)
    span.end()


def _fail(span: Span, error: BaseException) -> None:
    """Ends the span of a call that raised; the code is the one the caller sees."""
    if isinstance(error, AioRpcError):
        # Never its details: they hold what the caller sent.
        _finish(span, error.code(), reason_of(error))
    elif isinstance(error, FieldwiseError):
        _finish(span, error.code, error.reason)
    elif isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        _finish(span, grpc.StatusCode.CANCELLED)
    else:
        # Not sent at all: the request does not serialise, or its metadata is no metadata.
        _finish(span, grpc.StatusCode.INTERNAL, f"not sent: {type(error).__name__}")


def _metadata(given: Any, span: Span) -> tuple[tuple[str, Any], ...]:
    context = span.get_span_context()
    own = ((tracing.TRACEPARENT, tracing.traceparent(context)),) if context.is_valid else ()
    return (*given, *own) if given else own


def _timeout(given: float | None, cap: float, method: _Method) -> float | None:
    """Seconds for the call.

    Raises:
        AioRpcError: DEADLINE_EXCEEDED when none are left; a call that cannot be answered in time is not sent.
    """
    seconds = deadlines.budget(cap if given is None else given)
    if seconds <= 0:
        details = f"no time left to call {method.name}; give a later deadline"
        raise AioRpcError(grpc.StatusCode.DEADLINE_EXCEEDED, Metadata(), Metadata(), details)
    return None if seconds == _NO_LIMIT else seconds


class _UnaryCall:
    """Calls of one unary-unary method."""

    __slots__ = ("_cap", "_inner", "_method", "_serialize")

    def __init__(self, inner: Any, method: _Method, serialize: Callable[[Any], bytes], cap: float) -> None:
        self._inner = inner
        self._method = method
        self._serialize = serialize
        self._cap = cap

    async def __call__(
        self, request: Any, *, timeout: float | None = None, metadata: Any = None, **options: Any
    ) -> Any:
        span = self._method.start_span()
        try:
            seconds = _timeout(timeout, self._cap, self._method)
            raw = self._serialize(request)
            response = await self._inner(raw, timeout=seconds, metadata=_metadata(metadata, span), **options)
        except BaseException as error:
            _fail(span, error)
            raise
        _finish(span, _OK)
        return response


class _StreamCall:
    """Calls of one method with a stream on either side; ``serialize`` is None where only the answers are one."""

    __slots__ = ("_begin", "_method", "_serialize")

    def __init__(
        self, begin: Callable[..., Any], method: _Method, serialize: Callable[[Any], bytes] | None
    ) -> None:
        self._begin = begin
        self._method = method
        self._serialize = serialize

    def __call__(
        self, request: Any = None, timeout: float | None = None, metadata: Any = None, **options: Any
    ) -> TracedStream:
        span = self._method.start_span()
        try:
            seconds = _timeout(timeout, _NO_LIMIT, self._method)
            sent, requests = request, None
            if self._serialize is not None and request is not None:
                requests = _Requests(request, self._serialize)
                sent = requests.serialized()
            call = self._begin(sent, timeout=seconds, metadata=_metadata(metadata, span), **options)
        except BaseException as error:
            _fail(span, error)
            raise
        return TracedStream(call, span, self._serialize or _same, requests)


class _Requests:
    """The requests of one call, and what ended them.

    grpc swallows what a request iterator raises and cancels the call, so that its caller would see a cancellation that
    nobody asked for; kept here, the error reaches him as itself.
    """

    __slots__ = ("_requests", "_serialize", "error")

    def __init__(self, requests: Any, serialize: Callable[[Any], bytes]) -> None:
        self._requests = requests
        self._serialize = serialize
        self.error: Exception | None = None

    async def serialized(self) -> AsyncIterator[bytes]:
        try:
            if hasattr(self._requests, "__aiter__"):
                async for request in self._requests:
                    yield self._serialize(request)
            else:
                for request in self._requests:
                    yield self._serialize(request)
        except Exception as error:
            self.error = error
            raise


class TracedStream:
    """A running call with a stream on either side: `async for`, read, write, done_writing, await, cancel.

    Its span ends when the call does: at the last message, an error, the deadline, a cancellation, or when it is dropped.
    """

    def __init__(
        self, call: Any, span: Span, serialize: Callable[[Any], bytes], requests: _Requests | None
    ) -> None:
        self._call = call
        self._span = span
        self._serialize = serialize
        self._requests = requests
        # The callback holds the span, not this object: a stream that is dropped half-read must be collectable,
        # because that is what makes grpc cancel it.
        call.add_done_callback(_Ending(span, asyncio.get_running_loop()))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            response = yield from self._call.__await__()
        except BaseException as error:
            raise self._stopped(error) from None
        return response

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for message in self._call:
                yield message
        except BaseException as error:
            raise self._stopped(error) from None

    async def read(self) -> Any:
        try:
            return await self._call.read()
        except BaseException as error:
            raise self._stopped(error) from None

    async def write(self, request: Any) -> None:
        try:
            await self._call.write(self._serialize(request))
        except BaseException as error:
            raise self._stopped(error) from None

    def cancel(self) -> bool:
        return bool(self._call.cancel())

    def _stopped(self, error: BaseException) -> BaseException:
        """Ends span and call, with which nobody goes on after an error; returns the error that is its cause."""
        cause = self._cause(error)
        if self._span.is_recording():
            _fail(self._span, cause)
        self._call.cancel()
        return cause

    def _cause(self, error: BaseException) -> BaseException:
        if self._requests is None or self._requests.error is None:
            return error
        if not isinstance(error, asyncio.CancelledError) or _is_being_cancelled():
            return error
        return self._requests.error


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _Ending:
    """Ends a stream's span with the call's final code, when grpc says that the call is over."""

    __slots__ = ("_loop", "_span")

    def __init__(self, span: Span, loop: asyncio.AbstractEventLoop) -> None:
        self._span = span
        self._loop = loop

    def __call__(self, call: Any) -> None:
        if not self._span.is_recording():
            return
        if self._loop.is_closed():
            _finish(self._span, grpc.StatusCode.CANCELLED)
            return
        reading = self._loop.create_task(self._read(call))
        _pending.add(reading)
        reading.add_done_callback(_pending.discard)

    async def _read(self, call: Any) -> None:
        code, trailers = await call.code(), await call.trailing_metadata()
        if self._span.is_recording():
            _finish(self._span, code, reason_in(trailers))


# The loop keeps only weak references to tasks.
_pending: set[asyncio.Task[None]] = set()
