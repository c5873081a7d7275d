"""Hand-entered rows about people, several a person, with the person behind each apart from them; knows no scorer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.random import Generator

from fieldwise.profile.v1.event_pb2 import Event, Identification
from fieldwise_market import names_en, names_zh
from fieldwise_market.handwriting import DEPARTMENTS, Numbers, written
from fieldwise_market.people import (
    LANGUAGES,
    Home,
    Person,
    draw_email,
    draw_family,
    draw_given,
    draw_home,
    draw_person,
    draw_phone,
)
from fieldwise_market.population import Ints

VERSION: Final = 1
_BEGUN: Final = datetime(2023, 1, 1, tzinfo=UTC)
_DAYS: Final = 900
# How the persons come about: alone, in a household, with a namesake in the same town, or as a company.
_KINDS: Final = ("alone", "household", "namesakes", "company")
_KIND_SHARES: Final = (0.66, 0.14, 0.08, 0.12)
_ROWS_A_PERSON: Final = (0.32, 0.3, 0.2, 0.12, 0.06)
_SHOPS: Final = 4


@dataclass(frozen=True)
class Row:
    """One hand-entered row. `customer` tells nothing of the person: rows are numbered as they were entered."""

    customer: str
    department: str
    entered: datetime
    identification: Identification


@dataclass(frozen=True)
class Registry:
    """Rows by time of entry; `truth` has the number of the person of each, and is never shown to what is tested."""

    seed: int
    rows: tuple[Row, ...] = field(repr=False)
    truth: Ints = field(repr=False)

    def events(self) -> Iterator[Event]:
        """One IDENTIFICATION event of a customer of his own for each row."""
        for place, row in enumerate(self.rows):
            at = Timestamp(seconds=int(row.entered.timestamp()))
            yield Event(
                event_id=f"r{self.seed}-{place}", source=row.department, customer=row.customer, event_time=at, known_at=at,
                identification=row.identification,
            )  # fmt: skip


@dataclass(frozen=True)
class _Known:
    """A person over time: what he was, and since `changed` (a day) is."""

    before: Person
    after: Person
    changed: float
    home_phone: str


def make_registry(seed: int, people: int, language: str = "mixed") -> Registry:
    """Rows about `people` persons and companies, some two for each.

    Args:
        language: `zh`, `en`, or `mixed` (half of each).
    """
    if language not in (*LANGUAGES, "mixed") or people < 1:
        raise ValueError(
            f"language={language!r}, people={people}: give zh, en or mixed, and at least 1 person"
        )
    rng = np.random.default_rng([seed, 5, (*LANGUAGES, "mixed").index(language)])
    known = _population(rng, people, language)
    shops = {each: [_shop_phone(rng, each) for _ in range(_SHOPS)] for each in LANGUAGES}
    entered = [entry for who, each in enumerate(known) for entry in _entries(rng, who, each, shops)]
    entered.sort(key=lambda entry: (entry[0], entry[1]))
    rows = tuple(
        Row(f"customers/r{seed}-{place}", department, _BEGUN + timedelta(days=day), card)
        for place, (day, _, department, card) in enumerate(entered)
    )
    return Registry(seed, rows, np.array([who for _, who, _, _ in entered]))


def _entries(
    rng: Generator, who: int, known: _Known, shops: dict[str, list[str]]
) -> list[tuple[float, int, str, Identification]]:
    entries = []
    for _ in range(1 + int(rng.choice(5, p=_ROWS_A_PERSON))):
        day = float(rng.uniform(0, _DAYS))
        person = known.after if day >= known.changed else known.before
        department = DEPARTMENTS[int(rng.choice(5, p=(0.25, 0.25, 0.2, 0.15, 0.15)))]
        shop = str(rng.choice(shops[person.language]))
        card = written(rng, person, Numbers(person.phone, known.home_phone, shop), department)
        entries.append((day, who, department.name, card))
    return entries


# ---- who there is ---------------------------------------------------------------------------------------------------


def _population(rng: Generator, people: int, language: str) -> list[_Known]:
    known: list[_Known] = []
    while len(known) < people:
        spoken = language if language in LANGUAGES else LANGUAGES[int(rng.integers(2))]
        kind = _KINDS[int(rng.choice(4, p=_KIND_SHARES))]
        known += _MAKERS[kind](rng, spoken)
    return known[:people]


def _alone(rng: Generator, language: str) -> list[_Known]:
    person = draw_person(rng, language)
    if rng.random() < 0.1:
        person = replace(person, company=_company_name(rng, language))
    return [_over_time(rng, person, "")]


def _household(rng: Generator, language: str) -> list[_Known]:
    """A couple and its children, or twins: one home, one telephone at home, sometimes one e-mail."""
    first = draw_person(rng, language)
    # Old enough for grown children.
    first = replace(
        first, birth=first.birth.replace(year=1945 + first.birth.year % 20, day=min(first.birth.day, 28))
    )
    second = _spouse(rng, first)
    children = [_child(rng, first) for _ in range(int(rng.integers(0, 3)))]
    if children and rng.random() < 0.22:
        children.append(_twin(rng, children[0]))
    home_phone = _landline(rng, first.home, language)
    members = [first, second, *children]
    shared = [each if rng.random() > 0.04 else replace(each, email=first.email) for each in members]
    return [_over_time(rng, each, home_phone) for each in shared]


def _spouse(rng: Generator, of: Person) -> Person:
    other = draw_person(rng, of.language)
    gender = "f" if of.gender == "m" else "m"
    family = of.family if of.language == "en" and rng.random() < 0.8 else other.family
    given = draw_given(rng, of.language, gender)
    birth = of.birth + timedelta(days=int(rng.normal(0, 1200)))
    email = draw_email(rng, of.language, family, given, birth)
    return replace(other, family=family, given=given, gender=gender, birth=birth, email=email, home=of.home)


def _child(rng: Generator, of: Person) -> Person:
    """Often named after the parent: the same given name in English, one character of it in Chinese."""
    other = draw_person(rng, of.language)
    given = draw_given(rng, of.language, of.gender)
    if of.language == "en" and rng.random() < 0.3:
        given = of.given
    elif of.language == "zh" and len(given) == 2 and rng.random() < 0.3:
        given = given[0] + of.given[-1]
    birth = of.birth + timedelta(days=int(rng.uniform(21, 38) * 365))
    email = draw_email(rng, of.language, of.family, given, birth)
    return replace(
        other, family=of.family, given=given, gender=of.gender, birth=birth, email=email, home=of.home
    )


def _twin(rng: Generator, of: Person) -> Person:
    """Born on the same day, with a name of the same kind."""
    given = draw_given(rng, of.language, of.gender)
    while given == of.given:
        given = draw_given(rng, of.language, of.gender)
    if of.language == "zh" and len(of.given) == 2:
        given = of.given[0] + given[-1]
    if given == of.given:
        given = of.given[::-1] if of.given[0] != of.given[-1] else of.given + "子"
    return replace(
        of, given=given, phone=draw_phone(rng, of.language, of.home), number=_number(rng),
        email=draw_email(rng, of.language, of.family, given, of.birth),
    )  # fmt: skip


def _namesakes(rng: Generator, language: str) -> list[_Known]:
    """Two to four strangers of one name in one town."""
    first = draw_person(rng, language)
    others = []
    for _ in range(int(rng.integers(1, 4))):
        other = draw_person(rng, language)
        home = draw_home(rng, language)
        while home.city != first.home.city:
            home = draw_home(rng, language)
        birth = first.birth + timedelta(days=int(rng.normal(0, 2500)))
        changed = replace(
            other, family=first.family, given=first.given, gender=first.gender, birth=birth, home=home
        )
        email = draw_email(rng, language, first.family, first.given, birth)
        others.append(replace(changed, phone=draw_phone(rng, language, home), email=email))
    return [_over_time(rng, each, "") for each in (first, *others)]


def _company(rng: Generator, language: str) -> list[_Known]:
    """A company without a person; its e-mail is an office's."""
    base = draw_person(rng, language)
    name = _company_name(rng, language)
    site = "".join(names_zh.romanised(name))[:10] if language == "zh" else name.split()[0].lower()
    email = f"{rng.choice(('info', 'sales', 'office'))}@{site}{rng.integers(1, 400)}.com"
    firm = replace(
        base,
        family="",
        given="",
        gender="",
        email=email,
        company=name,
        phone=_landline(rng, base.home, language),
    )
    return [_over_time(rng, firm, "")]


_MAKERS: Final = {"alone": _alone, "household": _household, "namesakes": _namesakes, "company": _company}


def _over_time(rng: Generator, person: Person, home_phone: str) -> _Known:
    """Some move, get another telephone or e-mail, or marry; all of it on one day."""
    after = person
    if rng.random() < 0.12:
        after = replace(after, home=draw_home(rng, person.language))
    # Nobody changes telephone and e-mail on one day: then nothing would tell who he is.
    drawn = rng.random()
    if drawn < 0.09:
        after = replace(after, phone=draw_phone(rng, person.language, person.home))
    elif drawn < 0.15 and person.given:
        after = replace(
            after, email=draw_email(rng, person.language, person.family, person.given, person.birth)
        )
    if person.language == "en" and person.gender == "f" and rng.random() < 0.15:
        after = replace(after, family=draw_family(rng, "en"))
    return _Known(person, after, float(rng.uniform(0.2, 0.8)) * _DAYS, home_phone)


def _company_name(rng: Generator, language: str) -> str:
    if language == "zh":
        town = str(names_zh.TOWNS[int(rng.integers(len(names_zh.TOWNS)))][0]).removesuffix("市")
        return f"{town}{rng.choice(names_zh.COMPANY_WORDS)}{rng.choice(names_zh.COMPANY_TRADES)}有限公司"
    suffix = names_en.COMPANY_SUFFIXES[int(rng.integers(3))][0]
    return f"{rng.choice(names_en.COMPANY_WORDS)} {rng.choice(names_en.COMPANY_TRADES)} {suffix}"


def _landline(rng: Generator, home: Home, language: str) -> str:
    if language == "en":
        return draw_phone(rng, language, home)
    return f"0{home.postcode[:3]}{rng.integers(2, 9)}{rng.integers(0, 10**7):07d}"


def _shop_phone(rng: Generator, language: str) -> str:
    return _landline(rng, draw_home(rng, language), language)


def _number(rng: Generator) -> str:
    return f"{rng.integers(10**9, 10**10)}"
