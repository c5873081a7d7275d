"""HTTP/2 by hand, as much as it takes to send what no gRPC client would; knows no message and no service."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GO_AWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# What a peer may send us before we say more: RFC 9113, the initial window.
_MOST_FRAME = 16_384


@dataclass
class RawCall:
    """One connection with one call on stream 1."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: int = 0
    _window: int = 65_535
    _stream_window: int = 65_535
    _trailers: bytes = field(default=b"", repr=False)

    @classmethod
    async def begin(cls, port: int, path: str, *more: tuple[str, str]) -> RawCall:
        """Connect and send the headers of a call."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        call = cls(reader, writer)
        writer.write(_PREFACE)
        call.frame(SETTINGS, 0, 0)
        headers = (
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *more,
        )
        call.frame(HEADERS, END_HEADERS, 1, b"".join(map(_literal, headers)))
        await writer.drain()
        return call

    def frame(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        """Write one frame."""
        head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
        self.writer.write(head + payload)

    async def message(self, body: bytes, *, compressed: bool = False, last: bool = True) -> bool:
        """Send a message as the peer's windows allow; whether all of it was taken before the call ended."""
        whole = struct.pack(">BI", compressed, len(body)) + body
        for piece in _pieces(whole):
            while min(self._window, self._stream_window) < len(piece):
                if await self._read_one() in (RESET, GO_AWAY) or self._trailers:
                    return False
            self._window -= len(piece)
            self._stream_window -= len(piece)
            self.frame(DATA, 0, 1, piece)
            await self.writer.drain()
        if last:
            self.frame(DATA, END_STREAM, 1)
        return True

    async def status(self, seconds: float = 5.0) -> int | None:
        """The call's grpc-status; None when the peer ended it without one."""
        async with asyncio.timeout(seconds):
            while not self._trailers:
                if await self._read_one() in (RESET, GO_AWAY):
                    return None
        at = self._trailers.index(b"grpc-status") + len(b"grpc-status")
        length = self._trailers[at]
        return int(self._trailers[at + 1 : at + 1 + length])

    async def close(self) -> None:
        """Be gone; may be called again."""
        self.writer.close()

    async def __aenter__(self) -> RawCall:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read_one(self) -> int:
        """Read one frame and do what it asks for; its kind."""
        try:
            head = await self.reader.readexactly(9)
        except (asyncio.IncompleteReadError, ConnectionError):
            return GO_AWAY
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        stream = int.from_bytes(head[5:]) & 0x7FFF_FFFF
        payload = await self.reader.readexactly(length)
        if kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
            self.frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload)
            if stream:
                self._stream_window += more
            else:
                self._window += more
        elif kind == DATA:
            self.received += length
        elif kind == HEADERS and flags & END_STREAM:
            self._trailers = payload
        return kind

    def _take_settings(self, payload: bytes) -> None:
        for at in range(0, len(payload), 6):
            name, value = struct.unpack_from(">HI", payload, at)
            if name == 4:
                self._stream_window += value - 65_535


def _pieces(whole: bytes) -> Iterator[bytes]:
    for start in range(0, len(whole), _MOST_FRAME):
        yield whole[start : start + _MOST_FRAME]


def _literal(header: tuple[str, str]) -> bytes:
    """A header that nobody keeps: HPACK (RFC 7541, 6.2.2) without indexing and without Huffman's code."""
    return b"\x00" + b"".join(_text(each) for each in header)


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    rest, left = [], len(raw) - 127
    while left >= 128:
        rest.append(left % 128 + 128)
        left //= 128
    return bytes([127, *rest, left]) + raw
