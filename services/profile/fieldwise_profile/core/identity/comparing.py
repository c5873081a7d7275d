"""How alike two records are, field by field, as levels; knows no weight.

Level 0 of every field says that it is missing on one side, and is no evidence; level 1 that the two differ.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler
from rapidfuzz.fuzz import ratio, token_sort_ratio

from fieldwise_profile.core.identity.dates import Born
from fieldwise_profile.core.identity.nicknames import formal_names, may_be_one
from fieldwise_profile.core.identity.record import Record
from fieldwise_profile.core.identity.sounds import sound_of, southern
from fieldwise_profile.core.identity.texts import is_han, syllables

MISSING: Final = 0
DIFFERENT: Final = 1

_jaro: Final = JaroWinkler.similarity
_edits: Final = DamerauLevenshtein.distance


class Field(IntEnum):
    """Fields in the order of a comparison's levels."""

    GIVEN = 0
    FAMILY = 1
    ORDER = 2
    PHONE = 3
    EMAIL = 4
    NUMBERS = 5
    STREET = 6
    CITY = 7
    POSTCODE = 8
    REGION = 9
    BORN = 10
    GENDER = 11
    NUMBER = 12
    COMPANY = 13


# Codes of the levels of each field, from 0 up; they are what evidence is told by.
LEVELS: Final[dict[Field, tuple[str, ...]]] = {
    Field.GIVEN: (
        "MISSING",
        "DIFFERENT",
        "ALIKE",
        "CLOSE",
        "INITIAL",
        "PART",
        "NICKNAME",
        "SOUNDS_EQUAL",
        "EQUAL",
    ),
    Field.FAMILY: ("MISSING", "DIFFERENT", "ALIKE", "CLOSE", "PART", "SOUNDS_EQUAL", "EQUAL"),
    Field.ORDER: ("MISSING", "STRAIGHT", "CROSSED"),
    Field.PHONE: ("MISSING", "DIFFERENT", "ENDING", "ONE_SLIP", "EQUAL"),
    Field.EMAIL: ("MISSING", "DIFFERENT", "ALIKE", "SAME_LOCAL", "ONE_SLIP", "EQUAL"),
    Field.NUMBERS: ("MISSING", "DIFFERENT", "ONE_SLIP", "SOME", "EQUAL"),
    Field.STREET: ("MISSING", "DIFFERENT", "ALIKE", "CLOSE", "PART", "EQUAL"),
    Field.CITY: ("MISSING", "DIFFERENT", "CLOSE", "EQUAL"),
    Field.POSTCODE: ("MISSING", "DIFFERENT", "ONE_SLIP", "EQUAL"),
    Field.REGION: ("MISSING", "DIFFERENT", "EQUAL"),
    Field.BORN: ("MISSING", "DIFFERENT", "SAME_YEAR", "TWO_PARTS", "ONE_SLIP", "EQUAL"),
    Field.GENDER: ("MISSING", "DIFFERENT", "EQUAL"),
    Field.NUMBER: ("MISSING", "DIFFERENT", "ONE_SLIP", "EQUAL"),
    Field.COMPANY: ("MISSING", "DIFFERENT", "CLOSE", "EQUAL"),
}


class Levels(NamedTuple):
    """One level a field, in the order of `Field`."""

    given: int
    family: int
    order: int
    phone: int
    email: int
    numbers: int
    street: int
    city: int
    postcode: int
    region: int
    born: int
    gender: int
    number: int
    company: int


def compare(one: Record, other: Record) -> Levels:
    """The levels of two records; the same whichever comes first."""
    given, family, order = _names(one, other)
    return Levels(
        given,
        family,
        order,
        _either(one.phone, other.phone, _phones),
        _either(one.email, other.email, _emails),
        _numbers(one.numbers, other.numbers),
        _either(one.street, other.street, _streets),
        _either(one.city, other.city, _cities),
        _either(one.postcode, other.postcode, _slips),
        _either(one.region, other.region, _same),
        _births(one.born, other.born),
        _either(one.gender, other.gender, _same),
        _either(one.number, other.number, _slips),
        _either(one.company, other.company, _companies),
    )


def _either(one: str, other: str, level: Callable[[str, str], int]) -> int:
    return level(one, other) if one and other else MISSING


def _names(one: Record, other: Record) -> tuple[int, int, int]:
    """Levels of given name, family name and their order; crossed when the one's given name is the other's family name."""
    if _is_company(one) != _is_company(other):
        # A company and a person: as different as two names can be.
        return DIFFERENT, DIFFERENT, 0
    if is_han(one.family + one.given) != is_han(other.family + other.given):
        written = (
            _across_scripts(one, other) if is_han(one.family + one.given) else _across_scripts(other, one)
        )
        if written is not None:
            return written
    given = _given(one.given, other.given, one.given_spoken, other.given_spoken)
    family = _family(one.family, other.family, one.family_spoken, other.family_spoken)
    if not (one.given and one.family and other.given and other.family):
        return _lone(one, other, given, family)
    if given <= _CLOSE and family <= _CLOSE:
        return _crossed(one, other, given, family) or (given, family, 1)
    return given, family, 1


def _is_company(record: Record) -> bool:
    return bool(record.company) and not (record.given or record.family)


def _across_scripts(han: Record, latin: Record) -> tuple[int, int, int] | None:
    """A Chinese name and one in letters, which is put apart anyhow: Wangzhi Qiang. None when they sound different."""
    letters = "".join((latin.family, latin.given, *latin.other_names))
    turned = "".join((latin.given, *latin.other_names, latin.family))
    heard = han.family_spoken + han.given_spoken
    if not letters or not heard:
        return None
    if not han.given or not han.family:
        fits = any(
            text.startswith(heard) if han.family else text.endswith(heard) for text in (letters, turned)
        )
        return _of_part(han) if fits else None
    if heard in (letters, turned):
        return _GIVEN_SOUNDS, _FAMILY_SOUNDS, 1
    near = min(_edits(heard, letters), _edits(heard, turned)) == 1 or southern(heard) in (
        southern(letters),
        southern(turned),
    )
    return (_CLOSE, _CLOSE, 1) if near else None


def _of_part(han: Record) -> tuple[int, int, int]:
    return (MISSING, _FAMILY_SOUNDS, 0) if han.family else (_GIVEN_PART, MISSING, 0)


def _crossed(one: Record, other: Record, given: int, family: int) -> tuple[int, int, int] | None:
    """Levels with given and family name of one side exchanged; None when that does not agree better."""
    best: tuple[int, int, int] | None = None
    for mine, theirs in ((one, other), (other, one)):
        # Either of the two may be in the right order.
        turned_given = _given(mine.given, theirs.family, mine.given_spoken, theirs.family_spoken)
        turned_family = _family(mine.family, theirs.given, mine.family_spoken, theirs.given_spoken)
        weaker, stronger = sorted((turned_given, turned_family))
        if weaker >= _ALIKE and stronger >= _CLOSE:
            agrees_better = turned_given + turned_family > given + family
            if agrees_better and (best is None or turned_given + turned_family > best[0] + best[1]):
                best = turned_given, turned_family, 2
        elif given == family == DIFFERENT and stronger >= _FAMILY_EQUAL:
            best = best or _half_crossed(mine, theirs)
    return best


def _half_crossed(mine: Record, theirs: Record) -> tuple[int, int, int] | None:
    """One word agrees and stands in the other's place: a given name whose family name changed, or the family name of a relative."""
    shared = {mine.given, mine.family} & {theirs.given, theirs.family}
    if not shared:
        return None
    return (_GIVEN_EQUAL, DIFFERENT, 2) if any(map(formal_names, shared)) else (DIFFERENT, _FAMILY_EQUAL, 2)


def _lone(one: Record, other: Record, given: int, family: int) -> tuple[int, int, int]:
    """Where a part is missing, what stands in the other's place may be it."""
    if given > DIFFERENT or family > DIFFERENT or _is_nameless(one) or _is_nameless(other):
        return given, family, 0
    for mine, theirs in ((one, other), (other, one)):
        if mine.family and theirs.given and not (mine.given and theirs.family):
            if mine.is_familiar and mine.family in theirs.given:
                return _GIVEN_PART, MISSING, 0
            crossed = _family(mine.family, theirs.given, mine.family_spoken, theirs.given_spoken)
            if crossed >= _FAMILY_SOUNDS:
                return MISSING, crossed, 2
    if not given and not family:
        # The one states a family name, the other a given name: they say nothing of each other.
        return MISSING, MISSING, 0
    return given, family, 0


def _is_nameless(record: Record) -> bool:
    return not (record.family or record.given)


_FAMILY_SOUNDS, _FAMILY_EQUAL, _GIVEN_PART, _GIVEN_SOUNDS, _GIVEN_EQUAL = 5, 6, 5, 7, 8
_ALIKE, _CLOSE = 2, 3


def _given(one: str, other: str, one_spoken: str, other_spoken: str) -> int:
    if not one or not other:
        return 0
    if one == other:
        return 8
    if _sound_equal(one, other, one_spoken, other_spoken):
        return 7
    return 6 if may_be_one(one, other) else _given_unlike(one, other, one_spoken, other_spoken)


def _given_unlike(one: str, other: str, one_spoken: str, other_spoken: str) -> int:
    shorter, longer = sorted((one_spoken, other_spoken), key=len)
    if len(shorter) == 1:
        return 4 if longer.startswith(shorter) else 1
    return 5 if _is_part(one, other, shorter, longer) else _fuzzy(one, other, shorter, longer)


def _family(one: str, other: str, one_spoken: str, other_spoken: str) -> int:
    if not one or not other:
        return 0
    if one == other:
        return 6
    if _sound_equal(one, other, one_spoken, other_spoken):
        return 5
    shorter, longer = sorted((one_spoken, other_spoken), key=len)
    if len(longer) > len(shorter) + 2 >= 6 and (longer.startswith(shorter) or longer.endswith(shorter)):
        return 4
    return _fuzzy(one, other, shorter, longer)


def _sound_equal(one: str, other: str, one_spoken: str, other_spoken: str) -> bool:
    if one_spoken == other_spoken:
        return True
    if is_han(one) or is_han(other):
        return False
    return min(len(one), len(other)) >= 3 and sound_of(one) == sound_of(other)


def _is_part(one: str, other: str, shorter: str, longer: str) -> bool:
    if is_han(one) and is_han(other):
        return len(one) != len(other) and (one in other or other in one)
    return len(shorter) >= 3 and len(longer) > len(shorter) + 1 and longer.startswith(shorter)


def _fuzzy(one: str, other: str, one_spoken: str, other_spoken: str) -> int:
    if is_han(one) and is_han(other):
        # A character is a whole syllable: letters of pinyin alike by chance are no likeness.
        return _han_fuzzy(one, other)
    likeness = _jaro(one_spoken, other_spoken)
    if likeness >= 0.9 or _edits(one_spoken, other_spoken) <= 1 < min(len(one_spoken), 4) - 1:
        return _CLOSE
    return _ALIKE if likeness >= 0.8 else DIFFERENT


def _han_fuzzy(one: str, other: str) -> int:
    mine, theirs = syllables(one), syllables(other)
    if len(one) == len(other) and all(southern(a) == southern(b) for a, b in zip(mine, theirs, strict=True)):
        return _CLOSE
    # Brothers and sisters share a character; a writer who errs writes one that sounds the same.
    return _ALIKE if set(mine) & set(theirs) else DIFFERENT


def _phones(one: str, other: str) -> int:
    if one == other:
        return 4
    if _edits(one, other) == 1:
        return 3
    return 2 if one[-7:] == other[-7:] and len(one) != len(other) else 1


def _emails(one: str, other: str) -> int:
    if one == other:
        return 5
    if _edits(one, other) <= 1:
        return 4
    one_local, other_local = one.partition("@")[0], other.partition("@")[0]
    if one_local == other_local:
        return 3
    return 2 if _jaro(one_local, other_local) >= 0.9 else 1


def _numbers(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    if not one or not other:
        return 0
    if one == other:
        return 4
    if set(one) & set(other):
        return 3
    mine, theirs = "".join(one), "".join(other)
    return 2 if len(mine) > 1 and len(theirs) > 1 and _edits(mine, theirs) == 1 else 1


def _streets(one: str, other: str) -> int:
    if one == other:
        return 5
    if is_han(one) and is_han(other):
        shorter, longer = (one, other) if len(one) < len(other) else (other, one)
        if len(shorter) >= 2 and longer.endswith(shorter):
            return 4
        likeness = ratio(one, other) / 100
    else:
        likeness = (
            max(token_sort_ratio(one, other), ratio(one.replace(" ", ""), other.replace(" ", ""))) / 100
        )
        mine, theirs = set(one.split()), set(other.split())
        if likeness < 0.9 and (mine <= theirs or theirs <= mine) and min(len(mine), len(theirs)) >= 2:
            return 4
    if likeness >= 0.88:
        return _CLOSE
    return _ALIKE if likeness >= 0.7 else DIFFERENT


def _cities(one: str, other: str) -> int:
    if one == other:
        return 3
    return 2 if _jaro(one, other) >= 0.88 else 1


def _companies(one: str, other: str) -> int:
    if one == other:
        return 3
    if is_han(one) and is_han(other):
        shorter, longer = sorted((one, other), key=len)
        return 2 if (len(shorter) >= 3 and shorter in longer) or ratio(one, other) >= 80 else 1
    return 2 if token_sort_ratio(one, other) >= 88 else 1


def _slips(one: str, other: str) -> int:
    if one == other:
        return 3
    return 2 if _edits(one, other) == 1 else 1


def _same(one: str, other: str) -> int:
    return 2 if one == other else 1


def _births(one: Born | None, other: Born | None) -> int:
    if one is None or other is None:
        return 0
    if one == other:
        return 5
    if not one.month or not other.month:
        return 2 if one.year == other.year else 1
    return 4 if _is_birth_slip(one, other) else _birth_parts(one, other)


def _is_birth_slip(one: Born, other: Born) -> bool:
    is_turned = one.year == other.year and one.month == other.day and one.day == other.month
    return is_turned or _edits(one.digits, other.digits) == 1


def _birth_parts(one: Born, other: Born) -> int:
    agreeing = sum(mine == theirs for mine, theirs in zip(one, other, strict=True))
    if agreeing == 2:
        return 3
    return 2 if one.year == other.year else 1
