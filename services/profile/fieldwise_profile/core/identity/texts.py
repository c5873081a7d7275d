"""Texts as they are compared: one width, one case, no accents, simplified characters; knows no field."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final

_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_WORDS: Final = re.compile(r"[\u3400-\u9fff]+|[a-z]+|[0-9]+")
# What stands for nothing in forms filled in by hand.
_NOTHING: Final = frozenset(
    (
        "",
        "-",
        "--",
        "n/a",
        "na",
        "nan",
        "none",
        "null",
        "unknown",
        "无",
        "未知",
        "不详",
        "暂无",
        "没有",
        "x",
        "xx",
        "?",
    )
)


@lru_cache(maxsize=16_384)
def _simple(character: str) -> str:
    return str(_simplifier().convert(character))


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """NFKC, lower case, without accents, traditional characters made simplified; empty for words that say nothing."""
    if text.isascii():
        plain = text.lower().strip()
        return "" if plain in _NOTHING else plain
    wide = unicodedata.normalize("NFKC", text).casefold().strip()
    parts = unicodedata.normalize("NFD", wide)
    bare = unicodedata.normalize("NFC", "".join(each for each in parts if not unicodedata.combining(each)))
    plain = "".join(_simple(each) if _HAN.match(each) else each for each in bare)
    return "" if plain in _NOTHING else plain


def words(text: str) -> list[str]:
    """Runs of Chinese characters, of letters, of digits, in order; of a folded text."""
    return _WORDS.findall(text.replace("'", ""))


def is_han(text: str) -> bool:
    """Whether a folded text has a Chinese character."""
    return _HAN.search(text) is not None


# Both dictionaries take longer to read than the rest of the service: a company without Chinese names never waits for them.
@cache
def _simplifier() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def _lazy_pinyin(text: str) -> list[str]:
    from pypinyin import lazy_pinyin

    return lazy_pinyin(text)


@lru_cache(maxsize=65_536)
def spoken(text: str) -> str:
    """Pinyin without tones and spaces; letters stay."""
    return "".join(_lazy_pinyin(text)).replace("ü", "v") if is_han(text) else text


@lru_cache(maxsize=65_536)
def syllables(text: str) -> tuple[str, ...]:
    """Pinyin of each Chinese character."""
    return tuple(each.replace("ü", "v") for each in _lazy_pinyin(text))
