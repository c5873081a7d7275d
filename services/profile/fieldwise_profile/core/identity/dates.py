"""Dates of birth in the forms people type; knows no other field."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from fieldwise_profile.core.identity.texts import folded

_YEARS: Final = range(1880, 2100)
_PARTS: Final = re.compile(r"\d+|[a-z]{3,}")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}


class Born(NamedTuple):
    """A date of birth; 0 for a part that is not known."""

    year: int
    month: int
    day: int

    @property
    def digits(self) -> str:
        return f"{self.year:04}{self.month:02}{self.day:02}"


@lru_cache(maxsize=65_536)
def born(text: str) -> Born | None:
    """Understood are 1985-05-17, 19850517, 17.05.1985, 05/17/1985, 17 May 1985 and 1985年5月17日; None for anything else.

    Of 05/06/1985 the first is taken for the month with slashes, for the day with points, as people write them.
    """
    plain = folded(text)
    parts = _PARTS.findall(plain)
    named = next((index for index, each in enumerate(parts) if not each.isdigit()), None)
    if named is not None:
        return _with_name(parts, named) if len(parts) == 3 else None
    return _of_numbers(parts, "/" in plain)


def _of_numbers(parts: list[str], month_first: bool) -> Born | None:
    if len(parts) == 3:
        return _of_three(parts, month_first)
    if len(parts) == 2 and len(parts[0]) == 4:
        return _checked(int(parts[0]), int(parts[1]), 0)
    if len(parts) != 1:
        return None
    if len(parts[0]) == 4:
        return _checked(int(parts[0]), 0, 0)
    return _whole(parts[0]) if len(parts[0]) == 8 else None


def _of_three(parts: list[str], month_first: bool) -> Born | None:
    one, other, third = (int(each) for each in parts)
    if len(parts[0]) == 4:
        return _checked(one, other, third)
    if len(parts[2]) not in (2, 4):
        return None
    year = third if len(parts[2]) == 4 else _century(third)
    return _checked(year, one, other) if month_first else _checked(year, other, one)


def _whole(digits: str) -> Born | None:
    ahead = _checked(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    return ahead or _checked(int(digits[4:]), int(digits[2:4]), int(digits[:2]))


def _with_name(parts: list[str], named: int) -> Born | None:
    month = _MONTHS.get(parts[named][:3])
    numbers = [each for index, each in enumerate(parts) if index != named]
    if month is None or not all(each.isdigit() for each in numbers):
        return None
    first, second = numbers
    year, day = (first, second) if len(first) == 4 else (second, first)
    return _checked(int(year) if len(year) == 4 else _century(int(year)), month, int(day))


def _century(two_digits: int) -> int:
    return two_digits + (1900 if two_digits > 25 else 2000)


def _checked(year: int, month: int, day: int) -> Born | None:
    if year not in _YEARS:
        return None
    if month <= 12 and day <= 31:
        return Born(year, month, day)
    # The other order is the only one that can be.
    return Born(year, day, month) if day <= 12 and month <= 31 else None
