"""Clean records about people, spoiled field by field, with the right values kept apart; knows no remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.random import Generator

from fieldwise_market import names_en
from fieldwise_market.handwriting import formatted_phone
from fieldwise_market.misspelling import digit_slipped, misread, slipped
from fieldwise_market.people import Person, draw_person
from fieldwise_market.population import Ints

VERSION: Final = 1
FIELDS: Final = ("name", "email", "phone", "street", "city", "postcode", "region", "birth_date", "gender")
_GAP: Final = 0.12
_TYPO: Final = 0.12
_FORMAT: Final = 0.11
_SWAPPED: Final = 0.03
_COPIES: Final = 0.15
_NOTHING: Final = ("", "", "n/a", "-", "unknown", "NULL")
# Fields that people put into each other's columns.
_CONFUSED: Final = (
    ("city", "region"),
    ("postcode", "city"),
    ("phone", "email"),
    ("street", "city"),
    ("name", "email"),
)
_STATES: Final = {"Illinois": "IL", "Ohio": "OH", "Colorado": "CO", "Oregon": "OR", "Texas": "TX", "Georgia": "GA", "Massachusetts": "MA", "Arizona": "AZ"}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """One line of the reference: these three belong together. A postcode stands for one city only."""

    city: str
    region: str
    postcode: str


@dataclass(frozen=True)
class Corrupted:
    """Spoiled rows, what they should be, and what is known for certain.

    Args:
        rows: The fields of FIELDS and `record` (unique) and `customer` (the same for the rows of one person). Some rows
            are copies of others under a `record` of their own.
        truth: The right value of every field, in the order of `rows`: name `Given Family`, e-mail in small letters,
            telephone of ten digits, birth date YYYY-MM-DD, gender f or m, street `12 Oak Street`.
        person: Number of the person of each row.
        copied: For each row the place of the row that it is a copy of, or -1.
    """

    seed: int
    rows: tuple[dict[str, str], ...] = field(repr=False)
    truth: tuple[dict[str, str], ...] = field(repr=False)
    person: Ints = field(repr=False)
    copied: Ints = field(repr=False)
    reference: tuple[Place, ...] = field(repr=False)

    def accuracy(self, rows: Sequence[dict[str, str]] | None = None) -> float:
        """Share of fields that are exactly right, over all rows, in the order of `rows`; without an argument, as spoiled."""
        given = self.rows if rows is None else rows
        if len(given) != len(self.truth):
            raise ValueError(f"rows has {len(given)}, the truth {len(self.truth)}: give every row, in order")
        right = [
            each.get(name, "") == sure[name]
            for each, sure in zip(given, self.truth, strict=True)
            for name in FIELDS
        ]
        return float(np.mean(right))


def corrupted_records(seed: int, people: int, rows_per_person: int = 4) -> Corrupted:
    """Rows of which 60 to 70 % of the fields are right, by typos, gaps, formats, swapped fields and copies.

    What helps: each postcode belongs to one city and each city to one region; a person has several rows; most e-mails
    are made of the name.
    """
    rng = np.random.default_rng([seed, 6])
    places = reference()
    sure: list[dict[str, str]] = []
    person: list[int] = []
    for who in range(people):
        right = _right(draw_person(rng, "en"), places[int(rng.integers(len(places)))])
        sure += [right] * rows_per_person
        person += [who] * rows_per_person
    spoiled = [_spoiled(rng, right) for right in sure]
    return _with_copies(rng, seed, spoiled, sure, person)


def reference() -> tuple[Place, ...]:
    """Eight postcodes for each town."""
    return tuple(
        Place(city, region, f"{prefix}{number:02d}")
        for city, region, prefix, _ in names_en.TOWNS
        for number in range(1, 9)
    )


def _right(person: Person, place: Place) -> dict[str, str]:
    return {
        "name": person.full_name,
        "email": person.email,
        "phone": person.phone,
        "street": f"{person.home.house} {person.home.street}",
        "city": place.city,
        "postcode": place.postcode,
        "region": place.region,
        "birth_date": person.birth.isoformat(),
        "gender": person.gender,
    }


def _with_copies(
    rng: Generator, seed: int, spoiled: list[dict[str, str]], sure: list[dict[str, str]], person: list[int]
) -> Corrupted:
    """All rows and copies of some, with a slip more, in an order that tells nothing."""
    origins = np.flatnonzero(rng.random(len(spoiled)) < _COPIES)
    rows = [*spoiled, *(_one_slip(rng, spoiled[each]) for each in origins)]
    source = np.append(np.arange(len(spoiled)), origins)
    order = rng.permutation(len(rows))
    place_of = np.argsort(order)
    numbers = np.array(person)[source[order]]
    # Numbers of the customers by chance too.
    shown = rng.permutation(int(numbers.max()) + 1)
    marked = tuple(
        {"record": str(place), "customer": str(shown[numbers[place]]), **rows[each]}
        for place, each in enumerate(order)
    )
    copied = np.where(order < len(spoiled), -1, place_of[source[order]])
    return Corrupted(seed, marked, tuple(sure[each] for each in source[order]), numbers, copied, reference())


def _one_slip(rng: Generator, row: dict[str, str]) -> dict[str, str]:
    name = str(rng.choice(("name", "street", "email")))
    return {**row, name: slipped(rng, row[name])}


# ---- how a row is spoiled -------------------------------------------------------------------------------------------


def _spoiled(rng: Generator, right: dict[str, str]) -> dict[str, str]:
    row = {name: _wrong(rng, name, value) for name, value in right.items()}
    for one, other in _CONFUSED:
        if rng.random() < _SWAPPED:
            row[one], row[other] = row[other], row[one]
    return row


def _wrong(rng: Generator, name: str, value: str) -> str:
    drawn = rng.random()
    if drawn < _GAP:
        return str(rng.choice(_NOTHING))
    if drawn < _GAP + _FORMAT:
        return _FORMATS[name](rng, value)
    return _typo(rng, name, value) if drawn < _GAP + _FORMAT + _TYPO else value


def _typo(rng: Generator, name: str, value: str) -> str:
    if name in ("phone", "postcode", "birth_date"):
        return digit_slipped(rng, value)
    if name == "gender":
        return value
    return misread(rng, value) if rng.random() < 0.3 else slipped(rng, value)


def _name_format(rng: Generator, value: str) -> str:
    given, family = value.split(" ", 1)
    return str(rng.choice((value.upper(), value.lower(), f"{family}, {given}", f" {given}  {family} ")))


def _street_format(rng: Generator, value: str) -> str:
    line, kind = value.rsplit(" ", 1)
    short = next(each for each in names_en.STREET_KINDS if each[0] == kind)
    return str(rng.choice((value.upper(), f"{line} {short[1]}", f"{line} {short[2]}", f" {value}")))


def _birth_format(rng: Generator, value: str) -> str:
    year, month, day = value.split("-")
    return str(
        rng.choice(
            (
                f"{month}/{day}/{year}",
                f"{day}.{month}.{year}",
                f"{year}{month}{day}",
                f"{year}年{int(month)}月{int(day)}日",
            )
        )
    )


def _phone_format(rng: Generator, value: str) -> str:
    return formatted_phone(rng, value, "en")


def _email_format(rng: Generator, value: str) -> str:
    return str(
        rng.choice(
            (
                value.upper(),
                value.replace("@", " @ "),
                value.replace(".com", ".con"),
                value.replace("@", "(at)"),
            )
        )
    )


def _gender_format(rng: Generator, value: str) -> str:
    words = {"f": ("F", "female", "woman", "女"), "m": ("M", "male", "man", "男")}[value]
    return str(rng.choice(words))


def _city_format(rng: Generator, value: str) -> str:
    return str(rng.choice((value.upper(), value.lower(), f"{value} ", f"City of {value}")))


def _region_format(rng: Generator, value: str) -> str:
    return str(rng.choice((_STATES[value], value.upper(), value.lower(), f"State of {value}")))


def _postcode_format(rng: Generator, value: str) -> str:
    return str(
        rng.choice(
            (
                f"{value}-{rng.integers(1000, 9999)}",
                f"US-{value}",
                f"{value[:3]} {value[3:]}",
                value.lstrip("0") + ".0",
            )
        )
    )


_FORMATS: Final[dict[str, Callable[[Generator, str], str]]] = {
    "name": _name_format, "email": _email_format, "phone": _phone_format, "street": _street_format, "city": _city_format,
    "postcode": _postcode_format, "region": _region_format, "birth_date": _birth_format, "gender": _gender_format,
}  # fmt: skip
