"""Attributes that are compared, and when two values of one are the same; knows no profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Value = str | float
Attributes = Mapping[str, Value]
# How two values of an attribute are compared.
Comparison = Literal["same", "near", "hour"]

# Numbers this close (as a share of the larger) say the same to whoever acts on them.
NEAR: Final = 0.15
_HOURS: Final = 24
# An hour before or after is the same time of the day to whoever calls.
NEAR_HOURS: Final = 1


def is_right(shown: Value | None, true: Value | None, comparison: Comparison) -> bool:
    """Whether the value shown is right. What is shown as not known is right only when it is not known."""
    if shown is None or true is None:
        return shown is true
    if isinstance(shown, str) or isinstance(true, str) or comparison == "same":
        return shown == true
    if comparison == "hour":
        apart = abs(shown - true) % _HOURS
        return min(apart, _HOURS - apart) <= NEAR_HOURS
    return abs(shown - true) <= NEAR * max(abs(shown), abs(true))
