"""What the gateway's processes need to know of their environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fieldwise_gateway.http.environment import http_connections, http_listen, http_origins, http_stall_seconds
from fieldwise_runtime.settings import (
    boolean,
    company_currency,
    data_folder,
    listen_address,
    log_level,
    metrics_address,
    one_of,
    peer_address,
    service_database_url,
    setting,
    tls_folder,
    traces_address,
    whole_number,
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


def token_keys(text: str) -> str:
    """A file, or an address that nobody on the way can change.

    Raises:
        ValueError: http to another machine.
    """
    local = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")
    if text.startswith("http://") and not text.startswith(local):
        raise ValueError("give a file, or an address that begins with https://")
    return text


def is_loopback(listen: str) -> bool:
    """Whether only this machine reaches a ``host:port``."""
    host = listen.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


@dataclass(frozen=True)
class Addresses:
    """Where the four services and the jobs process are reached."""

    profile: str = peer_address("profile", 50051)
    forecast: str = peer_address("forecast", 50052)
    allocation: str = peer_address("allocation", 50053)
    recommend: str = peer_address("recommend", 50054)
    jobs: str = peer_address("jobs", 50056)


@dataclass(frozen=True)
class Settings:
    """Settings of the gateway process."""

    listen: str = listen_address("gateway", 50050)
    http: str = http_listen()
    http_origins: str = http_origins()
    http_stall_seconds: float = http_stall_seconds()
    http_connections: int = http_connections()
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
    staleness_seconds: float = setting(
        "FIELDWISE_GATEWAY_STALENESS_SECONDS",
        default=2.0,
        parse=positive_seconds,
        doc="longest silence of the streams that tell of changes, after which nothing held is used",
    )
    held_seconds: float = setting(
        "FIELDWISE_GATEWAY_HELD_SECONDS",
        default=60.0,
        parse=positive_seconds,
        doc="business time for which a profile that did not change is used before it is read again",
    )
    admission: bool = setting(
        "FIELDWISE_GATEWAY_ADMISSION",
        default=True,
        parse=boolean,
        doc="whether calls that cannot be answered in good time are refused at once: true or false",
    )
    patience_seconds: float = setting(
        "FIELDWISE_GATEWAY_PATIENCE_SECONDS",
        default=0.25,
        parse=positive_seconds,
        doc="decisions that take no longer than this are never a reason to refuse others",
    )
    access: str = setting(
        "FIELDWISE_GATEWAY_ACCESS",
        default="keys",
        parse=one_of("keys", "open"),
        doc="keys: callers show an API key or token; open: everybody is operator, on loopback only",
    )
    token_issuer: str = setting(
        "FIELDWISE_GATEWAY_TOKEN_ISSUER", default="", doc="iss of signed tokens (JWT); empty: none are taken"
    )
    token_audience: str = setting(
        "FIELDWISE_GATEWAY_TOKEN_AUDIENCE", default="fieldwise", doc="aud of signed tokens"
    )
    token_keys: str = setting(
        "FIELDWISE_GATEWAY_TOKEN_KEYS",
        default="",
        parse=token_keys,
        doc="public keys (JWKS) of the issuer of tokens: a file, or a https address",
    )
    token_leeway_seconds: float = setting(
        "FIELDWISE_GATEWAY_TOKEN_LEEWAY_SECONDS",
        default=30.0,
        parse=positive_seconds,
        doc="how far the clock of the issuer of tokens may differ",
    )
    calls_per_second: int = setting(
        "FIELDWISE_GATEWAY_CALLS_PER_SECOND",
        default=0,
        parse=whole_number(),
        doc="limit of each key or token that has none of its own; 0: none",
    )
    currency: str = company_currency()
    traces: str = traces_address()
    tls: str = tls_folder()
    log_level: str = log_level()


@dataclass(frozen=True)
class JobsSettings:
    """Settings of the jobs process."""

    listen: str = listen_address("jobs", 50056)
    metrics: str = metrics_address("jobs")
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
    tls: str = tls_folder()
    log_level: str = log_level()
