"""Settings of profile, read from the environment; knows no other service."""

from __future__ import annotations

from dataclasses import dataclass

from fieldwise_executor.settings import executor_place, executor_processes
from fieldwise_profile.core.register import days_told
from fieldwise_runtime import settings
from fieldwise_runtime.settings import one_of, setting, whole_number


def _retention(text: str) -> str:
    days_told(text)
    return text


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise ValueError("give a probability above 0 and at most 1, such as 0.99")
    return value


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can set."""

    listen: str = settings.listen_address("profile", 50051)
    metrics: str = settings.metrics_address("profile")
    database_url: str = settings.service_database_url("profile")
    currency: str = settings.company_currency()
    log_level: str = settings.log_level()
    traces_address: str = settings.traces_address()
    tls: str = settings.tls_folder()
    executor: str = executor_place()
    executor_processes: int = executor_processes()
    cached_customers: int = setting(
        "FIELDWISE_PROFILE_CACHED_CUSTOMERS",
        default=200_000,
        parse=whole_number(at_least=1),
        doc="customers whose profiles are kept in memory",
    )
    keys: str = setting(
        "FIELDWISE_PROFILE_KEYS",
        default="",
        doc="the key file; empty: beside a SQLite database, else `profile.keys` in the data folder",
    )
    unasked: str = setting(
        "FIELDWISE_PROFILE_UNASKED",
        default="refuse",
        parse=one_of("allow", "refuse"),
        doc="reads that need a consent, of customers of whom none is on record: allow or refuse",
    )
    retention: str = setting(
        "FIELDWISE_PROFILE_RETENTION",
        default="",
        parse=_retention,
        doc="days that what is personal is kept where they differ from the register's, such as `search=30,review=0`; 0: until erasure",
    )
    identity_link: float = setting(
        "FIELDWISE_PROFILE_IDENTITY_LINK",
        default=0.99,
        parse=_probability,
        doc="probability from which on two customers are linked without asking anybody",
    )
    identity_review: float = setting(
        "FIELDWISE_PROFILE_IDENTITY_REVIEW",
        default=0.6,
        parse=_probability,
        doc="probability from which on a pair of customers is queued for a person; at most the one of linking",
    )
    identity_lookup: str = setting(
        "FIELDWISE_PROFILE_IDENTITY_LOOKUP",
        default="background",
        parse=one_of("background", "off"),
        doc="whether new records are looked up in the background; off while many are imported: ResolveIdentities does them at once",
    )
    identity_most_sharing: int = setting(
        "FIELDWISE_PROFILE_IDENTITY_MOST_SHARING",
        default=20,
        parse=whole_number(at_least=2),
        doc="a phone or e-mail of more customers than this (a shop's) is no evidence of who is who",
    )
    identity_weights: str = setting(
        "FIELDWISE_PROFILE_IDENTITY_WEIGHTS",
        default="",
        doc="file of weights learned on records of your own; empty: those delivered",
    )
