"""Codes and arguments -> sentences. Knows how each argument is written, nothing of decisions."""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import timedelta

from fieldwise_client.errors import InvalidRequest
from fieldwise_client.names import short
from fieldwise_client.wording.table import LANGUAGES, REASONS, REJECTIONS, Words

# How a number is written goes with its name: the same name means the same thing in every reason.
_SHARES = frozenset({"p", "share", "lift", "spend_lift", "probability"})
# What a phone shows of a reason without a second screen.
MOST_CHARACTERS = 140
_NAME = 24
_PER_ONE = frozenset({"per_unit", "per_slot"})
_COUNTS = frozenset({"days", "gap", "usual_gap", "purchase_days", "minutes", "rejected", "window"})


def reason_text(
    code: str, numbers: Mapping[str, float], words: Mapping[str, str], language: str = "en"
) -> str:
    """One reason as a sentence of at most 140 characters; a code or an argument that the table does not know is shown as it is.

    Raises:
        InvalidRequest: The language is not one of the table's.
    """
    named = {name: short(word) for name, word in words.items()}
    text = ""
    # Long names give way first, then figures that nobody has in earnest.
    for most, write in ((MOST_CHARACTERS, number_text), (_NAME, number_text), (_NAME, _shorter)):
        arguments = {name: write(name, value) for name, value in numbers.items()}
        arguments |= {name: clipped(word, most) for name, word in named.items()}
        text = phrase(REASONS, code, language, arguments)
        if len(text) <= MOST_CHARACTERS:
            return text
    return clipped(text, MOST_CHARACTERS)


def clipped(text: str, most: int) -> str:
    """The text, with an ellipsis in the place of what is beyond so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _shorter(_: str, value: float) -> str:
    return f"{value:.3g}"


def phrase(
    table: Mapping[str, Words], code: str, language: str = "en", arguments: Mapping[str, str] | None = None
) -> str:
    """The words of a code with its arguments filled in."""
    if language not in LANGUAGES:
        raise InvalidRequest.of("language", language, f"give one of {', '.join(LANGUAGES)}")
    given = arguments or {}
    words = table.get(code)
    template = getattr(words, language) if words else code
    if words is None or not placeholders(template) <= given.keys():
        listed = ", ".join(f"{name} {text}" for name, text in given.items())
        return f"{code} ({listed})" if listed else code
    return str(template.format(**given))


def placeholders(template: str) -> set[str]:
    """Names of the arguments a template takes."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def number_text(name: str, value: float) -> str:
    """A number as a reader wants it: shares in percent, counts whole, money with cents or finer where it is small."""
    if name in _SHARES:
        return f"{value:.1%}" if abs(value) < 0.1 else f"{value:.0%}"
    if name in _PER_ONE and abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.0f}" if name in _COUNTS else f"{value:,.2f}"


def rejection_text(
    code: str,
    fact: str,
    value: float | None,
    limit: float | None,
    language: str = "en",
    expression: str = "",
) -> str:
    """Why an action did not fit, in a few words; a condition that compares no single fact is shown as it is written."""
    shown = short(fact) if fact.startswith("reps/") else fact or expression
    if code == "CONDITION" and fact and value is None:
        return phrase(REJECTIONS, "NOT_KNOWN", language, {"fact": fact})
    if code == "CONDITION" and value is not None and limit is not None:
        shown = f"{fact} {value:.4g} {'<' if value < limit else '>'} {limit:.4g}"
    return phrase(REJECTIONS, code, language, {"fact": shown})


_AGES = (
    (86_400, Words("d", "天")),
    (3_600, Words("h", "小时")),
    (60, Words("min", "分钟")),
    (1, Words("s", "秒")),
)


def age_text(age: timedelta, language: str = "en") -> str:
    """An age in its largest unit: ``3 d``, ``5 h``, ``12 min``, ``8 s``."""
    seconds = int(age.total_seconds())
    length, unit = next(((length, unit) for length, unit in _AGES if seconds >= length), _AGES[-1])
    return f"{seconds // length} {getattr(unit, language)}"
