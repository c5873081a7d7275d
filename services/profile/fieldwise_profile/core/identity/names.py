"""Names of persons, taken apart; knows no other field."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from fieldwise_profile.core.identity.texts import folded, is_han, spoken, words

# Common family names, from the household register's statistics of the Ministry of Public Security (2020): about the first 200.
FAMILY_NAMES: Final = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文季兰殷施洪樊柯倪童章颜梅盛裴"
    "葛祝聂焦齐翟温鲁安邢欧耿关温骆岳俞左涂庄柳辛管柴包詹申凌路阮毕舒牛包苗尚单褚鲍华霍游纪翁成谷卓欧甘车宁冉全艾"
)
COMPOUND_FAMILY_NAMES: Final = frozenset(
    (
        "欧阳",
        "司马",
        "上官",
        "诸葛",
        "东方",
        "皇甫",
        "尉迟",
        "公孙",
        "慕容",
        "司徒",
        "夏侯",
        "令狐",
        "长孙",
        "宇文",
        "端木",
    )
)
_SPOKEN_FAMILY: Final = frozenset(spoken(each) for each in FAMILY_NAMES | COMPOUND_FAMILY_NAMES)
_FAMILIAR: Final = "小老阿大"
# Forms of address: they name nobody.
_TITLES: Final = frozenset(
    (
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "prof",
        "sir",
        "madam",
        "mme",
        "jr",
        "sr",
        "ii",
        "iii",
        "esq",
        "phd",
        "md",
    )
)
_HAN_TITLES: Final = re.compile(r"(?:先生|女士|小姐|太太|老师|经理|总经理|总|医生|主任|老板|师傅|阿姨|同志)$")
_BRACKETS: Final = re.compile(r"[(\[（【].*?[)\]）】]")


class Name(NamedTuple):
    """Family and given name, folded, each without spaces; empty for what is not known.

    Args:
        is_familiar: Written as one speaks to him (Xiao Wang, Lao Li): the given name is part of the real one or none of it.
    """

    family: str = ""
    given: str = ""
    is_familiar: bool = False
    # Further words of the name: a second given name, a former family name.
    other: tuple[str, ...] = ()


@lru_cache(maxsize=65_536)
def parted(full: str, given: str = "", family: str = "") -> Name:
    """The name as stated in parts, or taken from the full name where they are missing."""
    given, family, full = _plain(given), _plain(family), _plain(full)
    if given or family:
        # Sources put the whole name into one of the two fields.
        if (given and not family) or (family and not given):
            lone = given or family
            if not full and (_is_whole(lone)):
                return _whole(lone)
        if full and not (given and family):
            whole = _whole(full)
            return (
                whole
                if whole.family and whole.given
                else _of_parts(given or whole.given, family or whole.family)
            )
        return _of_parts(given, family)
    return _whole(full)


def _is_whole(text: str) -> bool:
    return len(words(text)) > 1 or (is_han(text) and len(text) >= 3 and text[0] in FAMILY_NAMES)


def _plain(text: str) -> str:
    return _BRACKETS.sub(" ", folded(text)).strip() if text else ""


def _of_parts(given: str, family: str) -> Name:
    given_words, family_words = _name_words(given), _name_words(family)
    if is_han(given) or is_han(family):
        one, other = "".join(given_words), "".join(family_words)
        return Name(one, other) if _is_family(one) and other and not _is_family(other) else Name(other, one)
    first, *rest = given_words or [""]
    return Name("".join(family_words), first, other=tuple(rest))


# Digits that a scanner or a finger put for a letter.
_MISREAD: Final = str.maketrans("0158", "olsb")


def _name_words(text: str) -> list[str]:
    if is_han(text):
        found = words(text)
    else:
        letters = text.replace("-", "").translate(_MISREAD) if any(map(str.isalpha, text)) else text
        found = words(letters)
    return [each for each in found if each not in _TITLES and not each.isdigit()]


def _whole(text: str) -> Name:
    if not text:
        return Name()
    if is_han(text):
        return _han(text)
    if "," in text:
        family, _, given = text.partition(",")
        return _of_parts(given, family)
    return _latin(_name_words(text))


def _han(text: str) -> Name:
    parts = [each for each in _name_words(text) if is_han(each)]
    if len(parts) == 2:
        one, other = parts
        # "Given Family", or with a space between; the family name is the one of the list.
        return Name(other, one) if _is_family(other) and not _is_family(one) else Name(one, other)
    bare = _HAN_TITLES.sub("", "".join(parts)) or "".join(parts)
    return _familiar(bare) or _in_one(bare)


def _is_family(text: str) -> bool:
    return text in FAMILY_NAMES or text in COMPOUND_FAMILY_NAMES


def _familiar(bare: str) -> Name | None:
    """As one speaks to him: Xiao Wang, A Qiang."""
    if bare[:1] not in _FAMILIAR or not 2 <= len(bare) <= 3:
        return None
    rest = bare[1:]
    is_family = bare[0] == "老" or (bare[0] != "阿" and _is_family(rest))
    return Name(rest, "", is_familiar=True) if is_family else Name("", rest, is_familiar=True)


def _in_one(bare: str) -> Name:
    if bare[:2] in COMPOUND_FAMILY_NAMES:
        return Name(bare[:2], bare[2:], is_familiar=len(bare) == 2)
    return Name(bare[:1], bare[1:], is_familiar=len(bare) == 1)


def _latin(parts: list[str]) -> Name:
    if not parts:
        return Name()
    if len(parts) == 1:
        return Name("", parts[0])
    if len(parts[-1]) == 1 < len(parts[0]):
        # "Williams G.": nobody writes his family name as a letter.
        return Name(parts[0], parts[-1], other=tuple(parts[1:-1]))
    if parts[0] in _SPOKEN_FAMILY and all(_is_pinyin(each) for each in parts):
        return Name(parts[0], "".join(parts[1:]))
    if parts[-1] in _SPOKEN_FAMILY and all(_is_pinyin(each) for each in parts):
        return Name(parts[-1], "".join(parts[:-1]))
    return Name(parts[-1], parts[0], other=tuple(parts[1:-1]))


_SYLLABLE: Final = (
    r"(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:iang|iong|uang|ang|eng|ing|ong|ian|iao|uai|uan|van|ai|ei|ao|ou|an|en|in|un|vn|ia|ie|iu|ua|ui|uo|ue|ve|er|a|o|e|i|u|v)"
)
_PINYIN: Final = re.compile(rf"(?:{_SYLLABLE})+")


def _is_pinyin(text: str) -> bool:
    return _PINYIN.fullmatch(text) is not None
