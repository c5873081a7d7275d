"""What surrounds every call a server answers: trace, deadline, field rules, errors; knows no contract.

Handlers are wrapped once a method, where they are registered, instead of by a grpc.aio interceptor, which would run again
for every call.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

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
    Overloaded,
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
# Within which grpc cancels a call whose requests ended because its caller cancelled it: two rounds of the event loop were too few
# for one such call in twenty, this for none of 150.
_CANCELLATION_SECONDS: Final = 0.002
# Whoever looks for a trace asks many times; his asking would be most of what he finds.
_UNRECORDED: Final = frozenset({"fieldwise.gateway.v1.TracesService"})
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

_Context = Any  # grpc.aio.ServicerContext, whose stub lacks what the implementation has
_Requests = Callable[["Call", Any], Awaitable[Any]]


class Call:
    """One call as gatekeepers see it.

    Attributes:
        path: ``/package.Service/Method``.
        context: What grpc, or another face of the same servicers, knows of the call.
        begun: time.perf_counter() when it came in.
        principal: Who calls; set by whoever finds out.
        requests: How many of its requests were let through, counted by whoever limits them.
        reason: The stable reason of the error it was answered with; empty while there is none.
        seat: What admission counted the call in; None when it is not counted.
    """

    __slots__ = ("begun", "context", "path", "principal", "reason", "requests", "seat", "span")

    def __init__(self, path: str, context: _Context, span: Span, begun: float) -> None:
        self.path = path
        self.context = context
        self.span = span
        self.begun = begun
        self.principal: Any = None
        self.requests = 0
        self.reason = ""
        self.seat: Any = None

    def header(self, name: str) -> str:
        """The first value of a header, in lower case; empty when it was not sent."""
        for key, value in self.context.invocation_metadata() or ():
            if key == name:
                return value if isinstance(value, str) else ""
        return ""


class Encoded(bytes):
    """A request as another face received it, in a form that is not its binary one; its length bounds the work of reading it."""

    def binary(self) -> bytes:
        """The same request serialised. Read where binary ones are parsed: after the gatekeepers let the call in.

        Raises:
            InvalidRequest: What was received is no such request.
        """
        return bytes(self)


class Gatekeeper(Protocol):
    """Stands before every call of a server: refuses by raising a FieldwiseError. Called in the order of registration."""

    async def enter(self, call: Call) -> None:
        """A call has come in; nothing of its request was read."""

    async def check(self, call: Call, request: Any) -> None:
        """A request was read and obeys its field rules; each of a stream's."""

    async def passes(self, call: Call, answer: Any) -> None:
        """The handler gave this answer; each of a stream's. What is passed on from another server is bytes."""

    def leave(self, call: Call, code: grpc.StatusCode) -> None:
        """The call is over. Called once for each `enter` that was begun, refused or not; must not raise."""


# Asked when a call has come in and not even its headers were looked at: gives what `turned_away` made of the error with which the
# call of this method is refused, and None where the gatekeepers shall see it.
Door = Callable[[str], Any]


def turned_away(error: Overloaded) -> Any:
    """What refuses a call of any method with this error; made once for many calls.

    A refusal by it costs a third less than one by a gatekeeper: no span, no deadline, and the request is never received.
    """
    trailers = ((STATUS_KEY, error.prepared()),)

    async def refuse(_requests: Any, context: _Context) -> None:
        await context.abort(error.code, error.message, trailers)

    # As if its requests were a stream: those are received only when they are asked for.
    return grpc.stream_unary_rpc_method_handler(refuse)


class GuardedHandlers(grpc.GenericRpcHandler):
    """Generated handlers, each wrapped when its method is first called."""

    def __init__(
        self,
        inner: grpc.GenericRpcHandler,
        unchecked: frozenset[str] = frozenset(),
        keepers: Sequence[Gatekeeper] = (),
        door: Door | None = None,
    ) -> None:
        self._inner = inner
        self._unchecked = unchecked
        self._keepers = keepers
        self._door = door
        self._wrapped: dict[str, Any] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        wrapped = self.wrapped(handler_call_details)
        if wrapped is not None and self._door is not None:
            refusing = self._door(handler_call_details.method)
            if refusing is not None:
                return refusing
        return wrapped

    def wrapped(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The wrapped handler of the method, whatever the door says; None when it is another's."""
        method: Any = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = self._inner.service(handler_call_details)
            if handler is None:
                return None
            wrapped = self._wrapped[method] = guarded(handler, method, self._unchecked, self._keepers)
        return wrapped


class GuardedServer:
    """The server as `register` functions see it: what is added to it is wrapped."""

    def __init__(
        self,
        server: grpc.aio.Server,
        unchecked: frozenset[str] = frozenset(),
        keepers: Sequence[Gatekeeper] = (),
        door: Door | None = None,
    ) -> None:
        self._server = server
        self._door = door
        self._unchecked = unchecked
        self._keepers = keepers
        self._handlers: list[GuardedHandlers] = []

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        handlers = [
            GuardedHandlers(handler, self._unchecked, self._keepers, self._door)
            for handler in generic_rpc_handlers
        ]
        self._handlers += handlers
        self._server.add_generic_rpc_handlers(handlers)

    def handler(self, path: str) -> Any:
        """The wrapped handler of a method (``/package.Service/Method``), for another face of this server; None for none."""
        for each in self._handlers:
            found = each.wrapped(_Asked(path))
            if found is not None:
                return found
        return None

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Does nothing: generated code registers the same methods a second time, as generic handlers."""


class _Asked(grpc.HandlerCallDetails):
    """What generated handlers need to know of a call to find its method."""

    def __init__(self, path: str) -> None:
        self.method = path
        self.invocation_metadata = ()


def guarded(
    handler: Any, path: str, unchecked: frozenset[str] = frozenset(), keepers: Sequence[Gatekeeper] = ()
) -> Any:
    """The handler of one method, wrapped."""
    method = _Method(path, handler, unchecked, keepers)
    requests: _Requests = method.requests if handler.request_streaming else method.request
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

    __slots__ = (
        "_keepers", "_parse", "_path", "_recorded", "_unchecked", "attributes", "expected", "name", "serialize",
    )  # fmt: skip

    def __init__(
        self, path: str, handler: Any, unchecked: frozenset[str], keepers: Sequence[Gatekeeper]
    ) -> None:
        self._path, self._keepers = path, tuple(keepers)
        service, _, method = path.strip("/").rpartition("/")
        self.name = f"{service}/{method}"
        self.attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        self._recorded = service not in _UNRECORDED
        self.serialize: Callable[[Any], bytes] = handler.response_serializer or bytes
        self._parse = handler.request_deserializer
        self._unchecked = unchecked
        # Generated code passes the message class's FromString, which knows its class.
        kind = getattr(self._parse, "__self__", None)
        self.expected = (
            kind.DESCRIPTOR.full_name if kind is not None and hasattr(kind, "DESCRIPTOR") else self.name
        )

    async def request(self, call: Call, raw: bytes) -> Any:
        """The message in the bytes, obeying its field rules and let through by the gatekeepers.

        Raises:
            InvalidRequest: The bytes are no such message, or fields are wrong.
        """
        # Other calls wait for no check of fifty thousand accounts, which takes half a second.
        message = await asyncio.to_thread(self._checked, raw) if len(raw) > _LARGE else self._checked(raw)
        for keeper in self._keepers:
            await keeper.check(call, message)
        return message

    async def requests(self, call: Call, raw: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        """The messages of a stream, each as `request` gives it."""
        return self._each(call, raw)

    async def _each(self, call: Call, raw: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for each in raw:
            yield await self.request(call, each)
        # To grpc a caller who cancels has sent his last request, and a moment later the call is cancelled: without the wait
        # half a stream looks like a whole one.
        await asyncio.sleep(_CANCELLATION_SECONDS)

    async def enter(self, call: Call) -> None:
        for keeper in self._keepers:
            await keeper.enter(call)

    async def answered(self, call: Call, answer: Any) -> bytes:
        """The answer as bytes, when the gatekeepers let it pass."""
        for keeper in self._keepers:
            await keeper.passes(call, answer)
        # A handler may have its answer as bytes already.
        return answer if isinstance(answer, bytes) else self.serialize(answer)

    def finish(self, call: Call, code: grpc.StatusCode, description: str = "") -> None:
        """Ends the call: its span, and what the gatekeepers keep of it."""
        _finish(call.span, code, description)
        self.leave(call, code)

    def leave(self, call: Call, code: grpc.StatusCode) -> None:
        """Ends the call for the gatekeepers, without its span."""
        for keeper in self._keepers:
            keeper.leave(call, code)

    def _checked(self, raw: bytes) -> Any:
        if self._parse is None:
            return raw
        if isinstance(raw, Encoded):
            raw = raw.binary()
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

    def begin(self, context: _Context) -> Call:
        """Starts the call's span as the current one, and its deadline. Needs no undoing: each call is its own task."""
        begun = time.perf_counter()
        deadlines.begin(context.time_remaining())
        header = ""
        for key, value in context.invocation_metadata() or ():
            if key == tracing.TRACEPARENT:
                header = value
                break
        return Call(self._path, context, self._span(header), begun)

    def _span(self, header: str) -> Span:
        return tracing.server_span(self.name, header, self.attributes, recorded=self._recorded)


def _answering(method: _Method, behaviour: Callable[..., Awaitable[Any]], requests: _Requests) -> Any:
    async def answer(raw: Any, context: _Context) -> bytes:
        call = method.begin(context)
        try:
            await method.enter(call)
            reply = await method.answered(call, await behaviour(await requests(call, raw), context))
        except BaseException as error:
            await _refuse(error, call, method)
            raise
        method.finish(call, _answered_code(context))
        return reply

    return answer


def _streaming(method: _Method, behaviour: Callable[..., Any], requests: _Requests) -> Any:
    async def stream(raw: Any, context: _Context) -> None:
        call = method.begin(context)
        try:
            await method.enter(call)
            async with aclosing(behaviour(await requests(call, raw), context)) as replies:
                async for reply in replies:
                    await _write(context, await method.answered(call, reply))
        except _ReaderLeft:
            # Nobody is there to be told anything, and nothing of ours went wrong.
            method.finish(call, grpc.StatusCode.CANCELLED)
            return
        except BaseException as error:
            await _refuse(error, call, method)
            raise
        method.finish(call, _answered_code(context))

    return stream


class _ReaderLeft(Exception):
    """Whoever read a stream is gone."""


async def _write(context: _Context, answer: bytes) -> None:
    try:
        await context.write(answer)
    except (
        Exception
    ) as error:  # grpc says of a reader who left in the middle of a message only that it was not sent
        raise _ReaderLeft from error


def _writing(method: _Method, behaviour: Callable[..., Awaitable[Any]], requests: _Requests) -> Any:
    async def write(raw: Any, context: _Context) -> None:
        call = method.begin(context)
        try:
            await method.enter(call)
            await behaviour(await requests(call, raw), context)
        except BaseException as error:
            await _refuse(error, call, method)
            raise
        method.finish(call, _answered_code(context))

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


async def _refuse(error: BaseException, call: Call, method: _Method) -> None:
    """Ends the call and answers it with the error's status; returns only when the error itself must go on."""
    if isinstance(error, grpc.aio.AbortError):
        method.finish(call, _answered_code(call.context))
        return
    if isinstance(error, Overloaded):
        call.reason = error.reason
        if error.is_recorded:
            call.span.set_attribute("fieldwise.error.reason", error.reason)
            method.finish(call, error.code)
        else:
            # There may be thousands a second: they are counted, and a span each would cost more than the refusal.
            method.leave(call, error.code)
        await call.context.abort(error.code, error.message, ((STATUS_KEY, error.prepared()),))
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)) and not _is_inner(error):
        left = deadlines.remaining()
        late = left is not None and left <= 0
        method.finish(call, grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED)
        return
    if not isinstance(error, (Exception, asyncio.CancelledError)):
        method.finish(call, grpc.StatusCode.INTERNAL, type(error).__name__)
        return
    told = _told(error, call.span, method)
    call.reason = told.reason
    call.span.set_attribute("fieldwise.error.reason", told.reason)
    method.finish(call, told.code, told.reason)
    trailers = ((STATUS_KEY, to_status(told).SerializeToString()),)
    await call.context.abort(told.code, told.message, trailers)


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
