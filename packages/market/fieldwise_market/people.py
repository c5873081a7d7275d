"""Made-up persons with names, addresses and ways to reach them; knows no event and no misspelling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.random import Generator

from fieldwise.profile.v1.event_pb2 import Identification
from fieldwise_market import names_en, names_zh
from fieldwise_market.population import Truth

LANGUAGES: Final = ("zh", "en")


@dataclass(frozen=True)
class Home:
    """Where somebody lives. `street` is without the house, `unit` empty for a house of one family."""

    street: str
    house: int
    unit: str
    district: str
    city: str
    region: str
    postcode: str
    area_code: str = ""


@dataclass(frozen=True)
class Person:
    """One person as he is; rows of a registry are what somebody made of him."""

    language: str
    family: str
    given: str
    gender: str
    birth: date
    phone: str  # digits only, without the country's code
    email: str
    home: Home
    number: str
    company: str = ""

    @property
    def full_name(self) -> str:
        return self.family + self.given if self.language == "zh" else f"{self.given} {self.family}"


def draw_person(rng: Generator, language: str) -> Person:
    """A person at random. Common names are common: many people share one."""
    gender = "f" if rng.random() < 0.5 else "m"
    family, given = draw_family(rng, language), draw_given(rng, language, gender)
    birth = date(1945, 1, 1) + timedelta(days=int(rng.integers(0, 365 * 60)))
    home = draw_home(rng, language)
    return Person(
        language, family, given, gender, birth, draw_phone(rng, language, home),
        draw_email(rng, language, family, given, birth), home, f"{rng.integers(10**9, 10**10)}",
    )  # fmt: skip


def _common(rng: Generator, count: int, power: float = 0.75) -> int:
    """A place in a list that begins with the commonest (Zipf)."""
    weights = 1 / np.arange(1, count + 1) ** power
    return int(rng.choice(count, p=weights / weights.sum()))


def draw_family(rng: Generator, language: str) -> str:
    if language == "en":
        return names_en.FAMILIES[_common(rng, len(names_en.FAMILIES))]
    if rng.random() < 0.02:
        return str(rng.choice(names_zh.TWO_CHARACTER_FAMILIES))
    return names_zh.FAMILIES[_common(rng, len(names_zh.FAMILIES))]


def draw_given(rng: Generator, language: str, gender: str) -> str:
    if language == "en":
        names = names_en.WOMEN if gender == "f" else names_en.MEN
        return names[_common(rng, len(names), 0.5)]
    if rng.random() < 0.3:
        return str(rng.choice(names_zh.COMMON_WOMEN if gender == "f" else names_zh.COMMON_MEN))
    own = names_zh.WOMEN if gender == "f" else names_zh.MEN
    last = str(rng.choice(own))
    first = str(rng.choice(names_zh.EITHER)) if rng.random() < 0.5 else str(rng.choice(own))
    return last if rng.random() < 0.2 else first + last


def draw_home(rng: Generator, language: str) -> Home:
    if language == "en":
        city, region, prefix, area = names_en.TOWNS[int(rng.integers(len(names_en.TOWNS)))]
        kind = names_en.STREET_KINDS[int(rng.integers(len(names_en.STREET_KINDS)))][0]
        street = f"{rng.choice(names_en.STREETS)} {kind}"
        unit = f"Apt {rng.integers(1, 40)}" if rng.random() < 0.35 else ""
        return Home(
            street,
            int(rng.integers(1, 400)),
            unit,
            "",
            city,
            region,
            f"{prefix}{rng.integers(1, 25):02d}",
            area,
        )
    city, region, districts, prefix = names_zh.TOWNS[int(rng.integers(len(names_zh.TOWNS)))]
    place = int(rng.integers(len(districts)))
    street = f"{rng.choice(names_zh.ROADS)}{rng.choice(('路', '街', '大道'), p=(0.6, 0.25, 0.15))}"
    unit = f"{rng.integers(1, 7)}单元{rng.integers(1, 19)}{rng.integers(1, 5):02d}室"
    return Home(
        street,
        int(rng.integers(1, 300)),
        unit,
        districts[place],
        city,
        region,
        f"{prefix}{place}{rng.integers(0, 8)}0",
    )


def draw_phone(rng: Generator, language: str, home: Home) -> str:
    if language == "en":
        return f"{home.area_code}{rng.integers(200, 1000)}{rng.integers(0, 10_000):04d}"
    return f"{rng.choice(('138', '139', '136', '158', '186', '189', '150'))}{rng.integers(0, 10**8):08d}"


def draw_email(rng: Generator, language: str, family: str, given: str, birth: date) -> str:
    """Made of the name, mostly; Chinese people also use their QQ number."""
    if language == "zh" and rng.random() < 0.4:
        return f"{rng.integers(10**7, 10**10)}@qq.com"
    if language == "zh":
        first, last = "".join(names_zh.romanised(given)), "".join(names_zh.romanised(family))
        hosts: tuple[str, ...] = names_zh.MAIL_HOSTS
    else:
        first, last, hosts = given.lower(), family.lower(), names_en.MAIL_HOSTS
    pattern = int(rng.integers(4))
    local = (f"{first}.{last}", f"{first[0]}{last}", f"{first}{birth:%y}", f"{last}{first}")[pattern]
    return f"{local}{rng.integers(1, 1000)}@{rng.choice(hosts)}"


def address(person: Person) -> str:
    """The address in one line, as it should be written; the town apart."""
    home = person.home
    if person.language == "zh":
        return f"{home.district}{home.street}{home.house}号{home.unit}"
    return f"{home.house} {home.street}" + (f", {home.unit}" if home.unit else "")


def identification(person: Person) -> Identification:
    """Everything about the person, written as it should be."""
    return Identification(
        full_name=person.full_name,
        given_name=person.given,
        family_name=person.family,
        phone=person.phone,
        email=person.email,
        address=address(person),
        city=person.home.city,
        postcode=person.home.postcode,
        region=person.home.region,
        birth_date=person.birth.isoformat(),
        gender=person.gender,
        company=person.company,
    )


def identifications(seed: int, truth: Truth) -> tuple[Identification, ...]:
    """Who the customers of a world are: made-up persons of their ages and genders."""
    rng = np.random.default_rng([seed, 2])
    made = []
    for who in range(len(truth.age)):
        language = "zh" if truth.chinese[who] else "en"
        card = identification(draw_person(rng, language))
        gender, birth = str(truth.gender[who]), str(truth.birth_date[who])
        given = draw_given(rng, language, gender)
        full = card.family_name + given if language == "zh" else f"{given} {card.family_name}"
        card.MergeFrom(Identification(full_name=full, given_name=given, gender=gender, birth_date=birth))
        made.append(card)
    return tuple(made)
