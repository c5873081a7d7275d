"""What the trace receiver needs to know of its environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldwise_runtime import settings
from fieldwise_runtime.settings import setting


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise ValueError("give a number from 0 to 1")
    return value


@dataclass(frozen=True)
class Settings:
    """Settings of the trace receiver. There is no address to send traces to: it does not trace itself."""

    listen: str = settings.listen_address("traces", 50055)
    data: Path = settings.data_folder()
    database_url: str = settings.service_database_url("traces")
    capacity: int = setting(
        "FIELDWISE_TRACES_CAPACITY",
        default=200_000,
        parse=settings.whole_number(1_000, 100_000_000),
        doc="most spans held; the oldest traces go first",
    )
    relay: str = setting(
        "FIELDWISE_TRACES_RELAY",
        default="",
        parse=settings.address,
        doc="host:port of another OTLP/gRPC backend that gets the same spans, with https:// before it for TLS; empty: none",
    )
    tls: str = settings.tls_folder()
    http_listen: str = setting(
        "FIELDWISE_TRACES_HTTP_LISTEN",
        default="",
        parse=settings.address,
        doc="where traces takes OTLP over HTTP (`POST /v1/traces`) and answers GET /metrics; empty: nowhere",
    )
    share: float = setting(
        "FIELDWISE_TRACES_SHARE",
        default=1.0,
        parse=fraction,
        doc="share of ordinary traces kept; errors, slow, degraded and asked-for ones always are",
    )
    slow_quantile: float = setting(
        "FIELDWISE_TRACES_SLOW_QUANTILE",
        default=0.99,
        parse=fraction,
        doc="a trace beyond this quantile of the last of its first method is slow; 1: none is",
    )
    slow_milliseconds: int = setting(
        "FIELDWISE_TRACES_SLOW_MILLISECONDS",
        default=0,
        parse=settings.whole_number(0, 86_400_000),
        doc="a trace that takes at least so long is slow; 0: no such limit",
    )
    log_level: str = settings.log_level()
