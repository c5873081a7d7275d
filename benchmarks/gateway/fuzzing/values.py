"""Odd values out of bytes: JSON and text that are nearly right, so that what reads them is reached at all; knows no reader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

_DEEPEST: Final = 6
_ODD_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "a" * 300,
    "\u202e\ud7ff\U0001f600",
    "null",
    "2017-12-25T00:00:00Z",
    "2017-12-25T00:00:00.123456789+23:59",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "1e309",
    "-0",
    "NaN",
    "customers/1",
    "../..",
    "%s%n{0}",
    "USD",
    "\udcff",
)
_ODD_NUMBERS: Final = (
    0,
    -1,
    1,
    2**31,
    -(2**31) - 1,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    10**400,
    0.1,
    -0.0,
    1e308,
    5e-324,
    math.inf,
    -math.inf,
    math.nan,
)


class Bytes:
    """Takes decisions from the bytes of an input, in order; zeros when they are at their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, count: int) -> int:
        """A whole number from 0 to ``count`` - 1; 256 at most are told apart by one byte, else two are taken."""
        taken = self.take(1 if count <= 256 else 2)
        return int.from_bytes(taken) % count

    def one_of(self, choices: Sequence[Any]) -> Any:
        return choices[self.below(len(choices))]

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    @property
    def rest(self) -> bytes:
        return self._data[self._at :]

    def text(self) -> str:
        """An odd text, or a short one of its own."""
        if self.below(3):
            return str(self.one_of(_ODD_TEXTS))
        return self.take(self.below(24)).decode("utf-8", "replace")

    def value(self, keys: Sequence[str], depth: int = 0) -> Any:
        """A value as JSON has them, its objects with these keys."""
        kind = self.below(7 if depth < _DEEPEST else 4)
        if kind == 0:
            return self.text()
        if kind == 1:
            return self.one_of(_ODD_NUMBERS)
        if kind == 2:
            return self.one_of((None, True, False))
        if kind == 3:
            return self.one_of(keys)
        if kind == 4:
            return [self.value(keys, depth + 1) for _ in range(self.below(4))]
        return self.object(keys, depth)

    def object(self, keys: Sequence[str], depth: int = 0) -> dict[str, Any]:
        """An object with some of these keys, and sometimes another."""
        made: dict[str, Any] = {}
        for _ in range(self.below(8)):
            name = self.one_of(keys) if self.below(8) else self.text()
            made[name] = self.value(keys, depth + 1)
        return made
