"""A way between HTTP clients and a server on which requests and answers get lost, are doubled or refused; knows no event.

Faults are drawn from a seed or given one by one. A request is read whole before its fault is chosen, so that nothing half-sent
ever reaches the server: what a fault does is what it says.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final


class Fault(Enum):
    """What happens to one request."""

    NONE = "none"
    # Answered on the way; the server never sees it.
    ERROR = "500"
    AWAY = "503"
    BUSY = "429"
    # The connection breaks before the server has the request.
    DROPPED = "dropped"
    # The connection breaks after the server has done it: the client does not know.
    LOST_ANSWER = "lost answer"
    # The server gets it twice.
    DOUBLED = "doubled"


DISTURBING: Final = tuple(fault for fault in Fault if fault is not Fault.NONE)
_ANSWERS: Final = {
    Fault.ERROR: b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
    Fault.AWAY: b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
    Fault.BUSY: b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
}
_MOST_BYTES: Final = 1 << 26


def drawn(seed: int, share: float, faults: Sequence[Fault] = DISTURBING) -> Iterator[Fault]:
    """One of the faults for about ``share`` of all requests."""
    chance = random.Random(seed)
    while True:
        yield chance.choice(faults) if chance.random() < share else Fault.NONE


class FaultyWay:
    """Listens on a port of its own and passes requests on to another; an asynchronous context manager.

    Args:
        target: Port of the server on this machine.
        faults: One for each request, in the order in which they come; none after the last.
    """

    def __init__(self, target: int, faults: Iterator[Fault]) -> None:
        self.port = 0
        self.happened: Counter[Fault] = Counter()
        self._target = target
        self._faults = faults
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FaultyWay:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=_MOST_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        server = _Server(self._target)
        try:
            # A client who goes away ends his connection; so does a server.
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._one(reader, writer, server):
                    pass
        finally:
            server.close()
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: _Server) -> bool:
        """Handles one request; False when the connection has to break."""
        request = await _message(reader)
        fault = next(self._faults, Fault.NONE)
        self.happened[fault] += 1
        if fault is Fault.DROPPED:
            return False
        answer = _ANSWERS.get(fault)
        if answer is None:
            answer = await server.answer(request)
            if fault is Fault.LOST_ANSWER:
                return False
            if fault is Fault.DOUBLED:
                answer = await server.answer(request)
        writer.write(answer)
        await writer.drain()
        return True


class _Server:
    """A connection to the server, opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def answer(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_MOST_BYTES)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        return await _message(reader)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer, whole; both sides state the length of every body here."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(_length(head))


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
