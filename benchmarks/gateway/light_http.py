"""The least HTTP/1.1 client that asks the twin: httpx in the callers would take more of the two cores than the twin itself.

At 128 callers httpx took over half of what the machine has and the twin's throughput was the client's; this one takes a few per cent.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque

from benchmarks.decide.twin import wire

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class LightTwin:
    """POSTs decisions over connections that stay open, as many as are under way at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[_Connection] = deque()

    async def decide(self, customer: str) -> wire.Decision:
        """One decision, read as the typed answer.

        Raises:
            RuntimeError: The twin answered anything but 200.
        """
        body = wire.DecideAsk(request_id=str(uuid.uuid4()), customer=customer).model_dump_json().encode()
        connection = self._idle.pop() if self._idle else await self._opened()
        answer = await self._asked(connection, body)
        self._idle.append(connection)
        return wire.Decision.model_validate_json(answer)

    async def _opened(self) -> _Connection:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)

    async def _asked(self, connection: _Connection, body: bytes) -> bytes:
        reader, writer = connection
        head = (
            "POST /decide HTTP/1.1\r\nhost: twin\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        told = (await reader.readuntil(_END)).lower()
        if not told.startswith(b"http/1.1 200"):
            raise RuntimeError(f"the twin answered {told.splitlines()[0].decode()}")
        at = told.index(_LENGTH) + len(_LENGTH)
        return await reader.readexactly(int(told[at : told.index(b"\r\n", at)]))

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.pop()[1].close()
