"""The words of a search; knows no event."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# A word is a run of letters and digits; Chinese is written without spaces, so a run of it stays whole.
_WORD: Final = re.compile(r"[^\W_]+", re.UNICODE)
MOST_WORDS: Final = 16


def words(query: str) -> tuple[str, ...]:
    """Its different words in lower case, in order; the first sixteen."""
    found = _WORD.findall(unicodedata.normalize("NFKC", query).lower())
    return tuple(dict.fromkeys(found))[:MOST_WORDS]
