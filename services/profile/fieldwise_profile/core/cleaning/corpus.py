"""What all records together teach: which words are usual in a field, and how the house writes; knows no single person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log
from typing import Final, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from fieldwise_profile.core.cleaning.forms import FORMS, SHORT_WORDS, Form, fits, key, plain

# A word seen this often is taken for right, and may correct a rare one.
USUAL: Final = 4
# A word seen at most this often may be a typing error.
RARE: Final = 2
_NEAREST: Final = 4

Record = Mapping[str, str]


class Place(NamedTuple):
    """A town with its region and postal code, from a list that somebody trusts."""

    city: str
    region: str
    postcode: str


def words(form: Form, value_key: str) -> list[str]:
    """The parts of a key that recur between people."""
    if form is Form.EMAIL:
        return [value_key.partition("@")[2]]  # the house is usual, the name before it is not
    return value_key.split()


@dataclass
class Column:
    """One field over all records."""

    form: Form
    keys: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    _shown: dict[str, Counter[str]] = field(default_factory=dict)

    def take(self, value: str) -> None:
        own = key(self.form, value)
        if not own:
            return
        self.keys[own] += 1
        self.words.update(words(self.form, own))
        self._shown.setdefault(own, Counter())[value] += 1
        if fits(self.form, value):
            self.written[_pattern(self.form, value)] += 1

    @cached_property
    def house(self) -> str:
        """How most values of the column are written."""
        return min(self.written, key=lambda pattern: (-self.written[pattern], pattern), default="")

    @cached_property
    def usual_words(self) -> list[str]:
        return sorted(word for word, count in self.words.items() if count >= USUAL)

    @cached_property
    def total(self) -> int:
        return max(1, sum(self.keys.values()))

    def likeness(self, value_key: str) -> float:
        """How much like others of the column a key is: mean log frequency of its words."""
        found = words(self.form, value_key) or [value_key]
        return sum(log((self.words[word] + 0.3) / self.total) for word in found) / len(found)

    def words_are_new(self, value_key: str) -> bool:
        """No other value of the column shares a word with this one."""
        return all(self.words[word] <= 1 for word in words(self.form, value_key) or [value_key])

    def near(self, word: str, but: int = 0) -> list[str]:
        """Usual words that a rare one may have been meant to be; ``but`` of its appearances do not count."""
        if self.words[word] - but > RARE or len(word) < 3:
            return []
        most = 1 if len(word) < 6 else 2
        found = process.extract(
            word, self.usual_words, scorer=OSA.distance, score_cutoff=most, limit=_NEAREST
        )
        return [each for each, _, _ in found]

    def shown(self, value_key: str) -> str:
        """The key as the house writes it."""
        seen = self._shown.get(value_key, Counter())
        housed = [(-count, raw) for raw, count in seen.items() if _pattern(self.form, raw) == self.house]
        return min(housed)[1] if housed else _written(self.form, value_key, self.house)


class Corpus:
    """The columns of many records, with places that are known to be right; ``places`` are these as keys, each once."""

    def __init__(self, records: Iterable[Record], places: Sequence[Place] = ()) -> None:
        self.columns: dict[str, Column] = {}
        self.places = sorted({_keys_of(place) for place in places})
        for record in records:
            for name, value in record.items():
                if name in FORMS:
                    self.column(name).take(value)
        for place in places:
            for name, value in (("city", place.city), ("region", place.region), ("postcode", place.postcode)):
                for _ in range(USUAL):
                    self.column(name).take(value)

    def column(self, name: str) -> Column:
        return self.columns.setdefault(name, Column(FORMS[name]))


def _keys_of(place: Place) -> Place:
    return Place(
        key(Form.CITY, place.city), key(Form.REGION, place.region), key(Form.POSTCODE, place.postcode)
    )


def _pattern(form: Form, value: str) -> str:
    """How a value is written: digits of numbers as d, words by their case."""
    if form in _DIGITS:
        national = len(key(form, value)) if form is Form.PHONE else len(value)
        digits = sum(letter.isdigit() for letter in value)
        left = digits - national if form is Form.PHONE else 0
        return _masked(value, max(0, left))
    if form is Form.GENDER:
        return "word" if len(value) > 1 else _case(value)
    if form is Form.EMAIL and plain(value) != key(form, value):
        return "untidy"
    if form is Form.ADDRESS and any(word.strip(".") in SHORT_WORDS for word in value.casefold().split()):
        return f"{_case(value)}, short"
    return _case(value)


def _masked(value: str, kept: int) -> str:
    """The value with d for every digit but the first ``kept``."""
    shown = []
    for letter in value:
        if letter.isdigit() and kept > 0:
            kept -= 1
            shown.append(letter)
        else:
            shown.append("d" if letter.isdigit() else letter)
    return "".join(shown)


def _case(value: str) -> str:
    if "," in value or value != " ".join(value.split()):
        return "untidy"
    if value.isupper():
        return "upper"
    if value.islower():
        return "lower"
    return "title" if all(not word[0].islower() for word in value.split()) else "mixed"


def _written(form: Form, value_key: str, house: str) -> str:
    if form in _DIGITS:
        return _filled(re.sub(r"\D", "", value_key), house) or value_key
    if form is Form.GENDER and house == "word":
        return {"f": "female", "m": "male"}.get(value_key, value_key)
    if house == "upper":
        return value_key.upper()
    return _titled(value_key) if house == "title" else value_key


def _titled(text: str) -> str:
    return re.sub(r"(^|[\s'-])(\w)", lambda found: found[1] + found[2].upper(), text)


def _filled(digits: str, mask: str) -> str:
    """The mask with its places filled; empty when the digits do not fill it exactly."""
    if not digits or mask.count("d") != len(digits):
        return ""
    remaining = iter(digits)
    return "".join(next(remaining) if letter == "d" else letter for letter in mask)


_DIGITS: Final = frozenset({Form.PHONE, Form.BIRTH_DATE, Form.POSTCODE})
