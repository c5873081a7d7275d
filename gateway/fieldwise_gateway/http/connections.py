"""Connections of callers who may be slow, silent or too many: cut off in time, so that nobody else notices; knows no call."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from fieldwise_gateway.http.bounds import Patience
from fieldwise_gateway.http.codes import plain_error

_FULL_BODY: Final = plain_error("unavailable", "all connections are taken; try again in a second")
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: " + str(len(_FULL_BODY)).encode() + b"\r\n\r\n" + _FULL_BODY
)


class Connections(ServerState):
    """All connections of a listener, and those of them on which nothing is being answered, longest first."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self.patience = patience
        self.waiting: dict[Connection, None] = {}
        self._headers: list[tuple[bytes, bytes]] = []
        self._second = 0

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The date, made once a second; uvicorn's is renewed by a task of its server, which this listener does without."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._headers = [(b"date", formatdate(second, usegmt=True).encode())]
        return self._headers

    @default_headers.setter
    def default_headers(self, value: list[tuple[bytes, bytes]]) -> None:
        """Does nothing: the parent sets an empty list."""


class Connection(H11Protocol):
    """One connection: uvicorn's, with an end to each wait for its caller."""

    server_state: Connections

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience = self.server_state.patience
        self._header_due: asyncio.TimerHandle | None = None
        self._taking_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        state = self.server_state
        if len(state.connections) > self._patience.connections:
            longest = next(iter(state.waiting), None)
            if longest is None:
                transport.write(_FULL)
                self._leave()
                return
            longest.cut()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._attend()
        self._unset_keepalive_if_required()
        if self._taking_due is not None:
            self._taking_due.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering():
            self._attend()
        elif not self.transport.is_closing():
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            # What was written may still lie here, for a reader who takes nothing.
            self._leave()
        elif self._answering():
            # The next call came with the last one.
            pass
        elif self.cycle.more_body:
            # Refused before it was read: what still comes is thrown away for a while, so that the answer is read.
            self._header_due = self._header_due or self.loop.call_later(
                self._patience.stall_seconds, self.cut
            )
        else:
            self.server_state.waiting[self] = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking_due = self.loop.call_later(self._patience.stall_seconds, self.cut)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taking_due is not None:
            self._taking_due.cancel()
            self._taking_due = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._leave()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._leave()

    def cut(self) -> None:
        """Ends the connection at once, whatever is on its way."""
        self.server_state.waiting.pop(self, None)
        self.transport.abort()

    def _answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, which its type does not say
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        """From now on a header has to come; a piece of one does not begin the time anew."""
        if self._header_due is None:
            self.server_state.waiting[self] = None
            self._header_due = self.loop.call_later(self._patience.stall_seconds, self.cut)

    def _attend(self) -> None:
        self.server_state.waiting.pop(self, None)
        if self._header_due is not None:
            self._header_due.cancel()
            self._header_due = None

    def _leave(self) -> None:
        """Closes, and does not wait for ever for what is still to be sent."""
        self.server_state.waiting.pop(self, None)
        self.transport.close()
        if self._taking_due is None:
            self._taking_due = self.loop.call_later(self._patience.stall_seconds, self.transport.abort)
