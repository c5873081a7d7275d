"""What functions of rules compute where Python's own operators differ from CEL; knows no rule.

Times are microseconds since 1970, durations microseconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
_UNITS: Final = {"h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1_000, "us": 1}
_DURATION: Final = re.compile(r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|us|m|s))+|0")
_PIECE: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|m|s)")
_INT: Final = re.compile(r"-?\d+")
_DOUBLE: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = -62_135_596_800 * SECOND
_LAST: Final = 253_402_300_800 * SECOND - 1
_LOW, _HIGH = -(2**63), 2**63 - 1


class Failed(Exception):
    """A rule has no value for a customer: a field is missing, a number too large, a key not there."""


def whole(value: int) -> int:
    if _LOW <= value <= _HIGH:
        return value
    raise Failed("the result has more than 64 bits")


def divided(one: int, other: int) -> int:
    """Towards zero, as CEL divides."""
    if not other:
        raise Failed("division by zero")
    found = abs(one) // abs(other)
    return whole(found if (one < 0) == (other < 0) else -found)


def rest(one: int, other: int) -> int:
    """With the sign of ``one``."""
    if not other:
        raise Failed("division by zero")
    found = abs(one) % abs(other)
    return -found if one < 0 else found


def quotient(one: float, other: float) -> float:
    """IEEE 754: division by zero is infinite or NaN."""
    if other:
        return one / other
    if one == 0 or math.isnan(one) or math.isnan(other):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1.0, other)


def truncated(value: float) -> int:
    if -9.3e18 < value < 9.3e18:
        return whole(int(value))
    raise Failed("the number has no int of 64 bits")


def int_of(text: str) -> int:
    if len(text) > 20 or not _INT.fullmatch(text):
        raise Failed("the text is no int")
    return whole(int(text))


def double_of(text: str) -> float:
    if not _DOUBLE.fullmatch(text):
        raise Failed("the text is no number")
    return float(text)


def text_of_double(value: float) -> str:
    """The shortest text that reads back as the number; whole numbers without a point."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def text_of_bool(value: bool) -> str:
    return "true" if value else "false"


def moment(value: int) -> int:
    """A time in the years 1 to 9999."""
    if _FIRST <= value <= _LAST:
        return value
    raise Failed("the time lies outside of the years 1 to 9999")


def span(value: int) -> int:
    if -_LAST <= value <= _LAST:
        return value
    raise Failed("the duration is longer than 8,000 years")


def moment_of(text: str) -> int:
    """The time in a text such as ``2026-01-31T00:00:00Z``."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None or "T" not in text:
        raise Failed("the text is no time; write it as 2026-01-31T00:00:00Z")
    return (read - _EPOCH) // timedelta(microseconds=1)


def span_of(text: str) -> int:
    """The duration in a text such as ``36h`` or ``1h30m``."""
    if len(text) > 40 or not _DURATION.fullmatch(text):
        raise Failed("the text is no duration; write it as 36h, 90m or 1h30m (there are no days)")
    total = sum(round(float(number) * _UNITS[unit]) for number, unit in _PIECE.findall(text))
    return span(-total if text[0] == "-" else total)


def calendar(value: int | None) -> datetime:
    if value is None:
        # Found by fuzzing: null stands where a time is expected.
        raise Failed("null is no time; ask whether it is there first")
    return _EPOCH + timedelta(microseconds=value)


def day_of_week(value: int) -> int:
    """0 is Sunday."""
    return calendar(value).isoweekday() % 7


def day_of_year(value: int) -> int:
    return calendar(value).timetuple().tm_yday - 1


def item(values: Sequence[Any], index: int) -> Any:
    if 0 <= index < len(values):
        return values[index]
    raise Failed("the list has no such element")


def entry(values: Mapping[Any, Any], key: Any) -> Any:
    found = values.get(key)
    if found is None:
        raise Failed("the map has no such key")
    return found


def mapping(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Failed("a key of the map stands twice")
    return found


def known(value: Any) -> Any:
    """The value; absent fields fail."""
    if value is None:
        raise Failed("a field that the rule reads has no value")
    return value


def among(value: float, values: Sequence[float]) -> bool:
    """Membership of a number; NaN is in no list."""
    return any(value == each for each in values)
