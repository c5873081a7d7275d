"""Kinds of pairs there are, as learning first imagines them; knows no data.

Two records that agree are not always one person: they may be of one household, namesakes, or neighbours. Each kind has its own
probabilities of agreement, so that address, telephone and family name together do not count three times as evidence. The
numbers are where learning begins and what it leans on where the records say little; they are ours, by judgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fieldwise_profile.core.identity.comparing import LEVELS, Field

PERSON: Final = "person"
MOVED: Final = "person who moved"
HOUSEHOLD: Final = "household"
NAMESAKE: Final = "namesake"
NEIGHBOUR: Final = "neighbour"
STRANGER: Final = "stranger"

Table = Mapping[Field, Mapping[str, float]]

_PERSON: Final[Table] = {
    Field.GIVEN: {"DIFFERENT": 3, "ALIKE": 2, "CLOSE": 10, "INITIAL": 3, "PART": 3, "NICKNAME": 4, "SOUNDS_EQUAL": 5, "EQUAL": 70},
    Field.FAMILY: {"DIFFERENT": 4, "ALIKE": 2, "CLOSE": 9, "PART": 1, "SOUNDS_EQUAL": 5, "EQUAL": 79},
    Field.ORDER: {"STRAIGHT": 96, "CROSSED": 4},
    Field.PHONE: {"DIFFERENT": 25, "ENDING": 2, "ONE_SLIP": 5, "EQUAL": 68},
    Field.EMAIL: {"DIFFERENT": 20, "ALIKE": 2, "SAME_LOCAL": 2, "ONE_SLIP": 6, "EQUAL": 70},
    Field.NUMBERS: {"DIFFERENT": 12, "ONE_SLIP": 3, "SOME": 15, "EQUAL": 70},
    Field.STREET: {"DIFFERENT": 10, "ALIKE": 5, "CLOSE": 12, "PART": 13, "EQUAL": 60},
    Field.CITY: {"DIFFERENT": 8, "CLOSE": 8, "EQUAL": 84},
    Field.POSTCODE: {"DIFFERENT": 10, "ONE_SLIP": 10, "EQUAL": 80},
    Field.REGION: {"DIFFERENT": 5, "EQUAL": 95},
    Field.BORN: {"DIFFERENT": 3, "SAME_YEAR": 1, "TWO_PARTS": 3, "ONE_SLIP": 8, "EQUAL": 85},
    Field.GENDER: {"DIFFERENT": 1, "EQUAL": 99},
    Field.NUMBER: {"DIFFERENT": 3, "ONE_SLIP": 6, "EQUAL": 91},
    Field.COMPANY: {"DIFFERENT": 10, "CLOSE": 20, "EQUAL": 70},
}  # fmt: skip
_HOUSEHOLD: Final[Table] = {
    Field.GIVEN: {"DIFFERENT": 76, "ALIKE": 12, "CLOSE": 3.5, "INITIAL": 1, "PART": 1, "NICKNAME": 1.5, "SOUNDS_EQUAL": 1, "EQUAL": 4},
    Field.FAMILY: {"DIFFERENT": 25, "ALIKE": 2, "CLOSE": 7, "PART": 1, "SOUNDS_EQUAL": 4, "EQUAL": 61},
    Field.ORDER: {"STRAIGHT": 99.5, "CROSSED": 0.5},
    Field.PHONE: {"DIFFERENT": 70, "ENDING": 1, "ONE_SLIP": 2, "EQUAL": 27},
    Field.EMAIL: {"DIFFERENT": 88, "ALIKE": 4, "SAME_LOCAL": 1, "ONE_SLIP": 1, "EQUAL": 6},
    Field.NUMBERS: {"DIFFERENT": 8, "ONE_SLIP": 3, "SOME": 15, "EQUAL": 74},
    Field.STREET: {"DIFFERENT": 6, "ALIKE": 5, "CLOSE": 12, "PART": 15, "EQUAL": 62},
    Field.CITY: {"DIFFERENT": 5, "CLOSE": 7, "EQUAL": 88},
    Field.POSTCODE: {"DIFFERENT": 6, "ONE_SLIP": 9, "EQUAL": 85},
    Field.REGION: {"DIFFERENT": 3, "EQUAL": 97},
    Field.BORN: {"DIFFERENT": 86, "SAME_YEAR": 5, "TWO_PARTS": 3, "ONE_SLIP": 1, "EQUAL": 5},
    Field.GENDER: {"DIFFERENT": 60, "EQUAL": 40},
    Field.NUMBER: {"DIFFERENT": 99, "ONE_SLIP": 0.5, "EQUAL": 0.5},
    Field.COMPANY: {"DIFFERENT": 60, "CLOSE": 10, "EQUAL": 30},
}  # fmt: skip
_NAMESAKE: Final[Table] = {
    Field.GIVEN: {"DIFFERENT": 5, "ALIKE": 4, "CLOSE": 10, "INITIAL": 5, "PART": 6, "NICKNAME": 4, "SOUNDS_EQUAL": 10, "EQUAL": 56},
    Field.FAMILY: {"DIFFERENT": 4, "ALIKE": 2, "CLOSE": 5, "PART": 1, "SOUNDS_EQUAL": 8, "EQUAL": 80},
    Field.ORDER: {"STRAIGHT": 99, "CROSSED": 1},
    Field.PHONE: {"DIFFERENT": 98, "ENDING": 0.5, "ONE_SLIP": 0.5, "EQUAL": 1},
    Field.EMAIL: {"DIFFERENT": 84, "ALIKE": 12, "SAME_LOCAL": 2, "ONE_SLIP": 1, "EQUAL": 1},
    Field.NUMBERS: {"DIFFERENT": 90, "ONE_SLIP": 3, "SOME": 6, "EQUAL": 1},
    Field.STREET: {"DIFFERENT": 90, "ALIKE": 3, "CLOSE": 2, "PART": 2, "EQUAL": 3},
    Field.CITY: {"DIFFERENT": 55, "CLOSE": 2, "EQUAL": 43},
    Field.POSTCODE: {"DIFFERENT": 88, "ONE_SLIP": 6, "EQUAL": 6},
    Field.REGION: {"DIFFERENT": 45, "EQUAL": 55},
    Field.BORN: {"DIFFERENT": 90, "SAME_YEAR": 4, "TWO_PARTS": 3, "ONE_SLIP": 2, "EQUAL": 1},
    Field.GENDER: {"DIFFERENT": 8, "EQUAL": 92},
    Field.NUMBER: {"DIFFERENT": 99, "ONE_SLIP": 0.5, "EQUAL": 0.5},
    Field.COMPANY: {"DIFFERENT": 95, "CLOSE": 3, "EQUAL": 2},
}  # fmt: skip
_NEIGHBOUR: Final[Table] = {
    Field.GIVEN: {"DIFFERENT": 92, "ALIKE": 4, "CLOSE": 2, "INITIAL": 0.5, "PART": 0.3, "NICKNAME": 0.2, "SOUNDS_EQUAL": 0.3, "EQUAL": 0.7},
    Field.FAMILY: {"DIFFERENT": 90, "ALIKE": 3, "CLOSE": 2, "PART": 0.5, "SOUNDS_EQUAL": 1, "EQUAL": 3.5},
    Field.ORDER: {"STRAIGHT": 99.5, "CROSSED": 0.5},
    Field.PHONE: {"DIFFERENT": 60, "ENDING": 2, "ONE_SLIP": 3, "EQUAL": 35},
    Field.EMAIL: {"DIFFERENT": 90, "ALIKE": 5, "SAME_LOCAL": 3, "ONE_SLIP": 1, "EQUAL": 1},
    Field.NUMBERS: {"DIFFERENT": 45, "ONE_SLIP": 5, "SOME": 25, "EQUAL": 25},
    Field.STREET: {"DIFFERENT": 45, "ALIKE": 5, "CLOSE": 5, "PART": 15, "EQUAL": 30},
    Field.CITY: {"DIFFERENT": 25, "CLOSE": 3, "EQUAL": 72},
    Field.POSTCODE: {"DIFFERENT": 40, "ONE_SLIP": 10, "EQUAL": 50},
    Field.REGION: {"DIFFERENT": 20, "EQUAL": 80},
    Field.BORN: {"DIFFERENT": 91, "SAME_YEAR": 4, "TWO_PARTS": 2, "ONE_SLIP": 1, "EQUAL": 2},
    Field.GENDER: {"DIFFERENT": 50, "EQUAL": 50},
    Field.NUMBER: {"DIFFERENT": 99.5, "ONE_SLIP": 0.3, "EQUAL": 0.2},
    Field.COMPANY: {"DIFFERENT": 90, "CLOSE": 5, "EQUAL": 5},
}  # fmt: skip
_STRANGER: Final[Table] = {
    **_NEIGHBOUR,
    Field.PHONE: {"DIFFERENT": 98, "ENDING": 0.5, "ONE_SLIP": 0.5, "EQUAL": 1},
    Field.NUMBERS: {"DIFFERENT": 85, "ONE_SLIP": 4, "SOME": 8, "EQUAL": 3},
    Field.STREET: {"DIFFERENT": 92, "ALIKE": 3, "CLOSE": 1, "PART": 1, "EQUAL": 3},
    Field.CITY: {"DIFFERENT": 70, "CLOSE": 2, "EQUAL": 28},
    Field.POSTCODE: {"DIFFERENT": 92, "ONE_SLIP": 4, "EQUAL": 4},
    Field.REGION: {"DIFFERENT": 60, "EQUAL": 40},
    Field.FAMILY: {"DIFFERENT": 60, "ALIKE": 4, "CLOSE": 4, "PART": 1, "SOUNDS_EQUAL": 6, "EQUAL": 25},
    Field.GIVEN: {"DIFFERENT": 75, "ALIKE": 6, "CLOSE": 5, "INITIAL": 1, "PART": 1, "NICKNAME": 1, "SOUNDS_EQUAL": 3, "EQUAL": 8},
    Field.BORN: {"DIFFERENT": 60, "SAME_YEAR": 15, "TWO_PARTS": 10, "ONE_SLIP": 4, "EQUAL": 11},
}  # fmt: skip

ADDRESS: Final = frozenset((Field.NUMBERS, Field.STREET, Field.CITY, Field.POSTCODE, Field.REGION))
# Somebody who moved differs in all of his address at once.
_MOVED: Final[Table] = {**_PERSON, **{field: _NAMESAKE[field] for field in ADDRESS}}

# Kinds that are one person.
ONE: Final = frozenset((PERSON, MOVED))
# Each kind with its share among candidates and its table; those of one person first.
START: Final[Mapping[str, tuple[float, Table]]] = {
    PERSON: (0.25, _PERSON),
    MOVED: (0.03, _MOVED),
    HOUSEHOLD: (0.15, _HOUSEHOLD),
    NAMESAKE: (0.17, _NAMESAKE),
    NEIGHBOUR: (0.15, _NEIGHBOUR),
    STRANGER: (0.25, _STRANGER),
}

_HOME: Final = frozenset(
    (
        Field.FAMILY,
        Field.PHONE,
        Field.EMAIL,
        Field.NUMBERS,
        Field.STREET,
        Field.CITY,
        Field.POSTCODE,
        Field.REGION,
    )
)
_PLACE: Final = frozenset(
    (Field.PHONE, Field.NUMBERS, Field.STREET, Field.CITY, Field.POSTCODE, Field.REGION, Field.COMPANY)
)
# Fields in which a kind agrees for a reason; in all others it agrees by chance, and a common value is chance's.
CAUSED: Final[Mapping[str, frozenset[Field]]] = {
    PERSON: frozenset(Field),
    MOVED: frozenset(Field) - ADDRESS,
    HOUSEHOLD: _HOME,
    NAMESAKE: frozenset(),
    NEIGHBOUR: _PLACE,
    STRANGER: frozenset(),
}
# Fields that learning leaves as they are: what makes a kind that kind. Without them a household would drift into being a person.
_OWN: Final = frozenset((Field.GIVEN, Field.BORN, Field.NUMBER, Field.GENDER))
KEPT: Final[Mapping[str, frozenset[Field]]] = {
    PERSON: frozenset(),
    MOVED: ADDRESS,
    HOUSEHOLD: _OWN,
    NAMESAKE: frozenset((Field.PHONE, Field.EMAIL, Field.BORN, Field.NUMBER)),
    NEIGHBOUR: _OWN | {Field.FAMILY, Field.EMAIL},
    STRANGER: frozenset(),
}
# A kind that is another one but for what it keeps.
LIKE: Final[Mapping[str, str]] = {MOVED: PERSON}


def probabilities(table: Table) -> dict[Field, list[float]]:
    """A table as lists by level that sum to 1; level 0 stands for a missing field and is 1."""
    found = {}
    for field in Field:
        row = [table[field][code] for code in LEVELS[field][1:]]
        found[field] = [1.0, *(each / sum(row) for each in row)]
    return found
