"""Channels to other Fieldwise servers: retries, health, message size; knows no contract."""

from __future__ import annotations

import ipaddress
import json
from typing import Final

from fieldwise_runtime import tls
from fieldwise_runtime.traced_channel import TracedChannel

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024

# Only UNAVAILABLE is tried again: the server was not there or refused before it began. Every write of ours carries a
# request_id or is idempotent by its content, so that a request that was processed and then lost can be sent again.
_SERVICE_CONFIG: Final = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 2,
                    "initialBackoff": "0.02s",
                    "maxBackoff": "0.1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)

_OPTIONS: Final = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.enable_retries", 1),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A peer that was restarted is found again within a quarter of a second instead of gRPC's default of up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 50),
    # Not a pause: how long one attempt may take. A handshake on a busy machine takes its time.
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 250),
    # A peer that vanished without closing the connection is noticed.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)


def connect(address: str, peer: str, *, cap_seconds: float = 30.0) -> TracedChannel:
    """A traced channel to ``peer`` (its short name, such as profile). Connects when it is first used.

    Args:
        address: host:port, or several separated by commas, among which calls go round.
        cap_seconds: Longest time of a unary call that was given no timeout and serves no deadline; it never hangs.
    """
    channel = tls.aio_channel(target(address), peer, _OPTIONS)
    return TracedChannel(channel, peer=peer, cap_seconds=cap_seconds)


def target(address: str) -> str:
    """The gRPC target of one address, or of several as one list."""
    if "," not in address:
        return address
    hosts = [part.rpartition(":")[0].strip("[]") for part in address.split(",")]
    versions = {ipaddress.ip_address(host).version for host in hosts if _is_ip(host)}
    if len(versions) != 1 or not all(_is_ip(host) for host in hosts):
        raise ValueError(
            f"address {address!r}: give several as IP addresses of one kind, or one name that has them all"
        )
    return f"ipv{versions.pop()}:{address}"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
