"""Forms of the fields of a record: what fits, and one key for all ways to write the same; knows no other record."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum
from typing import Final


class Form(Enum):
    """What a field holds."""

    NAME = "name"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    CITY = "city"
    POSTCODE = "postcode"
    REGION = "region"
    BIRTH_DATE = "birth date"
    GENDER = "gender"
    NUMBER = "number"
    COMPANY = "company"


# Fields as sources and `Identification` call them.
FORMS: Final[Mapping[str, Form]] = {
    "name": Form.NAME,
    "full_name": Form.NAME,
    "given_name": Form.NAME,
    "family_name": Form.NAME,
    "phone": Form.PHONE,
    "email": Form.EMAIL,
    "address": Form.ADDRESS,
    "street": Form.ADDRESS,
    "city": Form.CITY,
    "postcode": Form.POSTCODE,
    "region": Form.REGION,
    "birth_date": Form.BIRTH_DATE,
    "gender": Form.GENDER,
    "number": Form.NUMBER,
    "company": Form.COMPANY,
}

# What people type where they have nothing to say.
_NOTHING: Final = frozenset(
    {"", "-", "--", "?", "n/a", "na", "none", "null", "unknown", "nil", "x", "无", "不详", "未知"}
)
_GENDERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("f", "female", "woman", "w", "frau", "ms", "mrs", "女", "女性", "fem"), "f"),
    **dict.fromkeys(("m", "male", "man", "herr", "mr", "男", "男性", "masc"), "m"),
    **dict.fromkeys(("x", "diverse", "other", "其他"), "x"),
}
_MONTHS: Final[Mapping[str, int]] = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
# How people shorten streets; both are one key.
SHORT_WORDS: Final[Mapping[str, str]] = {
    "st": "street",
    "str": "street",
    "ave": "avenue",
    "av": "avenue",
    "rd": "road",
    "blvd": "boulevard",
    "dr": "drive",
    "ln": "lane",
    "ct": "court",
    "pl": "place",
    "sq": "square",
    "hwy": "highway",
}
_EMAIL: Final = re.compile(r"[a-z0-9._%+'-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}")
_YEAR_FIRST: Final = re.compile(r"(\d{4})\D+(\d{1,2})\D+(\d{1,2})\D*")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})(\D+)(\d{1,2})\D+(\d{4}|\d{2})")
_MONTH_NAMED: Final = re.compile(r"(?:(\d{1,2})\W+)?([a-z]{3})[a-z]*\W+(?:(\d{1,2})\W+)?(\d{4})")
# Country codes that people put before a national number, with the length of the number that follows.
_COUNTRIES: Final = (("0086", 11), ("86", 11), ("001", 10), ("0044", 10), ("44", 10))
# A 1 alone is North America's only where it stands apart: a Chinese mobile number begins with 1 as well.
_AMERICA: Final = re.compile(r"\+1|1[\s.(-]")
_OLDEST: Final = 1900
_YOUNGEST: Final = 2100


def plain(text: str) -> str:
    """One spelling of width, case and blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def key(form: Form, value: str) -> str:
    """The same for all ways to write one value; empty when nothing is said. Keys are for comparing, not for showing."""
    text = plain(value)
    # What a key leaves out may have stood between a letter and its accent, or kept "x" from saying nothing.
    found = "" if _says_nothing(form, text) else plain(_KEYS[form](text))
    return "" if _says_nothing(form, found) else found


def _says_nothing(form: Form, text: str) -> bool:
    return text in _NOTHING and not (form is Form.GENDER and text == "x")


def fits(form: Form, value: str) -> bool:
    """Whether a value has the form that its field must have. Nothing does not."""
    text = key(form, value)
    return bool(text) and _FITS[form](text)


def _date_key(text: str) -> str:
    found = _date(text)
    return text if found is None else found.isoformat()


def _date(text: str) -> date | None:
    digits = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text)
    year_first = digits or _YEAR_FIRST.fullmatch(text)
    if year_first:
        year, month, day = (int(part) for part in year_first.groups())
        return _existing(year, month, day)
    named = _MONTH_NAMED.fullmatch(text)
    if named and named[2] in _MONTHS and (named[1] or named[3]):
        return _existing(int(named[4]), _MONTHS[named[2]], int(named[1] or named[3]))
    year_last = _YEAR_LAST.fullmatch(text)
    if not year_last:
        return None
    first, second, year = int(year_last[1]), int(year_last[3]), _whole_year(year_last[4])
    # With slashes the month leads, with dots and dashes the day, unless that gives no month.
    month_leads = "/" in year_last[2]
    if first > 12 or second > 12:
        month_leads = second > 12
    return _existing(year, first, second) if month_leads else _existing(year, second, first)


def _whole_year(text: str) -> int:
    """Two digits are of a person who lives: 26 to 99 of the last century, the others of this one."""
    year = int(text)
    return year if len(text) == 4 else year + (1900 if year > 25 else 2000)


def _existing(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if _OLDEST <= year < _YOUNGEST else None
    except ValueError:
        return None


def _phone_key(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    if _AMERICA.match(text) and len(digits) == 11:
        return digits[1:]
    for code, length in _COUNTRIES:
        if digits.startswith(code) and len(digits) == len(code) + length:
            return digits[len(code) :]
    return digits or text


def _email_key(text: str) -> str:
    bare = text.removeprefix("mailto:").strip("<>;,. ")
    for said, meant in (
        (" at ", "@"),
        ("(at)", "@"),
        ("[at]", "@"),
        (" dot ", "."),
        ("(dot)", "."),
        (",", "."),
        (";", "."),
    ):
        bare = bare.replace(said, meant)
    return re.sub(r"\.{2,}", ".", bare.replace(" ", "").replace("@.", "@").replace("@@", "@"))


def _name_key(text: str) -> str:
    family, comma, given = text.partition(",")
    turned = f"{given} {family}" if comma else text
    return " ".join(re.sub(r"[._]", " ", turned).split())


def _address_key(text: str) -> str:
    return " ".join(SHORT_WORDS.get(word, word) for word in _words_key(text).split())


def _words_key(text: str) -> str:
    return " ".join(re.sub(r"[.,;_]", " ", text).split())


def _packed_key(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


def _is_name(text: str) -> bool:
    return not re.search(r"[\d@]", text) and len(text) >= 2


def _is_place(text: str) -> bool:
    return not re.search(r"[\d@]", text)


_KEYS: Final[Mapping[Form, Callable[[str], str]]] = {
    Form.NAME: _name_key,
    Form.PHONE: _phone_key,
    Form.EMAIL: _email_key,
    Form.ADDRESS: _address_key,
    Form.CITY: _words_key,
    Form.POSTCODE: _packed_key,
    Form.REGION: _words_key,
    Form.BIRTH_DATE: _date_key,
    Form.GENDER: lambda text: _GENDERS.get(text.rstrip("."), text),
    Form.NUMBER: _packed_key,
    Form.COMPANY: _words_key,
}
_FITS: Final[Mapping[Form, Callable[[str], bool]]] = {
    Form.NAME: _is_name,
    Form.PHONE: lambda text: text.isdigit() and 7 <= len(text) <= 15,
    Form.EMAIL: lambda text: _EMAIL.fullmatch(text) is not None,
    Form.ADDRESS: lambda text: "@" not in text and len(text) >= 4 and re.search(r"[^\W\d]", text) is not None,
    Form.CITY: _is_place,
    Form.POSTCODE: lambda text: 3 <= len(text) <= 10 and any(letter.isdigit() for letter in text),
    Form.REGION: _is_place,
    Form.BIRTH_DATE: lambda text: _date(text) is not None,
    Form.GENDER: lambda text: text in {"f", "m", "x"},
    Form.NUMBER: lambda text: len(text) >= 3,
    Form.COMPANY: lambda text: len(text) >= 2 and "@" not in text,
}
