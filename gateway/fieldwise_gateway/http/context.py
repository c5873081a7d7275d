"""One HTTP request as a handler made for grpc.aio sees its call; knows no protocol and no method."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Never

import grpc

Metadata = Sequence[tuple[str, Any]]


class HttpContext:
    """What handlers, gatekeepers and tracing use of a grpc.aio.ServicerContext.

    Args:
        metadata: The request's headers, names in lower case, ``-bin`` values as bytes.
        seconds: Time the caller gave; None without a limit.
        peer: ``host:port`` of the caller.
        write: Sends one message of a stream; None for calls with one answer.
    """

    def __init__(
        self,
        metadata: Metadata,
        seconds: float | None,
        peer: str,
        write: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        self._metadata = tuple(metadata)
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._peer = peer
        self._write = write
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailing: tuple[tuple[str, Any], ...] = ()
        self._leading: tuple[tuple[str, Any], ...] = ()

    def time_remaining(self) -> float | None:
        """Seconds until the caller gives up; None when he gave no limit."""
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    def invocation_metadata(self) -> tuple[tuple[str, Any], ...]:
        return self._metadata

    def peer(self) -> str:
        return self._peer

    def peer_identities(self) -> None:
        """None: a certificate of the caller is not asked for on this face."""

    def peer_identity_key(self) -> None:
        """None, as `peer_identities`."""

    def auth_context(self) -> Mapping[str, Any]:
        return {}

    def code(self) -> grpc.StatusCode | None:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, Any], ...]:
        return self._trailing

    def leading_metadata(self) -> tuple[tuple[str, Any], ...]:
        """What the handler sent before its answer."""
        return self._leading

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._details = details

    def set_trailing_metadata(self, trailing_metadata: Metadata) -> None:
        self._trailing = tuple(trailing_metadata)

    async def send_initial_metadata(self, initial_metadata: Metadata) -> None:
        """Kept until the answer begins, whose headers they become."""
        self._leading = tuple(initial_metadata)

    async def write(self, message: Any) -> None:
        if self._write is None:
            raise RuntimeError("this call has one answer; return it")
        await self._write(message)

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()
    ) -> Never:
        """Ends the call with a status.

        Raises:
            grpc.aio.AbortError: Always.
        """
        self._code, self._details = code, details
        # As in grpc: what was set before stays when the abort brings none of its own.
        self._trailing = tuple(trailing_metadata) or self._trailing
        raise grpc.aio.AbortError("aborted")
