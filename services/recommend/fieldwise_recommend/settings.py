"""Settings of this service from the environment; knows no other service."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fieldwise_recommend.core.policy import MOST_PACING, Policy
from fieldwise_runtime.settings import (
    company_currency,
    data_folder,
    listen_address,
    log_level,
    service_database_url,
    setting,
    traces_address,
)


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


@dataclass(frozen=True)
class Settings:
    """What an operator can set."""

    data: Path = data_folder()
    currency: str = company_currency()
    log_level: str = log_level()
    traces: str = traces_address()
    listen: str = listen_address("recommend", 50054)
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

    @property
    def policy(self) -> Policy:
        return Policy(self.currency, self.control_share, self.control_salt, self.exploration, self.pacing)
