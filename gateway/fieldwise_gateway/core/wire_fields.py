"""Fields of a protobuf message as bytes, so that what was serialised once is not read and written again for each question.

A message is the bytes of its fields one after the other, in any order (the protobuf encoding specification): messages that
set different fields of one type are joined by joining their bytes.
"""

from __future__ import annotations

from typing import Final

_DELIMITED: Final = 2
_MORE: Final = 0x80


def delimited(number: int, body: bytes) -> bytes:
    """A field of this number (below 16) that holds a message, as bytes."""
    return bytes((number << 3 | _DELIMITED,)) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= _MORE:
        digits.append(value & (_MORE - 1) | _MORE)
        value >>= 7
    digits.append(value)
    return bytes(digits)
