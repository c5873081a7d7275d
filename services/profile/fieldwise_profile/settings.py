"""Settings of profile, read from the environment; knows no other service."""

from __future__ import annotations

from dataclasses import dataclass

from fieldwise_runtime import settings
from fieldwise_runtime.settings import setting, whole_number


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can set."""

    listen: str = settings.listen_address("profile", 50051)
    database_url: str = settings.service_database_url("profile")
    currency: str = settings.company_currency()
    log_level: str = settings.log_level()
    traces_address: str = settings.traces_address()
    cached_customers: int = setting(
        "FIELDWISE_PROFILE_CACHED_CUSTOMERS",
        default=200_000,
        parse=whole_number(at_least=1),
        doc="customers whose profiles are kept in memory",
    )
