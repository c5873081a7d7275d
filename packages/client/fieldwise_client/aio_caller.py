"""How the asyncio client makes calls: channels, and the shell that leads a talk. Knows no request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from fieldwise_client.addresses import CHANNEL_OPTIONS
from fieldwise_client.api_keys import ApiKey
from fieldwise_client.credentials import Trust, opened_aio
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


class AsyncTransport(Protocol):
    """What carries calls: a channel, or an in-memory fake. Failures are raised as FieldwiseError."""

    async def send(self, step: Send) -> Message: ...

    def stream(self, method: Method[M], messages: Iterator[Message], timeout: float) -> AsyncIterator[M]: ...

    def receive(
        self, method: Method[M], request: Message, timeout: float | None
    ) -> AsyncGenerator[M, None]: ...

    async def close(self) -> None: ...


class AsyncChannels:
    """Calls over gRPC; one channel per peer, opened when first needed."""

    def __init__(
        self, where: Mapping[str, str], trusted: Trust | None = None, key: ApiKey | None = None
    ) -> None:
        self._where = where
        self._trust = trusted
        self._key = key or ApiKey(address=where.get("gateway", ""))
        self._open: dict[str, grpc.aio.Channel] = {}

    async def send(self, step: Send) -> Message:
        """Make one call."""
        call: Any = self._channel(step.method.peer).unary_unary(
            step.method.path,
            request_serializer=type(step.request).SerializeToString,
            response_deserializer=step.method.answer.FromString,
        )
        try:
            answer: Message = await call(step.request, timeout=step.timeout, metadata=self._key.metadata())
        except grpc.RpcError as error:
            raise self._typed(error, step.method.peer) from error
        return answer

    async def stream(
        self, method: Method[M], messages: Iterator[Message], timeout: float
    ) -> AsyncIterator[M]:
        """Make one call with a stream each way."""
        call: Any = self._channel(method.peer).stream_stream(
            method.path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=method.answer.FromString,
        )
        answers = call(messages, timeout=timeout, metadata=self._key.metadata())
        try:
            async for answer in answers:
                yield answer
        except grpc.RpcError as error:
            raise self._typed(error, method.peer) from error
        finally:
            answers.cancel()

    async def receive(
        self, method: Method[M], request: Message, timeout: float | None
    ) -> AsyncGenerator[M, None]:
        """Make one call that is answered by a stream; without a timeout it goes on until it is left."""
        call: Any = self._channel(method.peer).unary_stream(
            method.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        answers = call(request, timeout=timeout, metadata=self._key.metadata())
        try:
            async for answer in answers:
                yield answer
        except grpc.RpcError as error:
            raise self._typed(error, method.peer) from error
        finally:
            answers.cancel()

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._open.values():
            await channel.close()
        self._open.clear()

    def _channel(self, peer: str) -> grpc.aio.Channel:
        if peer not in self._open:
            self._open[peer] = opened_aio(self._where[peer], self._trust, CHANNEL_OPTIONS)
        return self._open[peer]

    def _typed(self, error: grpc.RpcError, peer: str) -> Exception:
        return from_rpc_error(error, peer, self._where[peer])


class AsyncCaller:
    """The shell around the talks: does what they say, over a transport."""

    _patience: Patience
    _transport: AsyncTransport

    def _within(self, timeout: float | None) -> Patience:
        return self._patience if timeout is None else self._patience.within(timeout)

    async def _pages(self, method: Method[M], request: Any, within: Patience) -> AsyncIterator[Any]:
        while True:
            page: Any = await self._lead(ask(method, request, within))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def _send(self, method: Method[M], request: Message, timeout: float | None) -> M:
        return await self._lead(ask(method, request, self._within(timeout)))

    async def _lead(self, talk: Talk[T]) -> T:
        """Do what the talk says until it returns; what goes wrong, Ctrl-C included, is the talk's to answer."""
        try:
            step = next(talk)
            while True:
                try:
                    answer = await self._do(step)
                except BaseException as error:  # thrown into the talk, which raises it again
                    step = talk.throw(error)
                else:
                    step = talk.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _receive(
        self, method: Method[M], request: Message, within: Patience
    ) -> AsyncGenerator[M, None]:
        """The answers of one long call. It is tried again when nobody answers at all, not when it breaks off."""
        failures = 0
        while True:
            begun = False
            try:
                async with aclosing(self._transport.receive(method, request, within.timeout)) as answers:
                    async for answer in answers:
                        begun = True
                        yield answer
                return
            except FieldwiseError as error:
                wait = wait_before_again(error, failures, within.timeout, within)
                if begun or wait is None:
                    raise
            await asyncio.sleep(wait)
            failures += 1

    async def _watch(self, method: Method[M], request: Message) -> AsyncGenerator[M, None]:
        """The answers of a call that never ends; when it breaks it is made again, until nobody answers for a while."""
        failing_since: float | None = None
        failures = 0
        while True:
            try:
                async with aclosing(self._transport.receive(method, request, None)) as answers:
                    async for answer in answers:
                        failing_since, failures = None, 0
                        yield answer
                return
            except Unavailable:
                failing_since = failing_since or time.monotonic()
                if time.monotonic() - failing_since > WATCH_AGAIN_SECONDS:
                    raise
            await asyncio.sleep(backoff(failures))
            failures += 1

    async def _do(self, step: Send | Pause) -> Message | None:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        return await self._transport.send(step)
