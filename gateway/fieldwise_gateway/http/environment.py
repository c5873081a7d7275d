"""What the HTTP face needs to know of its environment, as fields of the gateway's settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fieldwise_runtime.settings import address, setting, whole_number


def http_listen() -> Any:
    """Where the HTTP face listens, FIELDWISE_GATEWAY_HTTP_LISTEN; empty: there is none."""
    return setting(
        "FIELDWISE_GATEWAY_HTTP_LISTEN",
        default="",
        parse=address,
        doc="where the gateway answers JSON, Connect and gRPC-Web; empty: nowhere",
    )


def http_origins() -> Any:
    """Of which web origins pages may call, FIELDWISE_GATEWAY_HTTP_ORIGINS."""
    return setting(
        "FIELDWISE_GATEWAY_HTTP_ORIGINS",
        default="",
        parse=_checked_origins,
        doc="origins whose web pages may call, separated by commas, such as https://app.example.com; empty: none",
    )


def http_stall_seconds() -> Any:
    """How long a caller may stand still, FIELDWISE_GATEWAY_HTTP_STALL_SECONDS."""
    return setting(
        "FIELDWISE_GATEWAY_HTTP_STALL_SECONDS",
        default=15.0,
        parse=_seconds,
        doc="within this a caller's header is complete, more of his body has come, and he has taken what was written for him",
    )


def http_connections() -> Any:
    """Most connections at once, FIELDWISE_GATEWAY_HTTP_CONNECTIONS."""
    return setting(
        "FIELDWISE_GATEWAY_HTTP_CONNECTIONS",
        default=1000,
        parse=whole_number(1, 100_000),
        doc="most HTTP connections at once; the longest idle one gives way, then callers get 503",
    )


def origins(text: str) -> tuple[str, ...]:
    """Web origins, separated by commas.

    Raises:
        ValueError: One is no origin; ``*`` is none, because whoever may call is named.
    """
    found = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    for origin in found:
        parts = urlsplit(origin)
        if (
            parts.scheme not in ("http", "https")
            or not parts.netloc
            or f"{parts.scheme}://{parts.netloc}" != origin
        ):
            raise ValueError("give origins, such as https://app.example.com, separated by commas")
    return found


def _checked_origins(text: str) -> str:
    return ",".join(origins(text))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 600.0:
        raise ValueError("give seconds, from 0.05 to 600")
    return seconds
