"""What surrounds every call a server answers: trace, deadline, field rules, errors; knows no contract.

Handlers are wrapped once a method, where they are registered, instead of by a grpc.aio interceptor, which would run again
for every call.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.trace import Span, StatusCode

from fieldwise_runtime import deadlines, rules, tracing
from fieldwise_runtime.errors import (
    STATUS_KEY,
    Aborted,
    FieldwiseError,
    InternalFault,
    InvalidRequest,
    Violation,
    from_rpc_error,
    to_status,
)
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Those that say that the server failed; the others are answers (OpenTelemetry semantic conventions for gRPC servers).
# CANCELLED is added: work that nobody waited for should be found.
_SERVER_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
# Bytes of a request that is read beside the event loop; checking takes some 100 ns a byte.
_LARGE: Final = 200_000
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

_Context = Any  # grpc.aio.ServicerContext, whose stub lacks what the implementation has


class GuardedHandlers(grpc.GenericRpcHandler):
    """Generated handlers, each wrapped when its method is first called."""

    def __init__(self, inner: grpc.GenericRpcHandler, unchecked: frozenset[str] = frozenset()) -> None:
        self._inner = inner
        self._unchecked = unchecked
        self._wrapped: dict[str, Any] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method: Any = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = self._inner.service(handler_call_details)
            if handler is None:
                return None
            wrapped = self._wrapped[method] = guarded(handler, method, self._unchecked)
        return wrapped


class GuardedServer:
    """The server as `register` functions see it: what is added to it is wrapped."""

    def __init__(self, server: grpc.aio.Server, unchecked: frozenset[str] = frozenset()) -> None:
        self._server = server
        self._unchecked = unchecked

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        handlers = [GuardedHandlers(handler, self._unchecked) for handler in generic_rpc_handlers]
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Does nothing: generated code registers the same methods a second time, as generic handlers."""


def guarded(handler: Any, path: str, unchecked: frozenset[str] = frozenset()) -> Any:
    """The handler of one method, wrapped."""
    method = _Method(path, handler, unchecked)
    requests: Callable[[Any], Awaitable[Any]] = (
        method.requests if handler.request_streaming else method.request
    )
    behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    if not handler.response_streaming:
        wrap = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        return wrap(_answering(method, behaviour, requests))
    wrap_stream = (
        grpc.stream_stream_rpc_method_handler
        if handler.request_streaming
        else grpc.unary_stream_rpc_method_handler
    )
    if inspect.isasyncgenfunction(behaviour):
        return wrap_stream(_streaming(method, behaviour, requests))
    # Such a handler writes to the context by itself, so grpc has to know how messages become bytes.
    writing = _writing(method, behaviour, requests)
    return wrap_stream(writing, response_serializer=handler.response_serializer)


class _Method:
    """What is the same for all calls of one method."""

    __slots__ = ("_parse", "_unchecked", "attributes", "expected", "name", "serialize")

    def __init__(self, path: str, handler: Any, unchecked: frozenset[str]) -> None:
        service, _, method = path.strip("/").rpartition("/")
        self.name = f"{service}/{method}"
        self.attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        self.serialize: Callable[[Any], bytes] = handler.response_serializer or bytes
        self._parse = handler.request_deserializer
        self._unchecked = unchecked
        # Generated code passes the message class's FromString, which knows its class.
        kind = getattr(self._parse, "__self__", None)
        self.expected = (
            kind.DESCRIPTOR.full_name if kind is not None and hasattr(kind, "DESCRIPTOR") else self.name
        )

    async def request(self, raw: bytes) -> Any:
        """The message in the bytes, obeying its field rules.

        Raises:
            InvalidRequest: The bytes are no such message, or fields are wrong.
        """
        # Other calls wait for no check of fifty thousand accounts, which takes half a second.
        return await asyncio.to_thread(self._checked, raw) if len(raw) > _LARGE else self._checked(raw)

    async def requests(self, raw: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        """The messages of a stream, each as `request` gives it."""
        return self._each(raw)

    async def _each(self, raw: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for each in raw:
            yield await self.request(each)

    def _checked(self, raw: bytes) -> Any:
        if self._parse is None:
            return raw
        try:
            message = self._parse(raw)
        except DecodeError:
            remedy = f"send a serialised {self.expected}"
            fault = Violation("(request)", f"{len(raw)} bytes that do not parse", remedy)
            raise InvalidRequest(
                [fault], reason="MALFORMED_REQUEST", metadata={"expected": self.expected}
            ) from None
        faults = rules.violations(message, self._unchecked)
        if faults:
            raise InvalidRequest(faults)
        return message

    def begin(self, context: _Context) -> Span:
        """Starts the call's span as the current one, and its deadline. Needs no undoing: each call is its own task."""
        deadlines.begin(context.time_remaining())
        header = ""
        for key, value in context.invocation_metadata() or ():
            if key == tracing.TRACEPARENT:
                header = value
                break
        return tracing.server_span(self.name, header, self.attributes)


def _answering(
    method: _Method, behaviour: Callable[..., Awaitable[Any]], requests: Callable[[Any], Awaitable[Any]]
) -> Any:
    async def answer(raw: Any, context: _Context) -> bytes:
        span = method.begin(context)
        try:
            reply = method.serialize(await behaviour(await requests(raw), context))
        except BaseException as error:
            await _refuse(error, context, span, method)
            raise
        _finish(span, _answered_code(context))
        return reply

    return answer


def _streaming(
    method: _Method, behaviour: Callable[..., Any], requests: Callable[[Any], Awaitable[Any]]
) -> Any:
    async def stream(raw: Any, context: _Context) -> None:
        span = method.begin(context)
        try:
            async with aclosing(behaviour(await requests(raw), context)) as replies:
                async for reply in replies:
                    await context.write(method.serialize(reply))
        except BaseException as error:
            await _refuse(error, context, span, method)
            raise
        _finish(span, _answered_code(context))

    return stream


def _writing(
    method: _Method, behaviour: Callable[..., Awaitable[Any]], requests: Callable[[Any], Awaitable[Any]]
) -> Any:
    async def write(raw: Any, context: _Context) -> None:
        span = method.begin(context)
        try:
            await behaviour(await requests(raw), context)
        except BaseException as error:
            await _refuse(error, context, span, method)
            raise
        _finish(span, _answered_code(context))

    return write


def _answered_code(context: _Context) -> grpc.StatusCode:
    """The code a handler set by itself, OK otherwise."""
    code = context.code()
    if not code:
        return grpc.StatusCode.OK
    return code if isinstance(code, grpc.StatusCode) else _CODES[code]


def _finish(span: Span, code: grpc.StatusCode, description: str = "") -> None:
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code in _SERVER_FAULTS:
        span.set_status(StatusCode.ERROR, description or code.name)
    span.end()


async def _refuse(error: BaseException, context: _Context, span: Span, method: _Method) -> None:
    """Ends the span and answers the call with the error's status; returns only when the error itself must go on."""
    if isinstance(error, grpc.aio.AbortError):
        _finish(span, _answered_code(context))
        return
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)) and not _is_inner(error):
        left = deadlines.remaining()
        late = left is not None and left <= 0
        _finish(span, grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED)
        return
    if not isinstance(error, (Exception, asyncio.CancelledError)):
        _finish(span, grpc.StatusCode.INTERNAL, type(error).__name__)
        return
    told = _told(error, span, method)
    span.set_attribute("fieldwise.error.reason", told.reason)
    _finish(span, told.code, told.reason)
    trailers = ((STATUS_KEY, to_status(told).SerializeToString()),)
    await context.abort(told.code, told.message, trailers)


def _is_inner(error: BaseException) -> bool:
    """Whether something that the handler awaited was cancelled, and not the call: its caller still waits for a status."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling()


def _told(error: BaseException, span: Span, method: _Method) -> FieldwiseError:
    """The error as the caller may see it; what is not meant for him is logged once and replaced."""
    if isinstance(error, FieldwiseError):
        return error
    if isinstance(error, grpc.aio.AioRpcError):
        # A peer's refusal is passed on: our peers tell nothing that must not be told.
        return from_rpc_error(error).as_error()
    if isinstance(error, asyncio.CancelledError):
        log.warning("work of a call cancelled", method=method.name)
        return Aborted(
            "WORK_CANCELLED", f"what {method.name} waited for was cancelled; send the request again"
        )
    span.record_exception(error)
    log.exception("call failed", method=method.name, error=type(error).__name__)
    trace_id = tracing.current_trace_id()
    message = f"{method.name} failed by a fault of ours; report trace {trace_id or '(none)'}"
    return InternalFault("INTERNAL", message, metadata={"trace_id": trace_id} if trace_id else None)
