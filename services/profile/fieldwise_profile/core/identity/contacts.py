"""Telephone numbers, e-mail addresses and numbers of persons as they are compared; knows no other field."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fieldwise_profile.core.identity.texts import folded

_NO_DIGITS: Final = re.compile(r"\D+")
_NO_SIGNS: Final = re.compile(r"[^0-9a-z]+")
_EXTENSION: Final = re.compile(r"(?:ext|x|转|分机|#).*$")
# Country codes that are taken off: after a plus or 00, or 86 before a whole Chinese mobile number. Others stay.
_ABROAD: Final = re.compile(r"^(?:\+|00)(?:86|44|61|1)0?(?=\d{9,11}$)")
_CHINESE: Final = re.compile(r"^86(?=1\d{10}$)")
_PLACEHOLDER: Final = re.compile(r"^(\d)\1+$|^1234567|^0123456")
_FEWEST_DIGITS: Final = 6
# Same domain, other names.
_DOMAINS: Final = {"googlemail.com": "gmail.com", "hotmail.co.uk": "hotmail.com", "vip.qq.com": "qq.com"}
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@lru_cache(maxsize=65_536)
def phone(text: str) -> str:
    """National digits of a telephone number; empty when it cannot be one."""
    plain = _EXTENSION.sub("", folded(text))
    digits = ("+" if plain.startswith(("+", "(+")) else "") + _NO_DIGITS.sub("", plain)
    national = _CHINESE.sub("", _ABROAD.sub("", digits).lstrip("+")).lstrip("0")
    if len(national) < _FEWEST_DIGITS or _PLACEHOLDER.match(national):
        return ""
    return national


@lru_cache(maxsize=65_536)
def email(text: str) -> str:
    """An e-mail address as one mailbox: no dots of Gmail, no +part; empty when it cannot be one."""
    plain = folded(text).replace(" ", "").strip("<>;,.").replace("。", ".").replace(",", ".")
    plain = plain.replace("(at)", "@").replace("[at]", "@").replace("#", "@")
    if not _MAIL.fullmatch(plain):
        return ""
    local, _, domain = plain.rpartition("@")
    domain = _DOMAINS.get(domain, domain)
    local = local.partition("+")[0] or local
    if domain == "gmail.com":
        local = local.replace(".", "")
    return f"{local}@{domain}"


@lru_cache(maxsize=65_536)
def number(text: str) -> str:
    """Letters and digits of a person's number; empty for a placeholder such as 000000."""
    plain = _NO_SIGNS.sub("", folded(text))
    return "" if len(plain) < 4 or len(set(plain)) == 1 else plain
