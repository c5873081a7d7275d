"""Single values of proto3 JSON as protobuf's fields take them; knows no message and no path.

Each reader raises ValueError whose text is the remedy.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

_F = FieldDescriptor
_RANGES: Final = {
    _F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    _F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    _F.CPPTYPE_UINT32: (0, 2**32 - 1),
    _F.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_LARGEST_FLOAT: Final = 3.4028234663852886e38
_NAMED_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _whole(field: FieldDescriptor, value: Any) -> int:
    low, high = _RANGES[field.cpp_type]
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, str) and len(value) <= 20 and value.removeprefix("-").isascii():
        number = int(value) if value.removeprefix("-").isdecimal() else None
    if number is None or not low <= number <= high:
        raise ValueError(f"give a whole number from {low} to {high}")
    return number


def _real(field: FieldDescriptor, value: Any) -> float:
    if isinstance(value, str):
        number = _NAMED_NUMBERS.get(value)
        if number is not None:
            return number
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value) if not isinstance(value, str) or value.strip() == value else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        most = _LARGEST_FLOAT if field.cpp_type == _F.CPPTYPE_FLOAT else math.inf
        if math.isfinite(number) and abs(number) <= most:
            return number
    raise ValueError('give a number, or "NaN", "Infinity" or "-Infinity" in quotes')


def _boolean(_field: FieldDescriptor, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("give true or false, without quotes")


def _enumerated(field: FieldDescriptor, value: Any) -> int:
    kind: Any = field.enum_type
    if isinstance(value, str) and value in kind.values_by_name:
        return int(kind.values_by_name[value].number)
    low, high = _RANGES[_F.CPPTYPE_INT32]
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise ValueError(f"give one of {', '.join(each.name for each in kind.values)}"[:400])


def _text(field: FieldDescriptor, value: Any) -> str | bytes:
    if not isinstance(value, str):
        raise ValueError(
            "give base64 in quotes" if field.type == _F.TYPE_BYTES else "give a string, in quotes"
        )
    if field.type == _F.TYPE_BYTES:
        standard = value.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("give base64") from None
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("send whole characters: half of a surrogate pair is no text") from None
    return value


READERS: Final[dict[int, Callable[[FieldDescriptor, Any], Any]]] = {
    _F.CPPTYPE_INT32: _whole,
    _F.CPPTYPE_INT64: _whole,
    _F.CPPTYPE_UINT32: _whole,
    _F.CPPTYPE_UINT64: _whole,
    _F.CPPTYPE_DOUBLE: _real,
    _F.CPPTYPE_FLOAT: _real,
    _F.CPPTYPE_BOOL: _boolean,
    _F.CPPTYPE_ENUM: _enumerated,
    _F.CPPTYPE_STRING: _text,
}
