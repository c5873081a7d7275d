"""The body of a request, read within its bounds: pieces, frames, decompression; knows no message."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import grpc

from fieldwise_gateway.http.bounds import Patience
from fieldwise_runtime.errors import (
    DeadlineExceeded,
    FieldwiseError,
    InvalidRequest,
    ResourceExhausted,
    Violation,
)

Receive = Callable[[], Awaitable[Any]]

COMPRESSED: Final = 0x01
_PREFIX: Final = 5
_STEP: Final = 1 << 16


class Gone(Exception):
    """The caller went away before his request was complete; nobody waits for an answer."""


class Room:
    """Bytes that all requests together may hold.

    Args:
        most: Of those.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, count: int) -> None:
        """Raises ResourceExhausted (reason TOO_MUCH_AT_ONCE) when there is no room for ``count`` bytes more."""
        if count > self._left:
            message = f"other requests hold the bytes that all may hold at once; {count} more do not fit: send again in a second"
            raise ResourceExhausted("TOO_MUCH_AT_ONCE", message, retry_after_seconds=1.0)
        self._left -= count

    def give(self, count: int) -> None:
        """Gives back what was taken."""
        self._left += count


class Held:
    """What one request holds of a room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0

    def add(self, count: int) -> None:
        """Takes room for ``count`` bytes more, or raises as `Room.take`."""
        self._room.take(count)
        self._bytes += count

    def release(self) -> None:
        """Gives all of it back."""
        self._room.give(self._bytes)
        self._bytes = 0


async def pieces(receive: Receive, patience: Patience, held: Held | None = None) -> AsyncIterator[bytes]:
    """The body as it comes.

    Raises:
        Gone: The connection ended.
        DeadlineExceeded: It comes too slowly; reason REQUEST_TOO_SLOW.
        ResourceExhausted: All requests together hold too much; reason TOO_MUCH_AT_ONCE.
    """
    began, taken = time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(patience.stall_seconds):
                message = await receive()
        except TimeoutError:
            raise _too_slow(taken, patience) from None
        if message["type"] != "http.request":
            raise Gone
        piece = message.get("body", b"")
        taken += len(piece)
        if piece:
            if held is not None:
                held.add(len(piece))
            yield piece
        if not message.get("more_body", False):
            return
        late = time.monotonic() - began - patience.stall_seconds
        if late > 0 and taken < late * patience.slowest_bytes_per_second:
            raise _too_slow(taken, patience)


def _too_slow(taken: int, patience: Patience) -> FieldwiseError:
    message = (
        f"the request's body is not complete: {taken} bytes came, then none for {patience.stall_seconds:g} s or too few;"
        f" send at least {patience.slowest_bytes_per_second / 1024:g} KiB a second"
    )
    return DeadlineExceeded("REQUEST_TOO_SLOW", message)


async def whole(coming: AsyncIterator[bytes], most: int) -> bytes:
    """The whole body.

    Raises:
        ResourceExhausted: It is longer than ``most`` bytes.
    """
    got: list[bytes] = []
    length = 0
    async for piece in coming:
        length += len(piece)
        if length > most:
            raise too_large(most)
        got.append(piece)
    return got[0] if len(got) == 1 else b"".join(got)


async def decoded_text(coming: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes that a body of base64 stands for, as they come; pads may stand between its parts."""
    kept = b""
    async for piece in coming:
        kept += piece
        ready = len(kept) - len(kept) % 4
        yield _from_base64(kept[:ready])
        kept = kept[ready:]
    yield _from_base64(kept)


def _from_base64(text: bytes) -> bytes:
    try:
        if b"=" not in text[:-2]:
            return base64.b64decode(text, validate=True)
        # Whoever encodes each frame by itself pads each: quanta of four are decoded one by one.
        quanta = (text[at : at + 4] for at in range(0, len(text), 4))
        return b"".join(base64.b64decode(quantum, validate=True) for quantum in quanta)
    except (binascii.Error, ValueError):
        raise _malformed("text that is no base64", "encode the frames in base64") from None


async def frames(coming: AsyncIterator[bytes], most: int, flags: int) -> AsyncIterator[tuple[int, bytes]]:
    """The frames of a body: their flags and their payloads. A frame is one byte of flags, four of length, the payload.

    Args:
        most: Longest payload.
        flags: Those that may be set.
    """
    kept = bytearray()
    async for piece in coming:
        kept += piece
        at = 0
        while len(kept) - at >= _PREFIX:
            length = int.from_bytes(kept[at + 1 : at + _PREFIX], "big")
            if kept[at] & ~flags:
                raise _malformed(f"a frame with flags {kept[at]:#04x}", "send messages only")
            if length > most:
                raise too_large(most)
            if len(kept) - at < _PREFIX + length:
                break
            yield kept[at], bytes(kept[at + _PREFIX : at + _PREFIX + length])
            at += _PREFIX + length
        del kept[:at]
    if kept:
        raise _malformed(f"a last frame of {len(kept)} bytes that is cut off", "send each frame whole")


def decompressed(payload: bytes, encoding: str, most: int) -> bytes:
    """The payload as it was before it was compressed; looks at the bound after every 64 KiB.

    Raises:
        ResourceExhausted: It would be longer than ``most`` bytes.
        InvalidRequest: It is not what ``encoding`` says.
        FieldwiseError: UNIMPLEMENTED, an encoding that is not gzip.
    """
    if encoding in ("", "identity"):
        return payload
    if encoding != "gzip":
        message = f"content encoding {encoding[:40]!r} is not read here; send gzip or identity"
        raise FieldwiseError("UNKNOWN_ENCODING", message, code=grpc.StatusCode.UNIMPLEMENTED)
    try:
        return b"".join(_gunzipped(payload, most))
    except zlib.error:
        raise _malformed(
            "bytes that are no gzip", "compress them, or leave out the content encoding"
        ) from None


def _gunzipped(payload: bytes, most: int) -> Iterator[bytes]:
    # 31: gzip with its header and its checksum.
    reader = zlib.decompressobj(31)
    length = 0
    for at in range(0, len(payload), _STEP):
        # In steps: what is left over of the input is copied each time.
        rest = payload[at : at + _STEP]
        while rest:
            if reader.eof:
                raise _malformed("gzip with something behind its end", "send one gzip stream")
            piece = reader.decompress(rest, _STEP)
            length += len(piece)
            if length > most:
                raise too_large(most)
            yield piece
            rest = reader.unconsumed_tail or reader.unused_data
    if not reader.eof:
        raise _malformed("gzip that is cut off", "send the whole of it")


def too_large(most: int) -> ResourceExhausted:
    """The refusal of a message above its bound."""
    return ResourceExhausted(
        "REQUEST_TOO_LARGE",
        f"the request is longer than {most} bytes, decompressed; split it, or send it in its binary form",
        metadata={"most_bytes": str(most)},
    )


def _malformed(what: str, remedy: str) -> InvalidRequest:
    return InvalidRequest([Violation("(request)", what, remedy)], reason="MALFORMED_REQUEST")
