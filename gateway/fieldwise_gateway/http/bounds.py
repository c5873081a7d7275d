"""What an HTTP caller may take of the gateway: bytes, depth, seconds, connections; enforces nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fieldwise_runtime.channels import MAX_MESSAGE_BYTES

# Reading JSON takes some forty times as long as reading the same request in its binary form, which may be as long as in gRPC.
JSON_BYTES: Final = 4 * 1024 * 1024
BINARY_BYTES: Final = MAX_MESSAGE_BYTES
DEPTH: Final = 64
# Of all requests that are being read or answered at once, as they came and decompressed: whoever has no key can send bodies, too.
HELD_BYTES: Final = 4 * MAX_MESSAGE_BYTES
# h11 reads a header again from its beginning with every piece that comes, so that its length is work as well as memory.
HEADER_BYTES: Final = 32 * 1024
# Answers shorter than this are sent as they are: a packet saved is not worth the compression.
COMPRESSED_FROM_BYTES: Final = 32 * 1024


@dataclass(frozen=True)
class Patience:
    """How long the gateway waits for a caller, and for how many.

    Args:
        stall_seconds: Within this a header is complete, the next piece of a body has come, and a reader has taken what was
            written for him; else the connection is cut.
        connections: Most connections at once. When all are taken the one that has asked nothing for the longest time goes;
            when all are being answered the next caller gets 503 with Retry-After.
        idle_seconds: A connection on which nothing is asked is closed.
        slowest_bytes_per_second: A body comes at least at this rate on average, from `stall_seconds` on.
    """

    stall_seconds: float = 15.0
    connections: int = 1000
    idle_seconds: float = 60.0
    slowest_bytes_per_second: float = 16 * 1024.0
