"""How each department writes down a person: formats, shortenings, nicknames and slips; knows no truth and no duplicate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from numpy.random import Generator

from fieldwise.profile.v1.event_pb2 import Identification
from fieldwise_market import names_en, names_zh
from fieldwise_market.misspelling import digit_slipped, misheard, misread, same_sound, slipped, traditional
from fieldwise_market.people import Home, Person


@dataclass(frozen=True)
class Department:
    """Habits of one department: how often it asks for a field, and how it gets things wrong (probabilities)."""

    name: str
    phone: float
    email: float
    birth: float
    place: float
    number: float
    gender: float
    two_fields: float  # writes family and given name apart
    slips: float  # at the keyboard, per field
    hears: float  # writes what it hears, per name and street
    reads: float  # reads handwriting, per name
    nickname: float
    romanised: float
    traditional: float
    shop_phone: float  # gives the shop's telephone for want of another


DEPARTMENTS: Final = (
    Department("store", 0.85, 0.35, 0.55, 0.45, 0.12, 0.7, 0.2, 0.045, 0.1, 0.0, 0.2, 0.02, 0.03, 0.45),
    Department("online", 0.8, 1.0, 0.6, 0.8, 0.06, 0.4, 0.6, 0.025, 0.0, 0.0, 0.1, 0.16, 0.05, 0.0),
    Department("call-centre", 0.9, 0.5, 0.6, 0.65, 0.12, 0.8, 0.4, 0.035, 0.22, 0.0, 0.08, 0.02, 0.02, 0.03),
    Department("field", 0.9, 0.5, 0.4, 0.75, 0.03, 0.5, 0.1, 0.03, 0.08, 0.14, 0.24, 0.05, 0.05, 0.05),
    Department("service", 0.7, 0.6, 0.7, 0.75, 0.25, 0.8, 0.9, 0.035, 0.1, 0.03, 0.04, 0.1, 0.12, 0.0),
)


@dataclass(frozen=True)
class Numbers:
    """Telephones that a row may carry instead of the person's own."""

    own: str
    home: str  # the household's; empty for none
    shop: str


def written(rng: Generator, person: Person, numbers: Numbers, department: Department) -> Identification:
    """One row of the department about the person as he is at that time.

    Enough is kept to know him by: mostly two of his own telephone, e-mail and birth date, and always one of them.
    """
    fields = _asked(rng, person, department)
    nickname = person.given != "" and rng.random() < department.nickname
    if nickname:
        fields.add("phone")  # a nickname and a household's telephone could be anybody's
    card = Identification(gender=person.gender if rng.random() < department.gender else "")
    if person.given:
        _write_name(rng, card, person, department, nickname=nickname)
    if person.company:
        card.company = _company(rng, person)
    if "phone" in fields:
        digits = _whose(rng, numbers, department) if "own" not in fields and not nickname else numbers.own
        card.phone = _phone(rng, digits, person.language, department)
    if "email" in fields:
        card.email = _email(rng, person.email, department)
    if "birth" in fields and person.given:
        card.birth_date = _birth(rng, person.birth, person.language)
    if rng.random() < department.place or not fields & {"email", "birth"}:
        _write_place(rng, card, person, department)
    if rng.random() < department.number:
        card.number = digit_slipped(rng, person.number) if rng.random() < 0.03 else person.number
    return card


def _asked(rng: Generator, person: Person, department: Department) -> set[str]:
    """The fields that are written; `own` when the telephone is to be the person's own."""
    chances = {"phone": department.phone, "email": department.email, "birth": department.birth}
    if not person.given:
        del chances["birth"]
    fields = {name for name, chance in chances.items() if rng.random() < chance}
    wanted = 2 if rng.random() < 0.93 else 1
    for name in rng.permutation(list(chances)):
        if len(fields) < wanted:
            fields.add(str(name))
    if len(fields - {"phone"}) < wanted and rng.random() < 0.94:
        fields.add("own")
    return fields


def _whose(rng: Generator, numbers: Numbers, department: Department) -> str:
    if rng.random() < department.shop_phone:
        return numbers.shop
    return numbers.home if numbers.home and rng.random() < 0.5 else numbers.own


# ---- names --------------------------------------------------------------------------------------------------------


def _write_name(
    rng: Generator, card: Identification, person: Person, department: Department, *, nickname: bool
) -> None:
    write = _chinese_name if person.language == "zh" else _english_name
    full, family, given = write(rng, person, department, nickname=nickname)
    if family and given and rng.random() < department.two_fields:
        if rng.random() < 0.04:
            family, given = given, family
        card.family_name, card.given_name = family, given
    else:
        card.full_name = full


def _chinese_name(
    rng: Generator, person: Person, department: Department, *, nickname: bool
) -> tuple[str, str, str]:
    family, given = person.family, person.given
    if nickname:
        return _chinese_nickname(rng, person), "", ""
    if rng.random() < department.romanised:
        return _pinyin(rng, family, given)
    if rng.random() < department.hears:
        given = same_sound(rng, given)
    if rng.random() < department.hears / 4:
        family = same_sound(rng, family)
    if rng.random() < department.reads:
        given = misread(rng, given)
    if rng.random() < department.traditional:
        family, given = traditional(family), traditional(given)
    if len(given) == 2 and rng.random() < department.slips / 2:
        given = given[::-1]
    title = str(rng.choice(("", "先生" if person.gender == "m" else "女士"), p=(0.93, 0.07)))
    return f"{family}{given}{title}", family, given


def _chinese_nickname(rng: Generator, person: Person) -> str:
    kinds = (
        f"{'老' if person.birth.year < 1980 else '小'}{person.family}",
        f"{person.family}{'先生' if person.gender == 'm' else '女士'}",
        f"{person.family}{rng.choice(('总', '经理', '老师'))}",
        f"阿{person.given[-1]}",
        f"小{person.given[-1]}",
    )
    return kinds[int(rng.choice(5, p=(0.4, 0.2, 0.15, 0.1, 0.15)))]


def _pinyin(rng: Generator, family: str, given: str) -> tuple[str, str, str]:
    last = "".join(names_zh.romanised(family)).capitalize()
    sounds = names_zh.romanised(given)
    first = str(rng.choice(("".join(sounds), " ".join(sounds), "-".join(sounds)))).capitalize()
    full = (f"{last} {first}", f"{first} {last}", f"{last}{first}".lower(), f"{last} {first}".upper())
    return full[int(rng.integers(4))], last, first


def _english_name(
    rng: Generator, person: Person, department: Department, *, nickname: bool
) -> tuple[str, str, str]:
    family, given = person.family, person.given
    if nickname:
        given = str(rng.choice(names_en.NICKNAMES.get(given, (f"{given[0]}.",))))
    if rng.random() < department.hears:
        family, given = misheard(rng, family), misheard(rng, given)
    if rng.random() < department.reads:
        family = misread(rng, family)
    if rng.random() < department.slips:
        family = slipped(rng, family)
    if rng.random() < department.slips:
        given = slipped(rng, given)
    middle = f" {chr(65 + int(rng.integers(26)))}." if rng.random() < 0.1 else ""
    full = (f"{given}{middle} {family}", f"{family}, {given}", f"{family} {given}")[
        int(rng.choice(3, p=(0.8, 0.12, 0.08)))
    ]
    if rng.random() < 0.12:
        full = full.upper() if rng.random() < 0.5 else full.lower()
    return full, family, given


def _company(rng: Generator, person: Person) -> str:
    """The company's name with one of the ways to write what it is."""
    for listed in names_zh.COMPANY_SUFFIXES if person.language == "zh" else names_en.COMPANY_SUFFIXES:
        if person.company.endswith(listed[0]):
            name = person.company.removesuffix(listed[0]) + str(rng.choice(listed, p=(0.4, 0.25, 0.2, 0.15)))
            return _one_wrong(rng, name.strip(), person.language, 0.08)
    return person.company


def _one_wrong(rng: Generator, text: str, language: str, chance: float) -> str:
    if rng.random() >= chance:
        return text
    return same_sound(rng, text) if language == "zh" else slipped(rng, text)


# ---- ways to reach him ----------------------------------------------------------------------------------------------


def _phone(rng: Generator, digits: str, language: str, department: Department) -> str:
    if rng.random() < department.slips:
        digits = digit_slipped(rng, digits)
    return formatted_phone(rng, digits, language)


def formatted_phone(rng: Generator, digits: str, language: str) -> str:
    a, b, c = (
        digits[:3],
        digits[3:7] if language == "zh" else digits[3:6],
        digits[7:] if language == "zh" else digits[6:],
    )
    if language == "zh" and digits.startswith("0"):
        return str(rng.choice((digits, f"{digits[:-8]}-{digits[-8:]}", f"({digits[:-8]}){digits[-8:]}")))
    if language == "zh":
        forms = (
            digits,
            f"{a} {b} {c}",
            f"{a}-{b}-{c}",
            f"+86 {digits}",
            f"+86-{a}-{b}-{c}",
            f"0086{digits}",
            f"86 {a}{b}{c}",
        )
    else:
        forms = (
            f"({a}) {b}-{c}",
            f"{a}-{b}-{c}",
            f"{a}.{b}.{c}",
            digits,
            f"+1 {a} {b} {c}",
            f"1-{a}-{b}-{c}",
            f"{a} {b}{c}",
        )
    return forms[int(rng.choice(7, p=(0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.07)))]


def _email(rng: Generator, email: str, department: Department) -> str:
    local, host = email.split("@")
    if rng.random() < department.slips:
        local = slipped(rng, local)
    if rng.random() < department.slips / 2:
        host = str(
            rng.choice(
                (host.replace(".com", ".con"), host.replace(".com", ".cm"), slipped(rng, host[:-4]) + ".com")
            )
        )
    whole = f"{local}@{host}"
    return whole.upper() if rng.random() < 0.05 else whole


def _birth(rng: Generator, birth: date, language: str) -> str:
    kind = rng.random()
    if kind < 0.015 and birth.day <= 12:
        birth = date(birth.year, birth.day, birth.month)
    elif kind < 0.03:
        birth = birth.replace(year=birth.year + int(rng.choice((-10, -1, 1, 10))), day=min(birth.day, 28))
    elif kind < 0.04:
        birth = birth.replace(day=1 + (birth.day + int(rng.choice((0, 9)))) % 28)
    if language == "zh":
        forms = ("%Y-%m-%d", "%Y%m%d", "%Y年%-m月%-d日")
    else:
        forms = ("%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y")
    return birth.strftime(forms[int(rng.choice(3, p=(0.5, 0.3, 0.2)))])


# ---- where he lives -------------------------------------------------------------------------------------------------


def _write_place(rng: Generator, card: Identification, person: Person, department: Department) -> None:
    home = person.home
    card.address = (
        _chinese_address(rng, home, department)
        if person.language == "zh"
        else _english_address(rng, home, department)
    )
    if rng.random() < 0.75:
        card.city = home.city.removesuffix("市") if rng.random() < 0.4 else home.city
    if rng.random() < 0.6:
        card.postcode = digit_slipped(rng, home.postcode) if rng.random() < 0.03 else home.postcode
    if rng.random() < 0.4:
        card.region = home.region


def _chinese_address(rng: Generator, home: Home, department: Department) -> str:
    street = same_sound(rng, home.street) if rng.random() < department.hears / 2 else home.street
    before = str(
        rng.choice(
            ("", home.district, home.city + home.district, home.region + home.city + home.district),
            p=(0.3, 0.4, 0.2, 0.1),
        )
    )
    if home.region == home.city:
        before = before.replace(home.city + home.city, home.city)
    house = f"{home.house}{rng.choice(('号', '#'), p=(0.85, 0.15))}"
    unit = home.unit
    if rng.random() < 0.4:
        house = house.removesuffix("号")
        unit = "-" + unit.replace("单元", "-").replace("室", "")
    elif rng.random() < 0.2:
        unit = ""
    return f"{before}{street}{house}{unit}"


def _english_address(rng: Generator, home: Home, department: Department) -> str:
    name, kind = home.street.rsplit(" ", 1)
    if rng.random() < department.hears / 2 or rng.random() < department.slips:
        name = slipped(rng, name)
    short = next(each for each in names_en.STREET_KINDS if each[0] == kind)
    kind = str(rng.choice((*short, ""), p=(0.4, 0.25, 0.25, 0.1)))
    unit = home.unit if rng.random() < 0.6 else home.unit.replace("Apt ", "#")
    if rng.random() < 0.2:
        unit = ""
    line = " ".join(each for each in (str(home.house), name, kind, unit) if each)
    return line.upper() if rng.random() < 0.08 else line
