"""Settings of this service from the environment; knows no other service."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fieldwise_recommend.core.policy import MOST_FLOOR, MOST_PACING, Policy
from fieldwise_runtime.settings import (
    company_currency,
    data_folder,
    listen_address,
    log_level,
    metrics_address,
    service_database_url,
    setting,
    standby,
    tls_folder,
    traces_address,
    whole_number,
)

_MILLION: Final = 1_000_000
_UTC: Final = "UTC"


def number(low: float, high: float) -> Callable[[str], float]:
    """A parser of numbers from ``low`` to just below ``high``."""

    def parse(text: str) -> float:
        remedy = f"give a number from {low:g} to just below {high:g}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(remedy) from None
        if math.isnan(value) or not low <= value < high:
            raise ValueError(remedy)
        return value

    return parse


def time_zone(text: str) -> str:
    """A parser of names of time zones; UTC needs no database of them."""
    try:
        return text if text == _UTC else str(ZoneInfo(text))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("give a name of the IANA time zone database, such as Europe/Paris or UTC") from None


@dataclass(frozen=True)
class Settings:
    """What an operator can set."""

    data: Path = data_folder()
    currency: str = company_currency()
    log_level: str = log_level()
    traces: str = traces_address()
    tls: str = tls_folder()
    standby: bool = standby()
    listen: str = listen_address("recommend", 50054)
    metrics: str = metrics_address("recommend")
    database_url: str = service_database_url("recommend")
    control_share: float = setting(
        "FIELDWISE_RECOMMEND_CONTROL_SHARE",
        default=0.05,
        parse=number(0, 1),
        doc="share of customers who are always left alone, to measure what the others gain",
    )
    control_salt: str = setting(
        "FIELDWISE_RECOMMEND_CONTROL_SALT",
        default="fieldwise",
        doc="draws the control group; change it to draw anew",
    )
    exploration: float = setting(
        "FIELDWISE_RECOMMEND_EXPLORATION",
        default=0.02,
        parse=number(0, 1),
        doc="share of decisions that chance makes among explorable actions",
    )
    pacing: float = setting(
        "FIELDWISE_RECOMMEND_PACING",
        default=1.0,
        parse=number(0, MOST_PACING),
        doc="factor on all prices: above 1 spends slower",
    )

    campaign_control_share: float = setting(
        "FIELDWISE_RECOMMEND_CAMPAIGN_CONTROL_SHARE",
        default=0.0,
        parse=number(0, 1),
        doc="share of customers who never get an action, drawn for each action apart, to measure what it brings",
    )
    result_days: int = setting(
        "FIELDWISE_RECOMMEND_RESULT_DAYS",
        default=28,
        parse=whole_number(at_least=1, at_most=365),
        doc="days after a decision in which what the customer does counts as its result",
    )

    exploration_floor: float = setting(
        "FIELDWISE_RECOMMEND_EXPLORATION_FLOOR",
        default=0.001,
        parse=number(0, MOST_FLOOR),
        doc="least probability of each action that chance may choose; raises the share of chance where there are many",
    )
    exploration_loss: float = setting(
        "FIELDWISE_RECOMMEND_EXPLORATION_LOSS",
        default=10.0,
        parse=number(0, 1_000_000),
        doc="chance chooses nothing that is expected to be worth so much less than the best, in whole currency units",
    )
    pacing_gain: float = setting(
        "FIELDWISE_RECOMMEND_PACING_GAIN",
        default=4.0,
        parse=number(0, 64),
        doc="how strongly prices answer spending ahead of time or behind it; 0 leaves them as they are",
    )
    time_zone: str = setting(
        "FIELDWISE_TIME_ZONE",
        default=_UTC,
        parse=time_zone,
        doc="time zone of the installation, such as Europe/Paris: quiet hours and dates of customers whose own is not known are in it",
    )

    shops: str = setting(
        "FIELDWISE_RECOMMEND_SHOPS",
        default="",
        parse=str,
        doc="a TOML file of shops, their hours, and the middles of areas; empty: no action sends anybody to a shop",
    )

    @property
    def zone(self) -> tzinfo:
        return UTC if self.time_zone == _UTC else ZoneInfo(self.time_zone)

    @property
    def policy(self) -> Policy:
        return Policy(
            self.currency,
            self.control_share,
            self.control_salt,
            self.exploration,
            self.pacing,
            self.campaign_control_share,
            self.exploration_floor,
            round(self.exploration_loss * _MILLION),
            self.pacing_gain,
        )
