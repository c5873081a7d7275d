"""The time zone a customer lives in; knows no hour and no day."""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.situation import is_withheld


def zone_of(inputs: DecisionInputs, installation: tzinfo) -> tzinfo:
    """His own where profile knows it and may say so, else the installation's."""
    name = inputs.profile.plain.time_zone
    if not name or is_withheld(inputs):
        return installation
    return _zone(name) or installation


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo | None:
    """None for a name that this machine's database does not have."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None
