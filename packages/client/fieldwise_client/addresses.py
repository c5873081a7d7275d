"""Where the servers are: what the app says, else the environment, else this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping

_DEFAULTS = {"gateway": "127.0.0.1:50050"}

# Like the servers': a page of 10,000 decisions is several megabytes. Retries are ours, because grpc's own do not say
# when they gave up; a server that comes back is found again within half a second.
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
)


def addresses(gateway: str | None = None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Address of each peer by its name."""
    found = {
        peer: environ.get(f"FIELDWISE_{peer.upper()}_ADDRESS") or usual for peer, usual in _DEFAULTS.items()
    }
    return found | ({"gateway": gateway} if gateway else {})
