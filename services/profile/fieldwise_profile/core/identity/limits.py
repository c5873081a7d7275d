"""What keeps two records apart whatever else agrees; knows no weight.

Only a person's decision links over these limits.
"""

from __future__ import annotations

from typing import Final

from fieldwise_profile.core.identity.comparing import DIFFERENT, Levels
from fieldwise_profile.core.identity.record import Record

# Two numbers that are both right in themselves, and two persons'.
DIFFERENT_NUMBERS: Final = "DIFFERENT_NUMBERS"
# One telephone, and two given names or two dates of birth.
HOUSEHOLD: Final = "HOUSEHOLD"
# One telephone, one date of birth, two given names.
TWINS: Final = "TWINS"

_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10x98765432"
_FEWEST_OF_A_CARD: Final = 12
_GIVEN_ALIKE, _GIVEN_CLOSE, _CROSSED = 2, 3, 2
_PHONE_EQUAL, _EMAIL_CLOSE, _NUMBER_CLOSE, _BORN_EQUAL = 4, 4, 2, 5


def proves_itself(number: str) -> bool:
    """Whether a number carries a check digit that holds: a Chinese identity number (GB 11643), or a card's (Luhn, ISO 7812)."""
    if len(number) == 18 and number[:17].isdigit():
        total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, number, strict=False))
        return number[17] == _ID_CHECKS[total % 11]
    return number.isdigit() and len(number) >= _FEWEST_OF_A_CARD and _luhn(number)


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def contradiction(one: Record, other: Record, levels: Levels) -> str:
    """What speaks against one person; empty for nothing."""
    if levels.number == DIFFERENT and proves_itself(one.number) and proves_itself(other.number):
        return DIFFERENT_NUMBERS
    if levels.phone != _PHONE_EQUAL or levels.number >= _NUMBER_CLOSE or levels.email >= _EMAIL_CLOSE:
        return ""
    return _at_home(levels, _given_names_differ(one, other, levels))


def _at_home(levels: Levels, given_names_differ: bool) -> str:
    """Of two who share a telephone, and most often the address with it: the weights would count one home twice."""
    if given_names_differ:
        return TWINS if levels.born == _BORN_EQUAL else HOUSEHOLD
    return HOUSEHOLD if levels.born == DIFFERENT else ""


def _given_names_differ(one: Record, other: Record, levels: Levels) -> bool:
    if one.is_familiar or other.is_familiar or levels.order == _CROSSED:
        return False
    # Of two genders, names that are close are two names as well: Paul and Paula.
    return 0 < levels.given <= (_GIVEN_CLOSE if levels.gender == DIFFERENT else _GIVEN_ALIKE)
