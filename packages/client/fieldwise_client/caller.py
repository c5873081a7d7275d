"""How the synchronous client makes calls: channels, and the shell that leads a talk. Knows no request."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from fieldwise_client.addresses import CHANNEL_OPTIONS
from fieldwise_client.api_keys import ApiKey
from fieldwise_client.credentials import Trust, opened
from fieldwise_client.errors import FieldwiseError, Unavailable, from_rpc_error
from fieldwise_client.talks import (
    WATCH_AGAIN_SECONDS,
    M,
    Method,
    Patience,
    Pause,
    Send,
    T,
    Talk,
    ask,
    backoff,
    wait_before_again,
)


class Transport(Protocol):
    """What carries calls: a channel, or an in-memory fake. Failures are raised as FieldwiseError."""

    def send(self, step: Send) -> Message: ...

    def stream(self, method: Method[M], messages: Iterator[Message], timeout: float) -> Iterator[M]: ...

    def receive(self, method: Method[M], request: Message, timeout: float | None) -> Iterator[M]: ...

    def close(self) -> None: ...


class Channels:
    """Calls over gRPC; one channel per peer, opened when first needed."""

    def __init__(
        self, where: Mapping[str, str], trusted: Trust | None = None, key: ApiKey | None = None
    ) -> None:
        self._where = where
        self._trust = trusted
        self._key = key or ApiKey(address=where.get("gateway", ""))
        self._open: dict[str, grpc.Channel] = {}

    def send(self, step: Send) -> Message:
        """Make one call."""
        call: Any = self._channel(step.method.peer).unary_unary(
            step.method.path,
            request_serializer=type(step.request).SerializeToString,
            response_deserializer=step.method.answer.FromString,
        )
        try:
            answer: Message = call(step.request, timeout=step.timeout, metadata=self._key.metadata())
        except grpc.RpcError as error:
            raise self._typed(error, step.method.peer) from error
        return answer

    def stream(self, method: Method[M], messages: Iterator[Message], timeout: float) -> Iterator[M]:
        """Make one call with a stream each way."""
        call: Any = self._channel(method.peer).stream_stream(
            method.path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=method.answer.FromString,
        )
        answers = call(messages, timeout=timeout, metadata=self._key.metadata())
        try:
            yield from answers
        except grpc.RpcError as error:
            raise self._typed(error, method.peer) from error
        finally:
            answers.cancel()

    def receive(self, method: Method[M], request: Message, timeout: float | None) -> Iterator[M]:
        """Make one call that is answered by a stream; without a timeout it goes on until it is left."""
        call: Any = self._channel(method.peer).unary_stream(
            method.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        answers = call(request, timeout=timeout, metadata=self._key.metadata())
        try:
            yield from answers
        except grpc.RpcError as error:
            raise self._typed(error, method.peer) from error
        finally:
            answers.cancel()

    def close(self) -> None:
        """Close every channel."""
        for channel in self._open.values():
            channel.close()
        self._open.clear()

    def _channel(self, peer: str) -> grpc.Channel:
        if peer not in self._open:
            self._open[peer] = opened(self._where[peer], self._trust, CHANNEL_OPTIONS)
        return self._open[peer]

    def _typed(self, error: grpc.RpcError, peer: str) -> Exception:
        return from_rpc_error(error, peer, self._where[peer])


class Caller:
    """The shell around the talks: does what they say, over a transport."""

    _patience: Patience
    _transport: Transport

    def _within(self, timeout: float | None) -> Patience:
        return self._patience if timeout is None else self._patience.within(timeout)

    def _pages(self, method: Method[M], request: Any, within: Patience) -> Iterator[Any]:
        while True:
            page: Any = self._lead(ask(method, request, within))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _send(self, method: Method[M], request: Message, timeout: float | None) -> M:
        return self._lead(ask(method, request, self._within(timeout)))

    def _lead(self, talk: Talk[T]) -> T:
        """Do what the talk says until it returns; what goes wrong, Ctrl-C included, is the talk's to answer."""
        try:
            step = next(talk)
            while True:
                try:
                    answer = self._do(step)
                except BaseException as error:  # thrown into the talk, which raises it again
                    step = talk.throw(error)
                else:
                    step = talk.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def _receive(self, method: Method[M], request: Message, within: Patience) -> Iterator[M]:
        """The answers of one long call. It is tried again when nobody answers at all, not when it breaks off."""
        failures = 0
        while True:
            begun = False
            try:
                for answer in self._transport.receive(method, request, within.timeout):
                    begun = True
                    yield answer
                return
            except FieldwiseError as error:
                wait = wait_before_again(error, failures, within.timeout, within)
                if begun or wait is None:
                    raise
            time.sleep(wait)
            failures += 1

    def _watch(self, method: Method[M], request: Message) -> Iterator[M]:
        """The answers of a call that never ends; when it breaks it is made again, until nobody answers for a while."""
        failing_since: float | None = None
        failures = 0
        while True:
            try:
                for answer in self._transport.receive(method, request, None):
                    failing_since, failures = None, 0
                    yield answer
                return
            except Unavailable:
                failing_since = failing_since or time.monotonic()
                if time.monotonic() - failing_since > WATCH_AGAIN_SECONDS:
                    raise
            time.sleep(backoff(failures))
            failures += 1

    def _do(self, step: Send | Pause) -> Message | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        return self._transport.send(step)
