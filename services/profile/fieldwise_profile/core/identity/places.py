"""Addresses, towns and postal codes as they are compared; knows no other field."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from fieldwise_profile.core.identity.texts import folded, is_han, words

# Usual abbreviations (USPS Publication 28, appendix C, and Australia Post's street types).
_SHORT: Final = {
    "street": "st", "str": "st", "road": "rd", "avenue": "av", "ave": "av", "drive": "dr", "drv": "dr", "place": "pl",
    "court": "ct", "crt": "ct", "crescent": "cr", "cres": "cr", "lane": "ln", "close": "cl", "circuit": "cct",
    "boulevard": "bvd", "blvd": "bvd", "parade": "pde", "terrace": "tce", "ter": "tce", "highway": "hwy", "square": "sq",
    "apartment": "apt", "flat": "apt", "unit": "apt", "suite": "apt", "ste": "apt", "floor": "fl", "building": "bldg",
    "north": "n", "south": "s", "east": "e", "west": "w", "saint": "st", "mount": "mt", "no": "", "number": "", "nr": "",
    "way": "wy", "grove": "gr", "gardens": "gdns", "garden": "gdns", "village": "vlge",
    # In Chinese addresses written in letters.
    "lu": "rd", "jie": "st", "hao": "", "shi": "", "qu": "",
}  # fmt: skip
_PROVINCE: Final = re.compile(r"^[\u4e00-\u9fff]{2,3}(?:省|自治区|特别行政区)")
_TOWN: Final = re.compile(r"^[\u4e00-\u9fff]{2,4}?市")
_UNITS: Final = re.compile(
    r"(?:号楼|号院|单元|楼层|街道|大道|大街|胡同|[省市区县镇乡村路街道巷弄号楼栋幢座层室房院])"
)
_HAN_DIGITS: Final = str.maketrans("〇零一二三四五六七八九", "00123456789")
_HAN_NUMBER: Final = re.compile(r"[〇零一二三四五六七八九十]+(?=[号弄楼栋幢座层室单])")


class Address(NamedTuple):
    """An address: its numbers in order, its words without what is often left out."""

    numbers: tuple[str, ...] = ()
    street: str = ""


@lru_cache(maxsize=65_536)
def address(text: str, city: str = "") -> Address:
    """An address taken apart; `city` (folded) is left out of it."""
    plain = folded(text)
    if not plain:
        return Address()
    return _han(plain, city) if is_han(plain) else _latin(plain)


def _latin(plain: str) -> Address:
    found = [_SHORT.get(each, each) for each in words(plain)]
    numbers = tuple(each.lstrip("0") or "0" for each in found if each.isdigit())
    return Address(numbers, " ".join(each for each in found if each and not each.isdigit()))


def _han(plain: str, city: str) -> Address:
    plain = _HAN_NUMBER.sub(_arabic, plain)
    bare = _PROVINCE.sub("", plain)
    bare = _TOWN.sub("", bare)
    if city:
        bare = bare.removeprefix(city)
    numbers = tuple(re.findall(r"\d+", bare))
    letters = "".join(re.findall(r"[a-z]", bare))
    street = "".join(re.findall(r"[\u3400-\u9fff]", _UNITS.sub("", bare)))
    return Address(numbers, street + letters)


def _arabic(match: re.Match[str]) -> str:
    text = match.group()
    if "十" not in text:
        return text.translate(_HAN_DIGITS)
    tens, _, ones = text.partition("十")
    return str(10 * int((tens or "1").translate(_HAN_DIGITS)) + int((ones or "0").translate(_HAN_DIGITS)))


@lru_cache(maxsize=65_536)
def town(text: str) -> str:
    """A town without what is added to it."""
    plain = folded(text)
    if is_han(plain):
        plain = _PROVINCE.sub("", "".join(words(plain)))
        return plain[:-1] if len(plain) > 2 and plain[-1] in "市县区" else plain
    return " ".join(_SHORT.get(each, each) for each in words(plain))


@lru_cache(maxsize=65_536)
def region(text: str) -> str:
    """A state or province without its kind."""
    plain = "".join(words(folded(text)))
    return re.sub(r"(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)$", "", plain)


@lru_cache(maxsize=65_536)
def postcode(text: str) -> str:
    """Letters and digits of a postal code."""
    return "".join(words(folded(text)))
