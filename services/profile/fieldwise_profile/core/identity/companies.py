"""Names of companies without their legal form; knows no other field."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fieldwise_profile.core.identity.texts import folded, is_han, words

_HAN_FORMS: Final = re.compile(
    r"(?:股份有限公司|有限责任公司|有限公司|集团公司|分公司|责任公司|股份公司|集团|公司|商行|经营部|中心|厂|店)$"
)
_LATIN_FORMS: Final = frozenset(
    (
        "ltd",
        "limited",
        "inc",
        "llc",
        "co",
        "company",
        "corp",
        "corporation",
        "plc",
        "gmbh",
        "pty",
        "group",
        "the",
        "and",
        "sa",
        "bv",
    )
)


@lru_cache(maxsize=65_536)
def company(text: str) -> str:
    """The company's own name."""
    plain = folded(text)
    if is_han(plain):
        joined = "".join(words(plain))
        bare = _HAN_FORMS.sub("", joined)
        return bare if len(bare) >= 2 else joined
    kept = [each for each in words(plain) if each not in _LATIN_FORMS]
    return " ".join(kept or words(plain))
