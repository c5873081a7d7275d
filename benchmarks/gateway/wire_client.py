"""A gRPC client of unary calls that costs little: ready-made HTTP/2 frames over a socket; knows no message.

A load generator shares the machine with what it measures: grpc.aio would take some 150 us of CPU for each call it makes, and at
three times a server's peak more of the machine than the server. This one writes frames that were built before, and of an answer
looks at nothing but its frames: an answer with data is one, an answer without is a refusal. What headers say is not read.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_INITIAL_WINDOW: Final = 4
_WIDE: Final = (1 << 31) - 1
_NARROW: Final = 65_535
_TOP_UP: Final = 1 << 28

# Told once for each call: whether it was answered, and the bytes of the answer's message; CUT for a stream that was reset.
CUT: Final = b"cut"
Ended = Callable[[bool, bytes], None]


def headers(path: str, authority: str, timeout_ms: int, metadata: Sequence[tuple[str, str]]) -> bytes:
    """The header block of a gRPC call (RFC 7541, literals without indexing), the same for every call of a kind."""
    # Indexed: POST (3), http (6). By indexed name: :path (4), :authority (1), content-type (31).
    block = b"\x83\x86" + b"\x04" + _text(path) + b"\x01" + _text(authority)
    block += b"\x0f\x10" + _text("application/grpc")
    for name, value in (("te", "trailers"), ("grpc-timeout", f"{timeout_ms}m"), *metadata):
        block += b"\x00" + _text(name) + _text(value)
    return block


def _text(value: str) -> bytes:
    raw = value.encode()
    length = len(raw)
    if length < 127:
        return bytes([length]) + raw
    encoded, rest = bytearray([127]), length - 127
    while rest >= 128:
        encoded.append(rest % 128 + 128)
        rest //= 128
    encoded.append(rest)
    return bytes(encoded) + raw


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Connection(asyncio.Protocol):
    """One connection; `call` may be called any number of times without waiting.

    Attributes:
        broken: How the server ended the connection before we did; empty while it did not.
    """

    def __init__(self) -> None:
        self.broken = ""
        self._transport: asyncio.Transport | None = None
        self._stream = 1
        self._waiting: dict[int, Ended] = {}
        self._messages: dict[int, bytes] = {}
        self._buffer = b""
        # Bytes of messages that we may still send, and calls that wait for more.
        self._window = _NARROW
        self._held: deque[tuple[bytes, bytes, Ended]] = deque()
        self._received = 0

    @classmethod
    async def to(cls, host: str, port: int) -> Connection:
        """Open a connection."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are no asyncio.Transport, though they are all that one is.
        self._transport = opened = cast("asyncio.Transport", transport)
        settings = struct.pack(">HI", _INITIAL_WINDOW, _WIDE)
        wide = struct.pack(">I", _WIDE - _NARROW)
        opened.write(_PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW, 0, 0, wide))

    def connection_lost(self, exc: Exception | None) -> None:
        self.broken = self.broken or f"connection lost: {exc}"
        waiting, self._waiting = self._waiting, {}
        for ended in waiting.values():
            ended(False, b"")

    def close(self) -> None:
        """End the connection; calls under way end unanswered."""
        if self._transport is not None:
            self._transport.abort()

    def call(self, block: bytes, message: bytes, ended: Ended) -> None:
        """Make a call with these headers and this serialised message."""
        if self._held or self._window < len(message) + 5:
            self._held.append((block, message, ended))
            return
        assert self._transport is not None
        stream, self._stream = self._stream, self._stream + 2
        self._waiting[stream] = ended
        self._window -= len(message) + 5
        prefixed = b"\x00" + len(message).to_bytes(4, "big") + message
        self._transport.write(
            _frame(_HEADERS, _END_HEADERS, stream, block) + _frame(_DATA, _END_STREAM, stream, prefixed)
        )

    def data_received(self, data: bytes) -> None:
        buffer, at = self._buffer + data if self._buffer else data, 0
        while len(buffer) - at >= 9:
            length = int.from_bytes(buffer[at : at + 3], "big")
            if len(buffer) - at < 9 + length:
                break
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big") & _WIDE
            self._take(buffer[at + 3], buffer[at + 4], stream, buffer[at + 9 : at + 9 + length])
            at += 9 + length
        self._buffer = buffer[at:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA:
            self._messages[stream] = self._messages.get(stream, b"") + payload
            self._widen(len(payload))
        if kind == _RESET or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            message = self._messages.pop(stream, b"")
            ended = self._waiting.pop(stream, None)
            if ended is not None:
                # What was reset has no answer, whatever of it came.
                is_answer = bool(message) and kind != _RESET
                ended(is_answer, CUT if kind == _RESET else message[5:])
        elif kind == _SETTINGS and not flags & _ACK:
            self._write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._write(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW and stream == 0:
            self._window += int.from_bytes(payload, "big")
            self._send_held()
        elif kind == _GOAWAY:
            self.broken = f"GOAWAY {payload[4:8].hex()} {payload[8:].decode(errors='replace')}"

    def _widen(self, received: int) -> None:
        self._received += received
        if self._received >= _TOP_UP:
            self._write(_frame(_WINDOW, 0, 0, struct.pack(">I", self._received)))
            self._received = 0

    def _send_held(self) -> None:
        held, self._held = self._held, deque()
        while held:
            block, message, ended = held.popleft()
            self.call(block, message, ended)

    def _write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)
