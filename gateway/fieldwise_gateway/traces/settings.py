"""What the trace receiver needs to know of its environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldwise_runtime import settings
from fieldwise_runtime.settings import setting


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
        doc="host:port of another OTLP/gRPC backend that gets the same spans; empty: none",
    )
    log_level: str = settings.log_level()
