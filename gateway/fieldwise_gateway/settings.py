"""What the gateway's processes need to know of their environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fieldwise_runtime.settings import (
    company_currency,
    data_folder,
    listen_address,
    log_level,
    peer_address,
    service_database_url,
    setting,
    traces_address,
)


@dataclass(frozen=True)
class ClockSetting:
    """Which business clock the installation has; ``start`` is None for the wall clock."""

    start: datetime | None


def parse_clock(text: str) -> ClockSetting:
    """Read ``wall`` or ``recorded:<RFC 3339 time>``.

    Raises:
        ValueError: Anything else.
    """
    remedy = "give `wall` or `recorded:<time>`, such as recorded:2017-12-25T00:00:00Z"
    if text == "wall":
        return ClockSetting(None)
    kind, _, moment = text.partition(":")
    try:
        start = datetime.fromisoformat(moment)
    except ValueError:
        raise ValueError(remedy) from None
    if kind != "recorded" or start.tzinfo is None:
        raise ValueError(remedy)
    return ClockSetting(start.astimezone(UTC))


def positive_seconds(text: str) -> float:
    """A number of seconds above 0, at most an hour."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds <= 3600.0:
        raise ValueError("give seconds, more than 0 and at most 3600")
    return seconds


@dataclass(frozen=True)
class Addresses:
    """Where the four services are reached."""

    profile: str = peer_address("profile", 50051)
    forecast: str = peer_address("forecast", 50052)
    allocation: str = peer_address("allocation", 50053)
    recommend: str = peer_address("recommend", 50054)


@dataclass(frozen=True)
class Settings:
    """Settings of the gateway process."""

    listen: str = listen_address("gateway", 50050)
    data: Path = data_folder()
    database_url: str = service_database_url("gateway")
    clock: ClockSetting = setting(
        "FIELDWISE_CLOCK",
        default=ClockSetting(None),
        parse=parse_clock,
        doc="business clock: wall or recorded:<time>",
    )
    decide_seconds: float = setting(
        "FIELDWISE_GATEWAY_DECIDE_SECONDS",
        default=2.0,
        parse=positive_seconds,
        doc="longest a Decide takes when its caller gave no deadline",
    )
    currency: str = company_currency()
    traces: str = traces_address()
    log_level: str = log_level()


@dataclass(frozen=True)
class JobsSettings:
    """Settings of the jobs process."""

    listen: str = listen_address("jobs", 50056)
    data: Path = data_folder()
    database_url: str = service_database_url("jobs")
    clock_database_url: str = service_database_url("gateway")
    clock: ClockSetting = setting(
        "FIELDWISE_CLOCK",
        default=ClockSetting(None),
        parse=parse_clock,
        doc="business clock: wall or recorded:<time>",
    )
    every_seconds: float = setting(
        "FIELDWISE_JOBS_EVERY_SECONDS",
        default=30.0,
        parse=positive_seconds,
        doc="how often the schedule is looked at",
    )
    outcomes_every_seconds: float = setting(
        "FIELDWISE_JOBS_OUTCOMES_EVERY_SECONDS",
        default=1.0,
        parse=positive_seconds,
        doc="how often outcomes are carried",
    )
    traces: str = traces_address()
    log_level: str = log_level()
