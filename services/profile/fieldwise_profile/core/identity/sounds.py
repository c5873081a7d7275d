"""How names sound, roughly: spellings of one sound get one code; knows no record.

Simplified from the rules of Metaphone (Philips 1990) for letters; for pinyin the pairs that speakers of southern dialects mix up.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# In this order. A "k" sound is k, an "s" sound is s, any vowel is a.
_RULES: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^(?:kn|gn|pn|wr|ps)", lambda m: m.group()[-1]),
        (r"^x", "s"),
        (r"mb$", "m"),
        (r"sch|sh|ti(?=[ao])|ci(?=a)", "S"),
        (r"tch|ch", "S"),
        (r"ph|v", "f"),
        (r"dg(?=[eiy])|g(?=[eiy])|j", "J"),
        (r"gh(?=[^aeiouy]|$)", ""),
        (r"th", "t"),
        (r"ck|q|x", "k"),
        (r"c(?=[eiy])|z", "s"),
        (r"c", "k"),
        (r"d(?=t)", ""),
        (r"w(?=[^aeiouy]|$)|(?<=[aeiouy])h|h(?=[^aeiouy]|$)", ""),
        (r"(?<=[aeiouy])r(?=[^aeiouy]|$)", ""),
        (r"[aeiouyw]+", "a"),
        (r"(.)\1+", r"\1"),
        (r"a$", ""),
    )
)


@lru_cache(maxsize=65_536)
def sound_of(name: str) -> str:
    """The sound of a name in letters: Kooper and Cooper, Garie and Gary have the same."""
    code = name
    for pattern, sound in _RULES:
        code = pattern.sub(sound, code)
    # A name of vowels only keeps its first letter.
    return code or name[:1]


_SOUTHERN: Final = ((re.compile(r"([zcs])h"), r"\1"), (re.compile(r"ng"), "n"))


@lru_cache(maxsize=65_536)
def southern(pinyin: str) -> str:
    """Pinyin as it is heard where zh and z, ing and in are one."""
    for pattern, sound in _SOUTHERN:
        pinyin = pattern.sub(sound, pinyin)
    return pinyin
